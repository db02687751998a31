#include "sim/night_config.hpp"

#include <string>
#include <utility>

namespace keel::sim {

namespace {

relay::ModelConfig random_model(Random& random, int number) {
  relay::ModelConfig model;
  model.name = "m" + std::to_string(number);
  // Odd prices on purpose: 37.5 nano-USD a token and the like must round right.
  if (!random.chance(1, 12))
    model.price = Price{up_to(random, 15'000'000'000), up_to(random, 60'000'000'000), {}, {}};
  if (model.price && random.chance(1, 2)) model.price->cached = up_to(random, model.price->in);
  if (model.price && random.chance(1, 6)) model.price->cache_write = model.price->in * 5 / 4;
  if (random.chance(3, 4)) model.context_tokens = 2'000 + up_to(random, 200'000);
  if (random.chance(3, 4)) model.output_tokens = 256 + up_to(random, 16'000);
  model.lacks.tools = random.chance(1, 6);
  model.lacks.images = random.chance(1, 3);
  if (random.chance(1, 3)) model.prefill = static_cast<Prefill>(1 + random.below(4));
  model.reasoning = random.chance(1, 8);
  return model;
}

relay::ProviderConfig random_provider(Random& random, int number) {
  relay::ProviderConfig provider;
  provider.name = "p" + std::to_string(number);
  provider.base_url = "https://p" + std::to_string(number) + ".test";
  const int64_t keys = up_to(random, 3);
  for (int64_t i = 0; i < keys; ++i) {
    relay::KeyConfig key;
    key.label = "k" + std::to_string(i);
    if (random.chance(1, 3)) key.settings.account = "a" + std::to_string(random.below(2));
    if (random.chance(1, 4)) key.settings.limits.requests_per_minute = 30 + up_to(random, 600);
    if (random.chance(1, 4))
      key.settings.limits.tokens_per_minute = 20'000 + up_to(random, 500'000);
    if (random.chance(1, 4)) key.settings.limits.concurrency = 1 + up_to(random, 20);
    provider.keys.push_back(std::move(key));
  }
  if (random.chance(1, 2)) provider.key_order = engine::KeyOrder::least_used_random;
  if (random.chance(1, 4)) provider.limits.requests_per_minute = 60 + up_to(random, 1'000);
  if (random.chance(1, 4)) provider.limits.concurrency = 1 + up_to(random, 30);
  provider.stream_options = !random.chance(1, 8);
  const int64_t models = 1 + up_to(random, 2);
  for (int64_t i = 0; i < models; ++i)
    provider.models.push_back(random_model(random, static_cast<int>(i)));
  return provider;
}

relay::StreamConfig random_streaming(Random& random) {
  using relay::Resume;
  relay::StreamConfig out;
  const uint64_t ways = random.below(8);
  if (ways == 0) out.resume = {};
  if (ways == 1) out.resume = {Resume::replay};
  if (ways == 2) out.resume = {Resume::continuation};
  if (ways == 3) out.resume = {Resume::replay, Resume::continuation};
  out.replay_deterministic_only = random.chance(1, 8);
  const uint64_t kept = random.below(12);
  if (kept == 0) out.hold_back.tokens = 1 + up_to(random, 5);
  if (kept == 1) out.hold_back.time = between(random, milliseconds(1), seconds(5));
  if (kept == 2) out.hold_back.complete = true;
  if (random.chance(1, 4)) out.first_token = between(random, seconds(1), seconds(20));
  if (random.chance(1, 4)) out.stall = between(random, seconds(1), seconds(30));
  return out;
}

relay::RouteConfig random_route(Random& random, int number, size_t targets) {
  relay::RouteConfig route;
  route.name = "r" + std::to_string(number);
  std::vector<TargetIndex> all(targets);
  for (TargetIndex i = 0; i < targets; ++i) all[i] = i;
  for (size_t i = targets; i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
  const size_t count = 1 + random.below(targets);
  for (size_t i = 0; i < count; ++i)
    route.targets.push_back({all[i], static_cast<int>(random.below(2)), 0.1 + random.unit(),
                             i > 0 && random.chance(1, 8)});
  route.timeout = random.chance(1, 3) ? seconds(600) : between(random, seconds(2), seconds(90));
  route.patience =
      random.chance(1, 3) ? Duration::zero() : between(random, seconds(1), seconds(10));
  if (random.chance(1, 4)) route.attempt_timeout = between(random, seconds(1), seconds(30));
  if (random.chance(1, 4)) {
    route.on_exhausted = relay::OnExhausted::wait;
    route.exhausted_wait = between(random, seconds(1), seconds(200));
  }
  route.retry.max_attempts = 1 + static_cast<int>(random.below(6));
  route.retry.retry_silent = random.chance(1, 4);
  route.retry.backoff.jitter = !random.chance(1, 4);
  if (random.chance(1, 3)) {
    route.retry.backoff.scale = milliseconds(500);
    route.retry.backoff.cap = seconds(30);
  }
  route.fallback_on_content_policy = random.chance(1, 4);
  route.retry.retry_budget.floor = up_to(random, 10);
  route.retry.extra_sends.floor = up_to(random, 10);
  if (random.chance(1, 3))
    route.hedge = relay::HedgeConfig{0.5 + 0.49 * random.unit(), 0.02 + 0.4 * random.unit()};
  route.stream = random_streaming(random);
  return route;
}

engine::AccountSettings random_budget(Random& random, std::string name) {
  using engine::BudgetWindow;
  constexpr BudgetWindow kWindows[] = {BudgetWindow::minute, BudgetWindow::hour,
                                       BudgetWindow::month, BudgetWindow::forever};
  return {std::move(name),
          NanoUsd{up_to(random, random.chance(1, 3) ? 3'000'000'000 : 300'000'000'000)},
          kWindows[random.below(4)], 80};
}

relay::AccountConfig random_account(Random& random, std::string name) {
  relay::AccountConfig account;
  account.name = std::move(name);
  if (random.chance(1, 3)) account.limits.requests_per_minute = 20 + up_to(random, 2'000);
  if (random.chance(1, 4)) account.limits.tokens_per_minute = 10'000 + up_to(random, 2'000'000);
  if (random.chance(1, 4)) account.limits.concurrency = 1 + up_to(random, 50);
  if (random.chance(1, 2)) account.budget = random_budget(random, account.name);
  if (account.budget && random.chance(1, 3))
    account.tiers.cheaper = 1 + static_cast<int>(random.below(90));
  if (account.budget && random.chance(1, 8))
    account.tiers.cache_only = 90 + static_cast<int>(random.below(10));
  return account;
}

// The built-in policies and their settings; only a night that loads them (Night::with_policies)
// heeds them, and only there anything is cached.
void add_mapping(Random& random, const relay::Config& config, relay::PolicyConfig& cost) {
  const uint64_t pairs = 1 + random.below(3);
  for (uint64_t i = 0; i < pairs; ++i) {
    const relay::TargetConfig& from = config.targets[random.below(config.targets.size())];
    const relay::TargetConfig& to = config.targets[random.below(config.targets.size())];
    const std::string model = config.providers[from.provider].models[from.model].name;
    cost.settings.emplace_back("mapping." + (random.chance(1, 2) ? model : from.name), to.name);
  }
}

void add_policies(Random& random, relay::Config& config) {
  for (relay::RouteConfig& route : config.routes) {
    constexpr const char* kRoutings[] = {"ordered", "weighted_health", "least_latency"};
    route.routing.id = kRoutings[random.below(3)];
    if (route.routing.id == "weighted_health") {
      const uint64_t rule = random.below(4);
      if (rule == 1) route.routing.settings = {{"tolerance", 0.05}};
      if (rule == 2) route.routing.settings = {{"cheapest_within", 0.1}};
      if (rule == 3) route.routing.settings = {{"spread", true}};
    }
    route.cost.id = random.chance(1, 2) ? "list_price" : "downgrade";
    if (route.cost.id == "downgrade") {
      add_mapping(random, config, route.cost);
      route.cost.settings.emplace_back("always", random.chance(1, 2));
    }
    if (random.chance(1, 3)) continue;
    relay::RouteCache cache;
    if (random.chance(1, 2)) cache.when = relay::CacheWhen::always;
    if (random.chance(1, 2)) cache.jitter = 0;
    cache.ttl.id = random.chance(1, 2) ? "fixed_ttl" : "keyword_ttl";
    cache.ttl.allow_text = random.chance(1, 2);
    cache.ttl.settings.emplace_back(cache.ttl.id == "fixed_ttl" ? "ttl_seconds" : "default_seconds",
                                    1 + up_to(random, 90));
    if (random.chance(1, 3)) cache.stale_if_error = between(random, seconds(1), seconds(120));
    if (random.chance(1, 3))
      cache.stale_while_revalidate = between(random, seconds(1), seconds(30));
    route.cache = std::move(cache);
  }
}

}  // namespace

void find_sole_targets(relay::Config& config) {
  for (TargetIndex i = 0; i < config.targets.size(); ++i) {
    bool named = false, alone = true;
    for (const relay::RouteConfig& route : config.routes)
      for (const relay::RouteTarget& entry : route.targets)
        if (entry.target == i) {
          named = true;
          alone &= route.targets.size() == 1;
        }
    config.targets[i].sole = named && alone;
  }
}

std::shared_ptr<relay::Config> random_config(Random& random) {
  auto config = std::make_shared<relay::Config>();
  const int64_t providers = 1 + up_to(random, 3);
  for (int64_t i = 0; i < providers; ++i) {
    config->providers.push_back(random_provider(random, static_cast<int>(i)));
    const relay::ProviderConfig& provider = config->providers.back();
    for (uint32_t m = 0; m < provider.models.size(); ++m)
      config->targets.push_back(
          {provider.name + "/" + provider.models[m].name, static_cast<ProviderIndex>(i), m, false});
  }
  const int64_t routes = 1 + up_to(random, 2);
  for (int64_t i = 0; i < routes; ++i)
    config->routes.push_back(random_route(random, static_cast<int>(i), config->targets.size()));
  if (routes > 1 && random.chance(1, 3)) {
    config->routes[0].on_exhausted = relay::OnExhausted::other_route;
    config->routes[0].exhausted_route = 1;
    if (config->routes[1].on_exhausted == relay::OnExhausted::other_route)
      config->routes[1].on_exhausted = relay::OnExhausted::reject;
  }
  find_sole_targets(*config);
  config->accounts.push_back(random_account(random, "relay"));
  const int64_t tenants = up_to(random, 3);
  for (int64_t i = 0; i < tenants; ++i) {
    config->accounts.push_back(random_account(random, "t" + std::to_string(i)));
    config->accounts.back().parent =
        static_cast<AccountIndex>(random.below(config->accounts.size() - 1));
  }
  if (random.chance(1, 4)) {  // the article's breaker
    config->breaker = {.consecutive = 5,
                       .failure_rate = 2,
                       .slow_rate = 2,
                       .open = seconds(60),
                       .open_max = seconds(60),
                       .jitter = 0,
                       .close_after = 1};
    config->breaker_consecutive_named = true;
  }
  if (random.chance(1, 3)) config->health_check.interval = Duration::zero();
  add_policies(random, *config);
  return config;
}

}  // namespace keel::sim
