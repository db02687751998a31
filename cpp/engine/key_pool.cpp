#include "engine/key_pool.hpp"

#include <algorithm>

namespace keel::engine {

namespace {

constexpr Duration kCooldownMax = minutes(10);  // SEMANTICS A3: a server's delay counts up to this
constexpr Duration kOwnCooldownMax = seconds(60);
constexpr Duration kDoubtMax = seconds(15);  // as long as a breaker waits at most
constexpr Duration kDenied = minutes(10);
constexpr Duration kBench = minutes(15);
constexpr int64_t kMinuteNs = minutes(1).ns;

bool contains(const std::vector<KeyIndex>& keys, KeyIndex key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

std::string_view name_of(KeyReason reason) {
  switch (reason) {
    case KeyReason::none:
      return "none";
    case KeyReason::no_key:
      return "no_key";
    case KeyReason::dead:
      return "dead";
    case KeyReason::cooling:
      return "cooling";
    case KeyReason::denied:
      return "denied";
    case KeyReason::exhausted:
      return "exhausted";
    case KeyReason::limited:
      return "limited";
    case KeyReason::excluded:
      return "excluded";
  }
  return "unknown";
}

KeyPool::KeyPool(const std::vector<KeySettings>& keys, KeyOrder order, uint64_t seed)
    : order_(order), random_(seed) {
  for (const KeySettings& settings : keys) {
    Key& key = keys_.emplace_back();
    const KeyLimits& limits = settings.limits;
    if (limits.requests_per_minute > 0) {
      key.requests =
          std::make_shared<RateLimiter>(Quota::requests_per_minute(limits.requests_per_minute));
    }
    if (limits.tokens_per_minute > 0) {
      key.tokens =
          std::make_shared<RateLimiter>(Quota::tokens_per_minute(limits.tokens_per_minute));
    }
    key.places = std::make_shared<Concurrency>(limits.concurrency > 0 ? limits.concurrency
                                                                      : Concurrency::kUnlimited);
    key.scope = scope_of(settings.account);
  }
}

void KeyPool::take_over(const KeyPool& before, const std::vector<std::optional<KeyIndex>>& keys,
                        const std::vector<std::optional<ModelId>>& models, Instant now) {
  for (KeyIndex i = 0; i < keys_.size() && i < keys.size(); ++i) {
    if (!keys[i]) continue;
    Key& key = keys_[i];
    const Key& old = before.keys_[*keys[i]];
    share_limiter(key.requests, old.requests, now);
    share_limiter(key.tokens, old.tokens, now);
    share_concurrency(key.places, old.places);
    key.dead = old.dead;
    key.suspect = old.suspect;
    key.revivals = old.revivals;
    key.revive_at = old.revive_at;
    key.uses = old.uses;
    key.last_used = old.last_used;
    key.used_this_minute = old.used_this_minute;
    key.minute = old.minute;
    for (ModelId m = 0; m < models.size(); ++m) {
      if (!models[m]) continue;
      if (auto pair = old.pairs.find(*models[m]); pair != old.pairs.end())
        key.pairs[m] = pair->second;
    }
    const Scope& bench = before.scopes_[old.scope];
    Scope& scope = scopes_[key.scope];
    scope.benched_until = std::max(scope.benched_until, bench.benched_until);
    scope.unproven |= bench.unproven;
  }
  clock_ = std::max(clock_, before.clock_);
}

uint32_t KeyPool::scope_of(const std::string& account) {
  auto found = std::find_if(scopes_.begin(), scopes_.end(),
                            [&](const Scope& scope) { return scope.account == account; });
  if (found == scopes_.end()) {
    scopes_.emplace_back().account = account;
    return static_cast<uint32_t>(scopes_.size() - 1);
  }
  return static_cast<uint32_t>(found - scopes_.begin());
}

bool KeyPool::anyone_in(uint32_t scope, Instant now) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) {
    return key.scope == scope && key.places->in_flight(now) > 0;
  });
}

void KeyPool::Hurdle::add(KeyReason why, Instant end, Instant now) {
  if (end <= now || (reason != KeyReason::none && end <= until)) return;
  reason = why;
  until = end;
}

KeyPool::Hurdle KeyPool::bar(KeyIndex index, ModelId model, Instant now) const {
  const Key& key = keys_[index];
  if (key.dead) return {KeyReason::dead, Instant::never()};
  Hurdle found;
  found.add(KeyReason::exhausted, scopes_[key.scope].benched_until, now);
  if (auto pair = key.pairs.find(model); pair != key.pairs.end()) {
    found.add(KeyReason::denied, pair->second.denied_until, now);
    found.add(KeyReason::cooling, pair->second.cooling_until, now);
  }
  return found;
}

