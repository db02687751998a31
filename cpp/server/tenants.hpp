#pragma once
// Whose request is this? Client keys are known by their SHA-256 only; an address that brings wrong
// ones is slowed down (SEMANTICS T4).

#include "base/time.hpp"
#include "engine/rate_limiter.hpp"
#include "http/head.hpp"
#include "relay/config.hpp"
#include "server/recent_keys.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace keel::server {

// The key in `Authorization: Bearer`, `x-api-key` or `api-key`, in this order; empty if none.
std::string_view client_key(const http::Head& head);

std::string sha256_hex(std::string_view text);

// Addresses that brought wrong keys. Outlives a configuration.
class WrongKeys {
 public:
  // At once, and then ten seconds apart each.
  static constexpr int64_t kBurst = 20;
  static constexpr int64_t kPerMinute = 6;
  static constexpr size_t kMostAddresses = 4096;
  static constexpr size_t kMostProved = 65'536;

  // May this address try a key that it has not used well before? Else: when again.
  engine::Allowance may_try(const std::string& address, Instant now) const;
  void failed(const std::string& address, Instant now);

  bool proved(const std::string& address, const std::string& digest) const;
  void prove(const std::string& address, const std::string& digest);

 private:
  std::unordered_map<std::string, engine::RateLimiter> failures_;
  std::unordered_set<std::string> proved_;
};

struct Caller {
  enum class Kind : uint8_t { known, no_key, wrong_key, too_many };
  Kind kind = Kind::known;
  std::string tenant;    // empty: the relay's own
  Duration retry_after;  // of too_many
};

class Tenants {
 public:
  explicit Tenants(const relay::Config& config);

  bool any() const { return !keys_.empty(); }
  // Without tenants everybody is known and no key is looked at. Failures are counted.
  Caller identify(const http::Head& head, const std::string& address, WrongKeys& wrong,
                  Instant now);

 private:
  struct Key {
    std::string digest;  // 64 lower-case hex digits
    std::string tenant;
  };
  const Key* find(const std::string& digest) const;

  std::unordered_multimap<std::string, Key> keys_;  // by the digest's first half
  RecentKeys recent_;                               // of them, with an address that proved it
};

}  // namespace keel::server
