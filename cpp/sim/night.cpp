#include "sim/night.hpp"

#include "sim/checker.hpp"
#include "sim/night_config.hpp"
#include "sim/night_traffic.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace keel::sim {

namespace {

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

EndingMix random_endings(Random& random) {
  EndingMix mix;
  mix[Ending::whole] = static_cast<uint32_t>(50 + random.below(400));
  for (uint64_t i = 0, kinds = random.below(6); i < kinds; ++i)
    mix.weight[random.below(kEndingCount)] += static_cast<uint32_t>(1 + random.below(100));
  return mix;
}

ProviderModel random_behaviour(Random& random, Duration night) {
  ProviderModel model;
  model.connect = between(random, milliseconds(1), milliseconds(200));
  model.first_byte_p50 = between(random, milliseconds(50), seconds(2));
  model.spread = 0.2 + random.unit();
  model.tokens_per_second = 20 + random.unit() * 200;
  if (random.chance(1, 4)) model.capacity = 2 + up_to(random, 40);
  if (random.chance(1, 3)) model.manner = static_cast<Manner>(1 + random.below(3));
  Instant at{};
  const uint64_t phases = 1 + random.below(5);
  for (uint64_t i = 0; i < phases; ++i) {
    model.phases.push_back({at, random_mix(random),
                            random.chance(1, 4) ? 1 + 9 * random.unit() : 1.0,
                            random_endings(random)});
    at = at + between(random, seconds(1), night / static_cast<int64_t>(phases) * 2);
  }
  return model;
}

}  // namespace

Night hostile_night(uint64_t seed, int requests) {
  Random random(seed);
  Night night;
  night.seed = seed;
  night.config = random_config(random);
  night.with_policies = random.chance(1, 2);
  const bool bodies = night.with_policies && random.chance(1, 2);
  const uint64_t streams_percent = random.chance(1, 4) ? 0 : 10 + random.below(60);
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
    const bool streamed =
        random.chance(streams_percent, 100) && arrival.request.facts.operation == Operation::chat;
    if (bodies || streamed) add_body(random, streamed, arrival.request);
    if (streamed) arrival.reading = random_reading(random);
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
    result.cached += answer.cached ? 1 : 0;
    result.stale += answer.stale ? 1 : 0;
    result.downgraded += answer.downgraded.empty() ? 0 : 1;
  };
  simulator.on_refresh = [&](const relay::Answer& answer, NanoUsd, Instant) {
    result.refreshed += answer.kind == relay::AnswerKind::ok ? 1 : 0;
  };
  for (const Night::Arrival& arrival : night.arrivals) {
    simulator.arrive(arrival.request, arrival.at, arrival.reading);
    if (arrival.cancel_at) simulator.cancel(arrival.request.call, *arrival.cancel_at);
  }
  // A call takes ten minutes at the most: what is not at rest an hour later never will be.
  const Instant last = night.arrivals.empty() ? Instant{} : night.arrivals.back().at;
  simulator.run(last + hours(1));
  checker.at_rest(simulator.now());
  result.sends = simulator.sends();
  result.events = simulator.events();
  result.checks = checker.checks();
  result.fingerprint = simulator.fingerprint();
  result.streams = checker.streams();
  result.violations = checker.violations();
  return result;
}

}  // namespace keel::sim
