#include "sim/night.hpp"

#include "sim/checker.hpp"
#include "sim/night_config.hpp"

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

// One of a few dozen questions, written down in one of many ways: key order, white space and fields
// without an effect differ, so that only its meaning can be what a cache goes by.
std::string random_body(Random& random, const std::string& model) {
  constexpr const char* kWords[] = {"", " realtime", " static", " \\u00e9", " \xc3\xa9"};
  std::vector<std::string> members = {
      R"("model":")" + model + '"', R"("messages":[{"role":"user","content":"q)" +
                                        std::to_string(random.below(12)) + kWords[random.below(5)] +
                                        R"("}])"};
  if (!random.chance(1, 3)) members.push_back(R"("temperature":0)");
  if (random.chance(1, 4))
    members.push_back(R"("max_tokens":)" + std::to_string(300 << random.below(3)));
  if (random.chance(1, 6))
    members.push_back(R"("user":"u)" + std::to_string(random.below(9)) + '"');
  if (random.chance(1, 20)) members.push_back(R"("store":true)");
  for (size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[random.below(i)]);
  std::string out = "{";
  for (const std::string& member : members)
    out += (out.size() > 1 ? "," : "") + std::string(random.below(2), ' ') + member;
  return out + "}";
}

void add_body(Random& random, relay::Request& request) {
  request.body = Body::take(random_body(random, request.facts.model));
  auto facts = wire::read_facts(Operation::chat, request.body);
  request.facts = std::move(*facts);
  request.no_cache = random.chance(1, 30);
  request.no_store = random.chance(1, 30);
  if (random.chance(1, 20)) request.max_age = between(random, Duration::zero(), seconds(60));
}

}  // namespace

Night hostile_night(uint64_t seed, int requests) {
  Random random(seed);
  Night night;
  night.seed = seed;
  night.config = random_config(random);
  night.with_policies = random.chance(1, 2);
  const bool bodies = night.with_policies && random.chance(1, 2);
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
    if (bodies) add_body(random, arrival.request);
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
    result.downgraded += answer.downgraded.empty() ? 0 : 1;
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
