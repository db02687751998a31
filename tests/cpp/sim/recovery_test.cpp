// C2: from any state, with a healthy target and traffic it could serve, its breaker is closed
// within max_wait + (close_after + 1) trial times. Nights hostile to breakers only, then calm.

#include "sim/checker.hpp"
#include "sim/night.hpp"

#include <string>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

constexpr Duration kAttempt = seconds(4);
constexpr Duration kGap = milliseconds(100);
constexpr Instant kCalm = Instant{} + seconds(120);

// What says something about the target and nothing about a key, the content or money.
FaultMix breaking(Random& random) {
  constexpr Fault kFaults[] = {Fault::refused,      Fault::connect_hangs, Fault::reset,
                               Fault::silence,      Fault::server_error,  Fault::gateway_timeout,
                               Fault::error_inside, Fault::empty,         Fault::told_not_to_retry,
                               Fault::overloaded};
  FaultMix mix;
  mix[Fault::none] = static_cast<uint32_t>(1 + random.below(100));
  for (int i = 0; i < 3; ++i)
    mix[kFaults[random.below(10)]] += static_cast<uint32_t>(random.below(200));
  return mix;
}

// The night's targets, routes and breakers; nothing else in the way.
Night breaking_night(uint64_t seed) {
  Night night = hostile_night(seed, 0);
  Random random(seed);
  relay::Config& config = *night.config;
  for (auto& provider : config.providers) {
    provider.limits = {};
    for (auto& key : provider.keys) key.settings.limits = {};
    for (auto& model : provider.models) model.lacks = {}, model.context_tokens = 0;
  }
  config.accounts.resize(1);
  config.accounts[0] = {.name = "relay"};
  for (auto& route : config.routes) {
    for (auto& entry : route.targets) entry.downgrade_only = false;
    route.timeout = seconds(60);
    route.attempt_timeout = kAttempt;
    route.cache.reset();
  }
  night.providers.clear();
  for (size_t i = 0; i < config.providers.size(); ++i) {
    ProviderModel model{.connect = milliseconds(20), .spread = 0.2, .tokens_per_second = 0};
    for (int phase = 0; phase < 4; ++phase)
      model.phases.push_back({Instant{} + seconds(30 * phase), breaking(random), 1.0});
    model.phases.push_back({kCalm, {}, 1.0});
    night.providers.push_back(model);
  }
  CallId call = 0;
  for (Instant at{}; at < kCalm + seconds(120); at = at + kGap) {
    Night::Arrival arrival;
    arrival.at = at;
    arrival.request.call = ++call;
    arrival.request.facts.model = config.routes[random.below(config.routes.size())].name;
    arrival.request.facts.input_tokens_estimate = arrival.request.facts.input_tokens_bound = 50;
    arrival.request.facts.max_output_tokens = 100;
    night.arrivals.push_back(std::move(arrival));
  }
  return night;
}

// What was under way may still fail, and one wait follows; then probe and trials.
Duration bound(const relay::Config& config) {
  const auto& breaker = config.breaker;
  const Duration under_way = kAttempt + seconds(1) + config.health_check.timeout;
  const Duration wait = scaled(breaker.open_max, 1 + breaker.jitter);
  const Duration trial = seconds(2) + kGap * static_cast<int64_t>(4 * config.routes.size());
  return under_way + wait + config.health_check.timeout + trial * (breaker.close_after + 1);
}

TEST(Recovery, EveryBreakerClosesOnceItsTargetIsWell) {
  uint64_t opened = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Night night = breaking_night(seed);
    const relay::Config& config = *night.config;
    Checker checker;
    Simulator simulator(night.config, {}, night.providers, seed, &checker);
    simulator.on_notice = [&](const relay::Notice& notice, Instant) {
      opened += notice.text.find("-> open") != std::string::npos;
    };
    for (const Night::Arrival& arrival : night.arrivals)
      simulator.arrive(arrival.request, arrival.at);
    simulator.run(kCalm + bound(config));
    for (const relay::RouteConfig& route : config.routes)
      for (const relay::RouteTarget& entry : route.targets) {
        const auto& breaker = simulator.relay().engines().targets[entry.target].breaker;
        ASSERT_EQ(breaker.state(), engine::Breaker::State::closed)
            << "seed " << seed << ", " << config.targets[entry.target].name << " is "
            << engine::name_of(breaker.state()) << ", open until "
            << (breaker.open_until() - kCalm).seconds() << " s";
      }
    simulator.run();
    checker.at_rest(simulator.now());
    ASSERT_TRUE(checker.violations().empty()) << "seed " << seed << ": " << checker.violations()[0];
  }
  EXPECT_GT(opened, 1'000u) << "a calm night proves nothing";
}

}  // namespace
}  // namespace keel::sim
