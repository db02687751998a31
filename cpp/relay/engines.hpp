#pragma once
// Everything a relay decides with: the engines and policies behind every target, provider, route
// and account. Owned by one Relay, used on one thread.

#include "base/deadlines.hpp"
#include "base/random.hpp"
#include "engine/adaptive_concurrency.hpp"
#include "engine/breaker.hpp"
#include "engine/budget.hpp"
#include "engine/cache.hpp"
#include "engine/concurrency.hpp"
#include "engine/health.hpp"
#include "engine/key_pool.hpp"
#include "engine/lease_holder.hpp"
#include "engine/rate_limiter.hpp"
#include "engine/retry_budget.hpp"
#include "engine/single_flight.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"
#include "relay/metrics.hpp"
#include "relay/policy_set.hpp"
#include "relay/traces.hpp"
#include "wire/canonical.hpp"

#include <keel/abi.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace keel::relay {

// What time alone will bring, besides what the engines' own wake_at() say.
struct Due {
  enum class Kind : uint8_t {
    call_deadline,  // id: call
    call_wait,      // id: call
    kept_back,      // id: call
    flight,         // id: call; it may be over
    attempt_limit,  // id: attempt
    connect_limit,  // id: attempt
    hedge,          // id: attempt
    breaker,        // id: target
    health_check,   // id: provider
    probe_limit,    // id: probe
    key_revival,    // id: provider
    hold_leases,    // the ledger
    refresh,        // id: a call of the relay's own, to be begun
    lease,          // id: call; it may be over
    leases,         // the holders of shared accounts
  };
  Kind kind = Kind::call_deadline;
  uint64_t id = 0;
};
using DueTimes = Deadlines<Due>;

// Requests and tokens per minute and how many at once, taken together or not at all.
struct LimitSet {
  std::shared_ptr<engine::RateLimiter> requests;  // each: nothing where there is no limit
  std::shared_ptr<engine::RateLimiter> tokens;
  std::shared_ptr<engine::Concurrency> concurrency;

  explicit LimitSet(const Limits& limits);
  engine::Allowance would_allow(int64_t token_count, Instant now) const;
  // After would_allow said yes. At `until` the place is free again, whatever happens.
  engine::Concurrency::Lease take(int64_t token_count, Instant until, Instant now);
  // The request is over. `actual` replaces the tokens taken; `sent` false returns the request too.
  void give_back(engine::Concurrency::Lease place, int64_t taken, int64_t actual, bool sent,
                 Instant now);
  // Shares what both limit with the set before it, under the limits here.
  void take_over(const LimitSet& before, Instant now);
};

struct TargetEngines {
  engine::Breaker breaker;
  engine::Health health;
  engine::RetryBudget retries;
  // Who is in flight, and how many the provider bears there. Shared with the relay before.
  std::shared_ptr<engine::AdaptiveConcurrency> pool =
      std::make_shared<engine::AdaptiveConcurrency>();
  DueTimes::Handle breaker_timer = DueTimes::kNone;
  engine::Breaker::State told = engine::Breaker::State::closed;  // the last state given notice of
  // Quantiles cost a walk over their buckets; what policies see of them is up to a quarter of a
  // second old.
  keel_latency first_token{};
  keel_latency output_token{};
  Instant latencies_read_at = Instant{INT64_MIN};
  std::optional<Instant> overrun;  // when notice of one was given last
  keel_target described{};  // the fixed half of what policies see; tier and weight are the route's
};

struct ProviderEngines {
  engine::KeyPool keys;
  LimitSet limits;
  std::optional<ProbeId> probe;
  int bad_probes = 0;  // in a row
  DueTimes::Handle check_timer = DueTimes::kNone;
  DueTimes::Handle revival_timer = DueTimes::kNone;
};

struct RouteEngines {
  engine::RetryBudget extra_sends;
  std::optional<engine::RetryBudget> hedges;     // where the route has them
  std::vector<engine::Quantiles> output_tokens;  // per target of the route
  std::vector<keel_target> described;            // with the route's tier and weight
  RoutePolicies policies;
  std::optional<Instant> failure;  // when notice of a policy's failure was given last
};