// bar(), the trial of a bench and the limits.
KeyPool::Hurdle KeyPool::hurdle(KeyIndex index, ModelId model, int64_t tokens, Instant now) const {
  const Key& key = keys_[index];
  const Scope& scope = scopes_[key.scope];
  Hurdle found = bar(index, model, now);
  if (scope.unproven && anyone_in(key.scope, now)) {
    found.add(KeyReason::exhausted, Instant::never(), now);
  }
  auto limit = [&](const Allowance& allowance) {
    if (allowance.kind == Allowance::Kind::never) {
      found.add(KeyReason::limited, Instant::never(), now);
    } else if (allowance.kind == Allowance::Kind::wait) {
      Duration wait = std::max(allowance.retry_after, nanoseconds(1));
      found.add(KeyReason::limited, now + wait, now);
    }
  };
  if (key.requests) limit(key.requests->would_allow(1, now));
  if (key.tokens) limit(key.tokens->would_allow(tokens, now));
  if (!key.places->would_allow(now)) {
    found.add(KeyReason::limited, Instant::never(), now);
  }
  return found;
}

KeyReason KeyPool::barred(KeyIndex key, ModelId model, Instant now, Instant* until) const {
  Hurdle found = bar(key, model, now);
  if (until && found.reason != KeyReason::none) *until = found.until;
  return found.reason;
}

KeyPool::Availability KeyPool::availability(ModelId model, int64_t tokens,
                                            const std::vector<KeyIndex>& excluded,
                                            Instant now) const {
  tokens = std::max<int64_t>(tokens, 0);
  Availability best{keys_.empty() ? KeyReason::no_key : KeyReason::excluded, Instant::never()};
  for (KeyIndex i = 0; i < keys_.size(); ++i) {
    if (contains(excluded, i)) continue;
    Hurdle found = hurdle(i, model, tokens, now);
    if (found.reason == KeyReason::none) return {KeyReason::none, now};
    if (best.reason == KeyReason::excluded || found.until < best.until) {
      best = {found.reason, found.until};
    }
  }
  return best;
}

KeyPool::Rank KeyPool::rank(KeyIndex index, Instant now) const {
  const Key& key = keys_[index];
  if (order_ == KeyOrder::least_loaded) {
    return {key.suspect, load(index, now), key.places->in_flight(now), key.last_used};
  }
  bool old = now.ns / kMinuteNs > key.minute;
  return {key.suspect, 0, old ? 0 : key.used_this_minute, 0};
}

std::optional<KeyPool::Lease> KeyPool::take(ModelId model, int64_t tokens,
                                            const std::vector<KeyIndex>& excluded, Instant until,
                                            Instant now) {
  tokens = std::max<int64_t>(tokens, 0);
  std::optional<KeyIndex> best;
  Rank best_rank;
  uint64_t ties = 1;
  for (KeyIndex i = 0; i < keys_.size(); ++i) {
    if (contains(excluded, i)) continue;
    if (hurdle(i, model, tokens, now).reason != KeyReason::none) continue;
    Rank mine = rank(i, now);
    if (best && mine > best_rank) continue;
    ties = best && mine == best_rank ? ties + 1 : 1;
    // Of n equal keys each is drawn with probability 1/n; least_loaded keeps the first.
    if (ties > 1 && (order_ == KeyOrder::least_loaded || random_.below(ties) != 0)) continue;
    best = i;
    best_rank = mine;
  }
  if (!best) return std::nullopt;
  return lend(*best, model, tokens, until, now);
}

KeyPool::Lease KeyPool::lend(KeyIndex index, ModelId model, int64_t tokens, Instant until,
                             Instant now) {
  Key& key = keys_[index];
  Scope& scope = scopes_[key.scope];
  if (key.requests) key.requests->try_take(1, now);
  if (key.tokens) key.tokens->try_take(tokens, now);
  if (int64_t minute = now.ns / kMinuteNs; minute > key.minute) {
    key.minute = minute;
    key.used_this_minute = 0;
  }
  ++key.used_this_minute;
  ++key.uses;
  scope.trial_out = scope.unproven;
  key.last_used = ++clock_;
  return {index, model, tokens, key.places->enter(until, now)};
}

