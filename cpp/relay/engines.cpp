#include "relay/engines.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace keel::relay {

namespace {

// The ledger keeps an account for the relay even where no limit was set, so that every send has a
// posting; this is the largest limit SEMANTICS A8 allows.
constexpr NanoUsd kUnlimited{9'000'000'000'000'000};

engine::BreakerSettings breaker_settings(const Config& config, const TargetConfig& target) {
  engine::BreakerSettings settings = config.breaker;
  settings.recover_alone = config.health_check.interval <= Duration::zero();
  if (target.sole) {
    if (!config.breaker_consecutive_named) settings.consecutive = 0;
    settings.open_max = settings.open;
  }
  return settings;
}

// A target's retry budget is shared by every route that names it; the first of them sets it.
engine::RetryBudgetSettings retry_budget_settings(const Config& config, TargetIndex target) {
  for (const RouteConfig& route : config.routes)
    for (const RouteTarget& entry : route.targets)
      if (entry.target == target) return route.retry.retry_budget;
  return {};
}

engine::KeyPool make_pool(const ProviderConfig& provider, uint64_t seed) {
  std::vector<engine::KeySettings> keys;
  for (const KeyConfig& key : provider.keys) keys.push_back(key.settings);
  // A provider that asks for none still cools down and is benched: one nameless key stands for it.
  if (keys.empty()) keys.emplace_back();
  return engine::KeyPool(keys, provider.key_order, seed);
}

keel_target describe(const Config& config, const TargetConfig& target) {
  const ProviderConfig& provider = config.providers[target.provider];
  const ModelConfig& model = provider.models[target.model];
  keel_target out{};
  out.struct_size = sizeof out;
  out.weight = 1.0;
  out.name = policy::text_of(target.name);
  out.provider = policy::text_of(provider.name);
  out.model = policy::text_of(model.name);
  out.price_in_nano_usd_per_million = model.price ? model.price->in : -1;
  out.price_out_nano_usd_per_million = model.price ? model.price->out : -1;
  out.price_cached_nano_usd_per_million = model.price ? model.price->cached_or_in() : -1;
  out.price_cache_write_nano_usd_per_million = model.price ? model.price->cache_write_or_in() : -1;
  out.context_tokens = model.context_tokens;
  out.output_tokens = model.output_tokens;
  return out;
}

constexpr Duration kHedgesWindow = minutes(1);

std::optional<engine::RetryBudget> share_of_hedges(const RouteConfig& route) {
  if (!route.hedge) return std::nullopt;
  return engine::RetryBudget({.ratio = route.hedge->share, .floor = 0, .window = kHedgesWindow});
}

}  // namespace

LimitSet::LimitSet(const Limits& limits) {
  if (limits.requests_per_minute > 0)
    requests = std::make_shared<engine::RateLimiter>(
        engine::Quota::requests_per_minute(limits.requests_per_minute));
  if (limits.tokens_per_minute > 0)
    tokens = std::make_shared<engine::RateLimiter>(
        engine::Quota::tokens_per_minute(limits.tokens_per_minute));
  if (limits.concurrency > 0)
    concurrency = std::make_shared<engine::Concurrency>(limits.concurrency);
}

engine::Allowance LimitSet::would_allow(int64_t token_count, Instant now) const {
  using engine::Allowance;
  Allowance worst;
  auto consider = [&](Allowance a) {
    if (a.kind > worst.kind || (a.kind == worst.kind && a.retry_after > worst.retry_after))
      worst = a;
  };
  if (requests) consider(requests->would_allow(1, now));
  if (tokens) consider(tokens->would_allow(token_count, now));
  // Nobody knows when a place becomes free; a second is when asking again is not rude.
  if (concurrency && !concurrency->would_allow(now)) consider({Allowance::Kind::wait, seconds(1)});
  return worst;
}

engine::Concurrency::Lease LimitSet::take(int64_t token_count, Instant until, Instant now) {
  if (requests) requests->try_take(1, now);
  if (tokens) tokens->try_take(token_count, now);
  return concurrency ? concurrency->enter(until, now) : engine::Concurrency::Lease{};
}

void LimitSet::give_back(engine::Concurrency::Lease place, int64_t taken, int64_t actual,
                         bool was_sent, Instant now) {
  if (requests && !was_sent) requests->settle(1, 0, now);
  if (tokens) tokens->settle(taken, actual, now);
  if (concurrency) concurrency->leave(place, now);
}

void LimitSet::take_over(const LimitSet& before, Instant now) {
  engine::share_limiter(requests, before.requests, now);
  engine::share_limiter(tokens, before.tokens, now);
  engine::share_concurrency(concurrency, before.concurrency);
}

Engines::Engines(std::shared_ptr<const Config> given, PolicySet policies, uint64_t seed)
    : config(std::move(given)),
      random(seed),
      budget(std::make_shared<engine::Budget>()),
      cache(config->cache),
      metrics(*config),
      traces(std::make_shared<Traces>(config->traces_kept)) {
  auto names = std::make_shared<TargetNames>();
  for (const TargetConfig& target : config->targets) names->push_back(target.name);
  target_names = std::move(names);
  for (const ProviderConfig& provider : config->providers)
    providers.push_back({make_pool(provider, random.next()), LimitSet(provider.limits), {}, 0});
  for (size_t i = 0; i < config->targets.size(); ++i) {
    const TargetConfig& target = config->targets[i];
    targets.push_back(
        {engine::Breaker(breaker_settings(*config, target), random.next()), engine::Health(),
         engine::RetryBudget(retry_budget_settings(*config, static_cast<TargetIndex>(i)))});
    targets.back().described = describe(*config, target);
  }
  for (size_t i = 0; i < config->routes.size(); ++i) {
    const RouteConfig& route = config->routes[i];
    routes.push_back({engine::RetryBudget(route.retry.extra_sends),
                      share_of_hedges(route),
                      std::vector<engine::Quantiles>(route.targets.size()),
                      {},
                      i < policies.size() ? std::move(policies[i]) : RoutePolicies{}});
    for (const RouteTarget& entry : route.targets) {
      keel_target described = targets[entry.target].described;
      described.tier = static_cast<uint32_t>(std::max(entry.tier, 0));
      described.weight = entry.weight;
      routes.back().described.push_back(described);
    }
    route_by_name.emplace(route.name, static_cast<RouteIndex>(i));
  }
  for (size_t i = 0; i < config->accounts.size(); ++i) {
    const AccountConfig& account = config->accounts[i];
    accounts.push_back({LimitSet(account.limits), {}});
    account_by_name.emplace(account.name, static_cast<AccountIndex>(i));
    if (account.budget) {
      accounts.back().ledger = budget->add_account(*account.budget);
      budget->share(*accounts.back().ledger, account.shared);
    } else if (i == 0) {
      accounts.back().ledger =
          budget->add_account({account.name, kUnlimited, engine::BudgetWindow::forever, 100});
    }
  }
}

void tell(Actions& actions, Notice::Kind kind, std::string subject, std::string text) {
  actions.push_back(Tell{{kind, std::move(subject), std::move(text)}});
}

bool once_a_minute(std::optional<Instant>& last, Instant now) {
  if (last && elapsed(*last, now) < minutes(1)) return false;
  last = now;
  return true;
}

void breaker_moved(Engines& engines, TargetIndex index, Actions& actions, Instant now) {
  TargetEngines& target = engines.targets[index];
  engine::Breaker& breaker = target.breaker;
  engines.due.remove(target.breaker_timer);
  if (breaker.wake_at() != Instant::never())
    target.breaker_timer = engines.due.add(breaker.wake_at(), {Due::Kind::breaker, index});
  if (breaker.state() == target.told) return;
  std::string text = std::string(engine::name_of(target.told)) + " -> " +
                     std::string(engine::name_of(breaker.state()));
  if (breaker.state() == engine::Breaker::State::open) {
    char wait[48];
    std::snprintf(wait, sizeof wait, ", for %.3f s",
                  remaining(breaker.open_until(), now).seconds());
    text += wait;
  }
  target.told = breaker.state();
  if (engines.succeeded) return;
  engines.metrics.breaker_transition(index);
  tell(actions, Notice::Kind::breaker, engines.config->targets[index].name, std::move(text));
}

void arm_ledger(Engines& engines) {
  engines.due.remove(engines.ledger_timer);
  if (engines.budget->wake_at() != Instant::never())
    engines.ledger_timer = engines.due.add(engines.budget->wake_at(), {Due::Kind::hold_leases, 0});
}

void arm_revival(Engines& engines, ProviderIndex index) {
  ProviderEngines& provider = engines.providers[index];
  engines.due.remove(provider.revival_timer);
  if (!engines.probes_on()) return;
  if (provider.keys.wake_at() != Instant::never())
    provider.revival_timer =
        engines.due.add(provider.keys.wake_at(), {Due::Kind::key_revival, index});
}

}  // namespace keel::relay