struct AccountEngines {
  LimitSet limits;
  std::optional<AccountIndex> ledger;  // its account in the budget, if it has one
  int64_t alerted_window = -1;         // events once per window
  int64_t exhausted_window = -1;
  int64_t cache_only_window = -1;
  // Cheaper models stand in since this window, under this limit. What is committed goes up and down
  // with every hold; what is told does not.
  struct Downgrading {
    int64_t window = 0;
    NanoUsd limit;
    friend bool operator==(const Downgrading&, const Downgrading&) = default;
  };
  std::optional<Downgrading> downgrading;
};

struct PendingProbe {
  ProviderIndex provider = 0;
  std::optional<KeyIndex> key;
  bool revival = false;  // asks whether a dead key works again
  Instant began;
  DueTimes::Handle limit_timer = DueTimes::kNone;
};

// A stale answer was given: this is to be asked anew.
struct PendingRefresh {
  Request request;
  Body canonical;
  wire::Identity digest;
  engine::SingleFlight::Seat seat = engine::SingleFlight::kNone;  // it asks
};

struct Engines {
  Engines(std::shared_ptr<const Config> config, PolicySet policies, uint64_t seed);

  std::shared_ptr<const Config> config;
  Random random;
  std::vector<TargetEngines> targets;
  std::vector<ProviderEngines> providers;
  std::vector<RouteEngines> routes;
  std::vector<AccountEngines> accounts;
  std::shared_ptr<engine::Budget> budget;  // shared with the relays before and after this one
  std::vector<std::shared_ptr<engine::LeaseHolder>> leases;  // of shared accounts, as budget is
  std::vector<CallId> await_leases;                          // who waits for an authority
  DueTimes::Handle lease_timer = DueTimes::kNone;
  engine::Cache cache;
  engine::SingleFlight flights;
  std::unordered_map<std::string, AccountIndex> account_by_name;
  std::unordered_map<std::string, RouteIndex> route_by_name;

  DueTimes due;
  DueTimes::Handle ledger_timer = DueTimes::kNone;
  std::unordered_map<AttemptId, CallId> attempts;  // in flight
  std::unordered_map<ProbeId, PendingProbe> probes;
  std::unordered_map<CallId, PendingRefresh> refreshes;  // not begun yet
  CallId next_own_call = kOwnCalls;
  AttemptId next_attempt = 1;
  ProbeId next_probe = 1;
  int64_t wall_offset_ns = 0;  // unix time minus our own clock
  bool succeeded = false;      // another relay took over: what both see, that one tells
  Metrics metrics;
  std::shared_ptr<const TargetNames> target_names;
  std::shared_ptr<Traces> traces;  // of the calls that were answered

  int64_t unix_ns(Instant now) const { return now.ns + wall_offset_ns; }
  const ProviderConfig& provider_of(TargetIndex target) const {
    return config->providers[config->targets[target].provider];
  }
  const ModelConfig& model_of(TargetIndex target) const {
    return provider_of(target).models[config->targets[target].model];
  }
  ProviderEngines& provider_engines(TargetIndex target) {
    return providers[config->targets[target].provider];
  }
  const ProviderEngines& provider_engines(TargetIndex target) const {
    return providers[config->targets[target].provider];
  }
  bool probes_on() const { return config->health_check.interval > Duration::zero(); }
};

// After anything that may have moved a breaker: keep its timer right and tell of a transition.
void breaker_moved(Engines& engines, TargetIndex target, Actions& actions, Instant now);
// After anything that may have moved the ledger's earliest lease.
void arm_ledger(Engines& engines);
// After anything that may have killed or revived a key.
void arm_revival(Engines& engines, ProviderIndex provider);

void tell(Actions& actions, Notice::Kind kind, std::string subject, std::string text);
// For what has no window of its own: true, and noted, unless there was notice within a minute.
bool once_a_minute(std::optional<Instant>& last, Instant now);

}  // namespace keel::relay
