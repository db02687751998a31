#include "sim/night.hpp"

#include "sim/checker.hpp"

#include <algorithm>
#include <string>

namespace keel::sim {

namespace {

Duration between(Random& random, Duration low, Duration high) {
  return low +
         Duration{static_cast<int64_t>(random.below(static_cast<uint64_t>((high - low).ns) + 1))};
}

int64_t up_to(Random& random, int64_t n) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(n) + 1));
}

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
  const int64_t models = 1 + up_to(random, 2);
  for (int64_t i = 0; i < models; ++i)
    provider.models.push_back(random_model(random, static_cast<int>(i)));
  return provider;
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
  route.retry.retry_budget.floor = up_to(random, 10);
  route.retry.extra_sends.floor = up_to(random, 10);
  return route;
}

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
  return account;
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
  return config;
}

FaultMix random_mix(Random& random) {
  FaultMix mix;
  mix[Fault::none] = static_cast<uint32_t>(20 + random.below(200));
  const uint64_t kinds = random.below(8);
  for (uint64_t i = 0; i < kinds; ++i)
    mix.weight[random.below(kFaultCount)] += static_cast<uint32_t>(1 + random.below(30));
  if (random.chance(1, 5)) {  // an outage: nearly everything fails in one way
    constexpr Fault kWays[] = {Fault::refused,   Fault::silence,      Fault::unavailable,
                               Fault::throttled, Fault::server_error, Fault::reset,
                               Fault::overloaded};
    mix[kWays[random.below(7)]] += 5'000;
  }
  return mix;
}

ProviderModel random_behaviour(Random& random, Duration night) {
  ProviderModel model;
  model.connect = between(random, milliseconds(1), milliseconds(200));
  model.first_byte_p50 = between(random, milliseconds(50), seconds(2));
  model.spread = 0.2 + random.unit();
  model.tokens_per_second = 20 + random.unit() * 200;
  if (random.chance(1, 4)) model.capacity = 2 + up_to(random, 40);
  Instant at{};
  const uint64_t phases = 1 + random.below(5);
  for (uint64_t i = 0; i < phases; ++i) {
    model.phases.push_back(
        {at, random_mix(random), random.chance(1, 4) ? 1 + 9 * random.unit() : 1.0});
    at = at + between(random, seconds(1), night / static_cast<int64_t>(phases) * 2);
  }
  return model;
}

wire::Facts random_facts(Random& random, const relay::Config& config) {
  wire::Facts facts;
  facts.model = config.routes[random.below(config.routes.size())].name;
  facts.input_tokens_estimate = 1 + up_to(random, random.chance(1, 50) ? 100'000 : 3'000);
  facts.input_tokens_bound = facts.input_tokens_estimate * 4 + 128;
  if (random.chance(1, 2)) facts.max_output_tokens = 1 + up_to(random, 4'000);
  if (random.chance(1, 20)) facts.choices = 1 + up_to(random, 4);
  facts.side_effects = random.chance(1, 15);
  facts.asks_tools = random.chance(1, 10);
  facts.asks_images = random.chance(1, 20);
  if (random.chance(1, 30)) facts.operation = Operation::embeddings;
  if (facts.operation == Operation::embeddings) facts.max_output_tokens = 0;
  return facts;
}

}  // namespace

Night hostile_night(uint64_t seed, int requests) {
  Random random(seed);
  Night night;
  night.seed = seed;
  night.config = random_config(random);
  const Duration mean_gap = between(random, milliseconds(20), milliseconds(1500));
  const Duration length = mean_gap * requests;
  for (size_t i = 0; i < night.config->providers.size(); ++i)
    night.providers.push_back(random_behaviour(random, length));
  night.unkindness = {static_cast<uint32_t>(random.below(1000)),
                      random.chance(1, 4) ? static_cast<uint32_t>(random.below(50)) : 0};
  Instant at{};
  for (int i = 1; i <= requests; ++i) {
    at = at + between(random, Duration::zero(), mean_gap * 2);
    Night::Arrival arrival;
    arrival.at = at;
    arrival.request.call = static_cast<CallId>(i);
    arrival.request.id = "req-" + std::to_string(i);
    arrival.request.facts = random_facts(random, *night.config);
    if (random.chance(1, 3))
      arrival.request.timeout = between(random, milliseconds(1), seconds(40));
    const size_t tenants = night.config->accounts.size() - 1;
    if (tenants > 0 && random.chance(1, 2))
      arrival.request.tenant = night.config->accounts[1 + random.below(tenants)].name;
    arrival.request.no_downgrade = random.chance(1, 10);
    if (random.chance(1, 25))
      arrival.cancel_at = at + between(random, Duration::zero(), seconds(10));
    night.arrivals.push_back(std::move(arrival));
  }
  return night;
}

NightResult run_night(const Night& night, relay::PolicySet policies) {
  Checker checker;
  Simulator simulator(night.config, std::move(policies), night.providers, night.seed, &checker,
                      night.unkindness);
  NightResult result;
  simulator.on_answer = [&](CallId, const relay::Answer& answer, Instant) {
    ++result.requests;
    ++result.by_kind[std::string(relay::name_of(answer.kind))];
    result.answered += answer.kind == relay::AnswerKind::ok ? 1 : 0;
  };
  for (const Night::Arrival& arrival : night.arrivals) {
    simulator.arrive(arrival.request, arrival.at);
    if (arrival.cancel_at) simulator.cancel(arrival.request.call, *arrival.cancel_at);
  }
  simulator.run();
  checker.at_rest(simulator.now());
  result.sends = simulator.sends();
  result.events = simulator.events();
  result.checks = checker.checks();
  result.fingerprint = simulator.fingerprint();
  result.violations = checker.violations();
  return result;
}

}  // namespace keel::sim
