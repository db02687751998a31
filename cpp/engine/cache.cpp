#include "engine/cache.hpp"

#include <algorithm>
#include <cstring>

namespace keel::engine {

// The key is a SHA-256, so any eight of its bytes are as good as a hash of all.
size_t CacheKeyHash::operator()(const CacheKey& key) const noexcept {
  size_t hash;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

Cache::Cache(CacheSettings settings) : settings_(settings) {}

const CachedReply* Cache::find(const CacheKey& key, std::string_view canonical, Duration max_age,
                               Duration stale, Instant now) {
  auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  Order::iterator entry = found->second;
  if (now >= entry->kept_until) {
    drop(entry);
    return nullptr;
  }
  if (now >= entry->reply.expires_at + stale) return nullptr;
  if (entry->canonical.view() != canonical) return nullptr;
  if (elapsed(entry->reply.stored_at, now) > max_age) return nullptr;
  order_.splice(order_.begin(), order_, entry);
  return &entry->reply;
}

bool Cache::put(const CacheKey& key, Body canonical, CachedReply reply, const Keeping& keeping,
                Instant now) {
  const int64_t bytes =
      static_cast<int64_t>(canonical.size() + reply.body.size() + keeping.owner.size()) +
      kEntryOverhead;
  if (keeping.ttl <= Duration::zero() || bytes > settings_.max_entry_bytes ||
      bytes > settings_.max_bytes) {
    return false;
  }
  if (auto found = index_.find(key); found != index_.end()) drop(found->second);
  while (bytes_ + bytes > settings_.max_bytes) {
    drop(std::prev(order_.end()));
    ++evictions_;
  }
  reply.stored_at = now;
  reply.expires_at = now + keeping.ttl;
  const Instant kept_until = reply.expires_at + std::max(keeping.stale, Duration::zero());
  order_.push_front(
      {key, std::move(canonical), std::move(reply), kept_until, std::string(keeping.owner), bytes});
  index_.emplace(key, order_.begin());
  bytes_ += bytes;
  return true;
}

size_t Cache::purge(std::string_view owner) {
  const size_t before = index_.size();
  for (auto it = order_.begin(); it != order_.end();) {
    const auto entry = it++;
    if (entry->owner == owner) drop(entry);
  }
  return before - index_.size();
}

void Cache::clear() {
  index_.clear();
  order_.clear();
  bytes_ = 0;
}

void Cache::drop(Order::iterator it) {
  bytes_ -= it->bytes;
  index_.erase(it->key);
  order_.erase(it);
}

}  // namespace keel::engine
