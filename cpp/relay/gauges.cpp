#include "relay/gauges.hpp"

#include "relay/availability.hpp"
#include "relay/engines.hpp"
#include "relay/tiers.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace keel::relay {

namespace {

Labels labels_of(const Engines& engines, TargetIndex target) {
  return {{"provider", engines.provider_of(target).name}, {"model", engines.model_of(target).name}};
}

template <typename Test>
bool any_target_of(const Engines& engines, ProviderIndex provider, Test test) {
  for (TargetIndex i = 0; i < engines.targets.size(); ++i)
    if (engines.config->targets[i].provider == provider && test(i)) return true;
  return false;
}

// Our own limits being full for a moment is no news about the provider.
bool up(const Engines& engines, TargetIndex target, Instant now) {
  const Availability is = available(engines, target, 1, {}, now);
  return is || is.why == Removed::provider_limit || is.why == Removed::pool_limit ||
         is.why == Removed::ramping || is.key == engine::KeyReason::limited;
}

uint64_t number_of(engine::Breaker::State state) {
  switch (state) {
    case engine::Breaker::State::half_open:
      return 1;
    case engine::Breaker::State::open:
    case engine::Breaker::State::forced_open:
      return 2;
    default:
      return 0;
  }
}

void render_targets(Exposition& out, const Engines& engines, Instant now) {
  const auto providers = static_cast<ProviderIndex>(engines.providers.size());
  const auto targets = static_cast<TargetIndex>(engines.targets.size());
  out.family("keel_provider_up", "gauge",
             "1 if the breakers and keys of at least one of the provider's targets let a request "
             "through.");
  for (ProviderIndex p = 0; p < providers; ++p) {
    const bool is_up =
        any_target_of(engines, p, [&](TargetIndex t) { return up(engines, t, now); });
    out.sample({{"provider", engines.config->providers[p].name}}, uint64_t{is_up});
  }
  engine::BestLatency best;
  for (const TargetEngines& target : engines.targets) best.consider(target.health, now);
  out.family("keel_provider_health_score", "gauge",
             "A target's health in [0, 1], its latency measured against the fastest target's.");
  for (TargetIndex t = 0; t < targets; ++t) {
    const TargetEngines& target = engines.targets[t];
    out.sample(labels_of(engines, t),
               target.health.score(target.breaker.state(), best.like(target.health, now), now));
  }
  out.family("keel_breaker_state", "gauge", "0 closed, 1 half-open, 2 open.");
  for (TargetIndex t = 0; t < targets; ++t)
    out.sample(labels_of(engines, t), number_of(engines.targets[t].breaker.state()));
  out.family("keel_in_flight", "gauge", "Attempts in flight.");
  for (TargetIndex t = 0; t < targets; ++t)
    out.sample(labels_of(engines, t), engines.targets[t].pool->in_flight(now));
  out.family("keel_concurrency_limit", "gauge",
             "How many in flight a target's provider bears; none until it says that it is too "
             "much.");
  for (TargetIndex t = 0; t < targets; ++t)
    if (const auto limit = engines.targets[t].pool->limit())
      out.sample(labels_of(engines, t), *limit);
}

bool key_is_up(const Engines& engines, ProviderIndex provider, KeyIndex key, Instant now) {
  return any_target_of(engines, provider, [&](TargetIndex t) {
    return engines.providers[provider].keys.barred(key, engines.config->targets[t].model, now) ==
           engine::KeyReason::none;
  });
}

// One key listed twice has one label; the format forbids a second sample of it.
template <typename Visit>
void for_keys(const Engines& engines, Visit visit) {
  for (ProviderIndex p = 0; p < engines.providers.size(); ++p) {
    const ProviderConfig& provider = engines.config->providers[p];
    std::set<std::string_view> seen;
    for (KeyIndex k = 0; k < provider.keys.size(); ++k)
      if (seen.insert(provider.keys[k].label).second)
        visit(Labels{{"provider", provider.name}, {"key", provider.keys[k].label}}, p, k);
  }
}

void render_keys(Exposition& out, const Engines& engines, Instant now) {
  out.family("keel_key_up", "gauge",
             "1 if the key may be used for at least one target: not dead, cooling, denied or "
             "benched.");
  for_keys(engines, [&](const Labels& labels, ProviderIndex p, KeyIndex k) {
    out.sample(labels, uint64_t{key_is_up(engines, p, k, now)});
  });
  out.family("keel_key_usage_ratio", "gauge",
             "The fullest of the key's limits, in [0, 1]; 0 where none is known.");
  for_keys(engines, [&](const Labels& labels, ProviderIndex p, KeyIndex k) {
    out.sample(labels, engines.providers[p].keys.load(k, now));
  });
}

// Calls visit(account's name, its configuration, its totals) for every account of the ledger.
template <typename Visit>
void for_ledger(const Engines& engines, Instant now, Visit visit) {
  for (AccountIndex i = 0; i < engines.accounts.size(); ++i)
    if (const auto& ledger = engines.accounts[i].ledger)
      visit(engines.config->accounts[i], engines.budget->totals(*ledger, engines.unix_ns(now)));
}

void render_money(Exposition& out, const Engines& engines, Instant now) {
  using Totals = engine::Budget::Totals;
  out.family("keel_budget_limit_usd", "gauge", "An account's limit for one window.");
  for (const AccountConfig& account : engines.config->accounts)
    if (account.budget) out.sample({{"account", account.name}}, to_usd_text(account.budget->limit));
  out.family("keel_budget_spent_usd", "gauge", "Posted in the account's current window.");
  for_ledger(engines, now, [&](const AccountConfig& account, const Totals& totals) {
    out.sample({{"account", account.name}}, to_usd_text(totals.posted + totals.overrun));
  });
  out.family("keel_budget_held_usd", "gauge", "Held for attempts that are not settled yet.");
  for_ledger(engines, now, [&](const AccountConfig& account, const Totals& totals) {
    out.sample({{"account", account.name}}, to_usd_text(totals.held));
  });
  out.family("keel_budget_tier", "gauge",
             "0 open, 1 cheaper models stand in, 2 stored answers only, 3 at its end.");
  for (AccountIndex i = 0; i < engines.accounts.size(); ++i)
    if (engines.config->accounts[i].budget)
      out.sample({{"account", engines.config->accounts[i].name}},
                 static_cast<uint64_t>(tier_of(engines, i, engines.unix_ns(now))));
  out.family("keel_budget_tokens", "gauge",
             "Tokens of the account's current window; cached are part of in, reasoning of out.");
  for_ledger(engines, now, [&](const AccountConfig& account, const Totals& totals) {
    const Usage& used = totals.used;
    for (const auto& [kind, count] :
         {std::pair{"in", used.in}, std::pair{"cached", used.cached}, std::pair{"out", used.out},
          std::pair{"reasoning", used.reasoning}})
      out.sample({{"account", account.name}, {"kind", kind}}, count);
  });
}

}  // namespace

void render_gauges(Exposition& out, const Engines& engines, Instant now) {
  render_targets(out, engines, now);
  render_keys(out, engines, now);
  render_money(out, engines, now);
  out.family("keel_cache_bytes", "gauge", "Bytes of requests and replies kept in the cache.");
  out.sample({}, engines.cache.bytes());
}

}  // namespace keel::relay
