#include "sim/fair_night.hpp"

#include "sim/night_config.hpp"
#include "sim/night_traffic.hpp"
#include "sim/oracle.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace keel::sim {

namespace {

// What a provider can do to a request that is not the request's own fault. (A 400, a content policy
// or a redirect ends a request wherever it comes from: SEMANTICS A2.)
constexpr Fault kProvidersOwn[] = {
    Fault::no_usage,     Fault::refused,      Fault::connect_hangs,   Fault::reset,
    Fault::silence,      Fault::throttled,    Fault::throttled_bare,  Fault::slow_down,
    Fault::quota,        Fault::unauthorized, Fault::forbidden,       Fault::no_such_model,
    Fault::server_error, Fault::unavailable,  Fault::gateway_timeout, Fault::overloaded,
    Fault::unsupported,  Fault::error_inside, Fault::empty,           Fault::told_not_to_retry};

Fault any_fault(Random& random) {
  constexpr size_t kCount = sizeof kProvidersOwn / sizeof *kProvidersOwn;
  // What spoils keys for a quarter of an hour is rarer, or nobody could be answered for most of it.
  while (true) {
    const Fault fault = kProvidersOwn[random.below(kCount)];
    const bool lasting = fault == Fault::quota || fault == Fault::unauthorized ||
                         fault == Fault::forbidden || fault == Fault::no_such_model;
    if (!lasting || random.chance(1, 8)) return fault;
  }
}

Phase sound_from(Instant at) {
  return {at, {}, 1.0, {}};
}

Phase broken_from(Random& random, Instant at) {
  Phase phase{at, {}, random.chance(1, 4) ? 1 + 9 * random.unit() : 1.0, {}};
  phase.mix[Fault::none] = random.chance(1, 2) ? 0 : 1 + static_cast<uint32_t>(random.below(300));
  for (uint64_t i = 0, kinds = 1 + random.below(3); i < kinds; ++i)
    phase.mix[any_fault(random)] += 1 + static_cast<uint32_t>(random.below(100));
  phase.endings[Ending::whole] = static_cast<uint32_t>(random.below(300));
  for (uint64_t i = 0, kinds = 1 + random.below(4); i < kinds; ++i)
    phase.endings.weight[random.below(kEndingCount)] += 1 + static_cast<uint32_t>(random.below(60));
  // An error event may say that the quota is spent: as rare as the other way to say so.
  if (!random.chance(1, 8)) phase.endings[Ending::error_event] = 0;
  return phase;
}

std::vector<Phase> ups_and_downs(Random& random, Instant end) {
  std::vector<Phase> out{sound_from({})};
  Instant at = Instant{} + between(random, seconds(5), minutes(5));
  while (at < end) {
    out.push_back(broken_from(random, at));
    at = at + between(random, seconds(2), random.chance(1, 4) ? minutes(10) : minutes(1));
    out.push_back(sound_from(at));
    at = at + between(random, seconds(10), minutes(10));
  }
  return out;
}

ProviderModel fair_behaviour(Random& random, Instant end) {
  ProviderModel model;
  model.connect = between(random, milliseconds(1), milliseconds(150));
  model.first_byte_p50 = between(random, milliseconds(50), seconds(1));
  model.spread = 0.2 + 0.4 * random.unit();
  model.tokens_per_second = 40 + random.unit() * 160;
  model.pauses = false;
  if (random.chance(1, 8)) model.capacity = 5 + up_to(random, 40);
  model.phases = ups_and_downs(random, end);
  return model;
}

// In a third of the nights what happens to the first provider happens to all.
void break_together(Random& random, std::vector<ProviderModel>& providers) {
  if (!random.chance(1, 3)) return;
  for (size_t i = 1; i < providers.size(); ++i)
    if (random.chance(1, 2)) providers[i].phases = providers[0].phases;
}

relay::ModelConfig fair_model(Random& random, int64_t number) {
  relay::ModelConfig model;
  model.name = "m" + std::to_string(number);
  model.price = Price{up_to(random, 15'000'000'000), up_to(random, 60'000'000'000), {}, {}};
  model.context_tokens = 128'000;
  model.output_tokens = 16'000;
  return model;
}

std::shared_ptr<relay::Config> fair_config(Random& random) {
  auto config = std::make_shared<relay::Config>();
  const int64_t providers = 1 + up_to(random, 3);
  for (int64_t i = 0; i < providers; ++i) {
    relay::ProviderConfig provider;
    provider.name = "p" + std::to_string(i);
    provider.base_url = "https://" + provider.name + ".test";
    for (int64_t k = 0, keys = 1 + up_to(random, 2); k < keys; ++k) {
      relay::KeyConfig key;
      key.label = "k" + std::to_string(k);
      provider.keys.push_back(std::move(key));
    }
    for (int64_t m = 0, models = 1 + up_to(random, 1); m < models; ++m) {
      provider.models.push_back(fair_model(random, m));
      config->targets.push_back({provider.name + "/m" + std::to_string(m),
                                 static_cast<ProviderIndex>(i), static_cast<uint32_t>(m), false});
    }
    config->providers.push_back(std::move(provider));
  }
  for (int64_t r = 0, routes = 1 + up_to(random, 2); r < routes; ++r) {
    relay::RouteConfig route;
    route.name = "r" + std::to_string(r);
    route.routing.id = random.chance(1, 3) ? "ordered" : "weighted_health";
    route.cost.id = "list_price";
    std::vector<TargetIndex> all(config->targets.size());
    for (TargetIndex i = 0; i < all.size(); ++i) all[i] = i;
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
    const size_t count = 1 + random.below(all.size());
    for (size_t i = 0; i < count; ++i)
      route.targets.push_back(
          {all[i], static_cast<int>(random.below(2)), 0.1 + random.unit(), false});
    config->routes.push_back(std::move(route));
  }
  find_sole_targets(*config);
  config->accounts.push_back({.name = "relay"});
  return config;
}

Night::Arrival fair_arrival(Random& random, const relay::Config& config, CallId call, Instant at,
                            bool streamed) {
  Night::Arrival arrival;
  arrival.at = at;
  arrival.request.call = call;
  arrival.request.id = "req-" + std::to_string(call);
  const std::string& route = config.routes[random.below(config.routes.size())].name;
  if (streamed) {
    arrival.request.facts.model = route;
    add_body(random, true, arrival.request);
    arrival.request.no_cache = arrival.request.no_store = false;
    arrival.request.max_age = Duration::max();
  }
  wire::Facts& facts = arrival.request.facts;
  facts.model = route;
  facts.side_effects = facts.asks_tools = false;
  facts.choices = 1;
  if (!streamed) {
    facts.input_tokens_estimate = 1 + up_to(random, 3'000);
    facts.input_tokens_bound = facts.input_tokens_estimate * 4 + 128;
  }
  facts.max_output_tokens = 1 + up_to(random, 600);
  if (random.chance(1, 3)) arrival.request.timeout = between(random, seconds(5), seconds(180));
  if (random.chance(1, 50)) arrival.cancel_at = at + between(random, {}, seconds(10));
  return arrival;
}

}  // namespace

Night fair_night(uint64_t seed, int requests) {
  Random random(seed);
  Night night;
  night.seed = seed;
  night.with_policies = true;
  night.config = fair_config(random);
  const uint64_t streams_percent = random.below(60);
  const Duration mean_gap = between(random, milliseconds(20), seconds(2));
  const Instant end = Instant{} + mean_gap * requests;
  for (size_t i = 0; i < night.config->providers.size(); ++i)
    night.providers.push_back(fair_behaviour(random, end));
  break_together(random, night.providers);
  Instant at{};
  for (int i = 1; i <= requests; ++i) {
    at = at + between(random, Duration::zero(), mean_gap * 2);
    night.arrivals.push_back(fair_arrival(random, *night.config, static_cast<CallId>(i), at,
                                          random.chance(streams_percent, 100)));
  }
  return night;
}

void FairResult::add(const FairResult& other) {
  requests += other.requests;
  answered += other.answered;
  could += other.could;
  could_and_were += other.could_and_were;
  sends += other.sends;
  for (const auto& [name, reason] : other.reasons) {
    Reason& mine = reasons[name];
    mine.count += reason.count;
    if (mine.story.empty()) mine.story = reason.story;
  }
}

FairResult run_fair_night(const Night& night, relay::PolicySet policies) {
  Simulator simulator(night.config, std::move(policies), night.providers, night.seed);
  const Oracle oracle(*night.config, night.providers);
  FairResult out;
  simulator.on_answer = [&](CallId call, const relay::Answer& answer, Instant now) {
    const Night::Arrival& arrival = night.arrivals[call - 1];
    if (answer.kind == relay::AnswerKind::cancelled) return;
    const bool good = answer.kind == relay::AnswerKind::ok;
    ++out.requests;
    out.answered += good ? 1 : 0;
    const auto witness = oracle.could_answer(arrival.request, arrival.at, now);
    if (!witness) return;
    ++out.could;
    out.could_and_were += good ? 1 : 0;
    if (good) return;
    FairResult::Reason& reason = out.reasons[std::string(relay::name_of(answer.kind)) + " after " +
                                             std::string(name_of(answer.last_verdict.cls))];
    if (++reason.count == 1)
      reason.story = "seed " + std::to_string(night.seed) + ", though " +
                     night.config->targets[*witness].name +
                     " was there: " + answer.trace->explain();
  };
  for (const Night::Arrival& arrival : night.arrivals) {
    simulator.arrive(arrival.request, arrival.at, arrival.reading);
    if (arrival.cancel_at) simulator.cancel(arrival.request.call, *arrival.cancel_at);
  }
  simulator.run();
  out.sends = simulator.sends();
  return out;
}

}  // namespace keel::sim
