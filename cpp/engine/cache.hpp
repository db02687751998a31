#pragma once
// A bounded store of complete replies with a lifetime (SEMANTICS A9): identity in, reply out, the
// canonical request compared on every hit, least recently used out first. A reply may be kept
// beyond its lifetime for those who say that they take a stale one.

#include "base/body.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <string>
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

  bool stale(Instant now) const { return now >= expires_at; }
};

struct Keeping {
  Duration ttl;            // how long it is good, > 0
  Duration stale;          // ... and how much longer it is kept
  std::string_view owner;  // whose it is, for purge(); copied
};

struct CacheSettings {
  int64_t max_bytes = 64 << 20;       // canonical request + reply + a fixed overhead per entry
  int64_t max_entry_bytes = 1 << 20;  // the same sum of one entry; larger ones are not stored
};

class Cache {
 public:
  // What an entry costs besides its bytes: list and index nodes, two counted strings, its owner.
  static constexpr int64_t kEntryOverhead = 432;

  explicit Cache(CacheSettings settings);

  // The reply stored under this key for exactly this canonical request, not older than `max_age`
  // and expired for less than `stale`, where that is not zero; nullptr otherwise. A key that meets
  // another canonical request is a miss. The reply stays where it is until it is looked up past its
  // time, or until the next put(), purge() or clear().
  const CachedReply* find(const CacheKey& key, std::string_view canonical, Duration max_age,
                          Duration stale, Instant now);
  // Stores it, evicting the least recently used until it fits; an entry of the same key is
  // replaced. False, and nothing changed: too large, or a lifetime not above zero.
  bool put(const CacheKey& key, Body canonical, CachedReply reply, const Keeping& keeping,
           Instant now);
  // Forgets all of this owner's entries; how many they were. O(entries).
  size_t purge(std::string_view owner);
  void clear();

  int64_t bytes() const { return bytes_; }
  size_t entries() const { return index_.size(); }
  uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    CacheKey key;
    Body canonical;
    CachedReply reply;
    Instant kept_until;
    std::string owner;
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