void KeyPool::give_back(const Lease& lease, int64_t actual_tokens, bool sent, Instant now) {
  if (lease.key >= keys_.size()) return;
  Key& key = keys_[lease.key];
  if (!key.places->leave(lease.place, now)) return;
  if (key.requests && !sent) key.requests->settle(1, 0, now);
  int64_t used = sent ? std::max<int64_t>(actual_tokens, 0) : 0;
  if (key.tokens) key.tokens->settle(lease.tokens, used, now);
}

Duration KeyPool::throttle(KeyIndex key, ModelId model, std::optional<Duration> server_delay,
                           Instant now) {
  Pair& pair = keys_[key].pairs[model];
  // Requests that were under way together meet the same limit: they are one 429, not many in a row.
  if (pair.throttles == 0 || now >= pair.cooling_until)
    pair.throttles = std::min(pair.throttles + 1, 30);
  Duration delay = server_delay
                       ? std::clamp(*server_delay, Duration::zero(), kCooldownMax)
                       : std::min(seconds(int64_t{1} << (pair.throttles - 1)), kOwnCooldownMax);
  // It was left alone as asked, twice, and says the same again: its delays are believed less.
  if (pair.throttles >= 3)
    delay = std::max(delay, std::min(seconds(int64_t{1} << (pair.throttles - 3)), kDoubtMax));
  pair.cooling_until = std::max(pair.cooling_until, now + delay);
  return delay;
}

void KeyPool::succeed(KeyIndex index, ModelId model) {
  Key& key = keys_[index];
  if (auto pair = key.pairs.find(model); pair != key.pairs.end()) pair->second.throttles = 0;
  key.suspect = false;
  Scope& scope = scopes_[key.scope];
  if (scope.trial_out) scope.unproven = scope.trial_out = false;
}

void KeyPool::kill(KeyIndex index, Instant now) {
  Key& key = keys_[index];
  if (key.dead) return;  // a second 401 of a request under way must not put the way back off
  key.dead = true;
  key.revivals = 0;
  key.revive_at = now + minutes(1);
}

void KeyPool::deny(KeyIndex key, ModelId model, Instant now) {
  Pair& pair = keys_[key].pairs[model];
  pair.denied_until = std::max(pair.denied_until, now + kDenied);
}

void KeyPool::bench(KeyIndex key, std::optional<Duration> until_reset, Instant now) {
  Scope& scope = scopes_[keys_[key].scope];
  Duration rest = std::max(until_reset.value_or(kBench), Duration::zero());
  scope.benched_until = std::max(scope.benched_until, now + rest);
  scope.unproven = true;
  scope.trial_out = false;
}

void KeyPool::suspect(KeyIndex key) {
  keys_[key].suspect = true;
}

void KeyPool::revive(KeyIndex index) {
  Key& key = keys_[index];
  key.dead = false;
  key.suspect = false;
  key.revivals = 0;
  key.revive_at = Instant::never();
}

std::optional<KeyIndex> KeyPool::revival_due(Instant now) const {
  std::optional<KeyIndex> due;
  for (KeyIndex i = 0; i < keys_.size(); ++i) {
    if (!keys_[i].dead || keys_[i].revive_at > now) continue;
    if (!due || keys_[i].revive_at < keys_[*due].revive_at) due = i;
  }
  return due;
}

void KeyPool::revival_failed(KeyIndex index, Instant now) {
  Key& key = keys_[index];
  if (!key.dead) return;
  key.revive_at = now + (key.revivals == 0 ? minutes(5) : minutes(15));
  key.revivals = 1;
}

Instant KeyPool::wake_at() const {
  Instant next = Instant::never();
  for (const Key& key : keys_) {
    if (key.dead) next = std::min(next, key.revive_at);
  }
  return next;
}

std::optional<KeyIndex> KeyPool::key_for_probe(Instant) const {
  std::optional<KeyIndex> found;
  for (KeyIndex i = 0; i < keys_.size(); ++i) {
    if (keys_[i].dead) continue;
    if (!keys_[i].suspect) return i;
    if (!found) found = i;
  }
  return found;
}

int64_t KeyPool::in_flight(Instant now) const {
  int64_t all = 0;
  for (const Key& key : keys_) all += key.places->in_flight(now);
  return all;
}

double KeyPool::load(KeyIndex index, Instant now) const {
  const Key& key = keys_[index];
  double fullest = 0;
  if (key.requests) fullest = std::max(fullest, 1 - key.requests->share_left(now));
  if (key.tokens) fullest = std::max(fullest, 1 - key.tokens->share_left(now));
  fullest = std::max(fullest, 1 - key.places->share_left(now));
  return std::clamp(fullest, 0.0, 1.0);
}

}  // namespace keel::engine
