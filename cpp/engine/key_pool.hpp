#pragma once
// The keys of one provider (SEMANTICS A2, A6): which one to use next, and what each may no longer
// do. Keys have cooldowns, not breakers. Providers limit per model, so a key that is throttled for
// one model stays good for the others.

#include "base/random.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/concurrency.hpp"
#include "engine/rate_limiter.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::engine {

struct KeyLimits {
  int64_t requests_per_minute = 0;  // 0: unknown, not limited by us
  int64_t tokens_per_minute = 0;
  int64_t concurrency = 0;
};

struct KeySettings {
  KeyLimits limits;
  std::string account;  // billing scope; keys with the same text (also empty) share it
};

enum class KeyOrder : uint8_t {
  least_loaded,       // min over max(used/limit RPM, TPM, concurrency); tie: fewest in flight, then
                      // least recently used
  least_used_random,  // the article's pool: least used this minute, ties at random from the seed
};

// Why a key (or all of them) cannot be used, and until when.
enum class KeyReason : uint8_t {
  none,
  no_key,
  dead,
  cooling,
  denied,
  exhausted,
  limited,
  excluded
};

class KeyPool {
 public:
  using ModelId = uint32_t;  // the caller's number for a model of this provider

  struct Lease {
    KeyIndex key = 0;
    ModelId model = 0;
    int64_t tokens = 0;  // taken from the key's tokens per minute
    Concurrency::Lease place;
  };
  struct Availability {
    KeyReason reason = KeyReason::none;  // none: a key can be had now
    Instant until = Instant::never();    // else when one may be; never: nobody knows
  };

  KeyPool(const std::vector<KeySettings>& keys, KeyOrder order, uint64_t seed);

  // Goes on where `before` is, for the keys and models that were there too: `keys` and `models`
  // have by their numbers here the numbers they had there. Limits are shared with it, because its
  // leases are still out; what is dead, cooling, denied or benched is copied. First thing of all.
  void take_over(const KeyPool& before, const std::vector<std::optional<KeyIndex>>& keys,
                 const std::vector<std::optional<ModelId>>& models, Instant now);

  size_t size() const { return keys_.size(); }
  // Peeks. `excluded` lists keys this request may not use again.
  Availability availability(ModelId model, int64_t tokens, const std::vector<KeyIndex>& excluded,
                            Instant now) const;
  // Takes the best usable key and its limits, all or nothing. At `until` the lease ends by itself.
  std::optional<Lease> take(ModelId model, int64_t tokens, const std::vector<KeyIndex>& excluded,
                            Instant until, Instant now);
  // Gives the lease back exactly once; a second time, and once it has ended, is ignored.
  // `actual_tokens` replaces what was taken; `sent` false gives back the request count and all
  // tokens.
  void give_back(const Lease& lease, int64_t actual_tokens, bool sent, Instant now);

  // 429: cools (key, model) for the server's delay (capped at 10 min), else 1 s * 2^(n-1), at most
  // 60 s, n = consecutive 429s of the pair. Returns the delay.
  Duration throttle(KeyIndex key, ModelId model, std::optional<Duration> server_delay, Instant now);
  // A success ends the pair's run of 429s, a suspicion, and a bench if it was the bench's trial
  // (not one that was under way before). It does not end a cooldown. Before or after give_back().
  void succeed(KeyIndex key, ModelId model);
  // 401: unusable until revive().
  void kill(KeyIndex key, Instant now);
  // 403/404 on a model: (key, model) is denied for 10 minutes.
  void deny(KeyIndex key, ModelId model, Instant now);
  // Quota or spend exhausted: every key of the key's account rests until then (default 15 min; of
  // several statements the latest end counts), then one real request at a time until one succeeds.
  void bench(KeyIndex key, std::optional<Duration> until_reset, Instant now);
  // An active probe met a 401: used last, not disabled.
  void suspect(KeyIndex key);
  void revive(KeyIndex key);

  // The way back of dead keys: which one is due a free call (1 min after it died, 5 min after that
  // failed, then every 15 min), and when the next will be. A key stays due until revive() or
  // revival_failed().
  std::optional<KeyIndex> revival_due(Instant now) const;
  void revival_failed(KeyIndex key, Instant now);
  Instant wake_at() const;
  // For an active probe: a key that is not dead, suspects last; nothing when all are dead.
  std::optional<KeyIndex> key_for_probe(Instant now) const;

  bool dead(KeyIndex key) const { return keys_[key].dead; }
  int64_t in_flight(KeyIndex key, Instant now) const { return keys_[key].places->in_flight(now); }
  int64_t in_flight(Instant now) const;
  uint64_t uses(KeyIndex key) const { return keys_[key].uses; }
  // The fullest of the key's limits, in [0, 1]; 0 where no limit is known.
  double load(KeyIndex key, Instant now) const;
  // May (key, model) be used, leaving limits and a bench's trial aside? `until` is written when it
  // may not. The simulator's invariant K1 asks this.
  KeyReason barred(KeyIndex key, ModelId model, Instant now, Instant* until = nullptr) const;

 private:
  struct Pair {
    Instant cooling_until{};
    Instant denied_until{};
    int throttles = 0;  // 429s in a row
  };
  struct Key {
    std::shared_ptr<RateLimiter> requests;  // nothing: not limited by us
    std::shared_ptr<RateLimiter> tokens;
    std::shared_ptr<Concurrency> places;  // unlimited where no limit is known
    uint32_t scope = 0;
    bool dead = false;
    bool suspect = false;
    int revivals = 0;  // 1 once a free call has failed since it died
    Instant revive_at = Instant::never();
    uint64_t uses = 0;
    uint64_t last_used = 0;
    int64_t used_this_minute = 0;
    int64_t minute = 0;
    std::unordered_map<ModelId, Pair> pairs;
  };
  struct Scope {
    std::string account;
    Instant benched_until{};
    bool unproven = false;   // benched, and no real request has succeeded since
    bool trial_out = false;  // a request was let through to find out
  };
  // What stands in a key's way: the reason that holds longest.
  struct Hurdle {
    KeyReason reason = KeyReason::none;
    Instant until{};
    void add(KeyReason why, Instant end, Instant now);
  };
  // Which key goes first: the smaller. Equal ranks are a tie.
  struct Rank {
    bool suspect = false;
    double load = 0;
    int64_t busy = 0;
    uint64_t last_used = 0;
    auto operator<=>(const Rank&) const = default;
  };
  uint32_t scope_of(const std::string& account);
  bool anyone_in(uint32_t scope, Instant now) const;
  Hurdle bar(KeyIndex index, ModelId model, Instant now) const;
  Hurdle hurdle(KeyIndex index, ModelId model, int64_t tokens, Instant now) const;
  Rank rank(KeyIndex index, Instant now) const;
  Lease lend(KeyIndex index, ModelId model, int64_t tokens, Instant until, Instant now);

  std::vector<Key> keys_;
  std::vector<Scope> scopes_;
  KeyOrder order_;
  Random random_;
  uint64_t clock_ = 0;  // counts uses, for least recently used
};

std::string_view name_of(KeyReason reason);

}  // namespace keel::engine
