#pragma once
// A bounded store of complete replies with a lifetime (SEMANTICS A9): identity in, reply out, the
// canonical request compared on every hit, least recently used out first.

#include "base/body.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

namespace keel::engine {

using CacheKey = std::array<uint8_t, 32>;
struct CacheKeyHash {
  size_t operator()(const CacheKey& key) const noexcept;
};

struct CachedReply {
  Body body;
  TargetIndex target = 0;
  Usage usage;
  Instant stored_at{};
  Instant expires_at{};
};

struct CacheSettings {
  int64_t max_bytes = 64 << 20;       // canonical request + reply + a fixed overhead per entry
  int64_t max_entry_bytes = 1 << 20;  // the same sum of one entry; larger ones are not stored
};

class Cache {
 public:
  // What an entry costs besides its bytes: list and index nodes, two counted strings.
  static constexpr int64_t kEntryOverhead = 384;

  explicit Cache(CacheSettings settings);

  // The reply stored under this key for exactly this canonical request, not older than `max_age`;
  // nullptr otherwise. A key that meets another canonical request is a miss. The reply stays where
  // it is until the next put() or clear().
  const CachedReply* find(const CacheKey& key, std::string_view canonical, Duration max_age,
                          Instant now);
  // Stores for `ttl` (> 0), evicting the least recently used until it fits; an entry of the
  // same key is replaced. False, and nothing changed: too large, or ttl not above zero.
  bool put(const CacheKey& key, Body canonical, CachedReply reply, Duration ttl, Instant now);
  void clear();

  int64_t bytes() const { return bytes_; }
  size_t entries() const { return index_.size(); }
  uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    CacheKey key;
    Body canonical;
    CachedReply reply;
    int64_t bytes = 0;
  };
  using Order = std::list<Entry>;
  void drop(Order::iterator it);

  CacheSettings settings_;
  Order order_;  // most recently used first
  std::unordered_map<CacheKey, Order::iterator, CacheKeyHash> index_;
  int64_t bytes_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace keel::engine
