#include "sim/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace keel::sim {

namespace {

// What a provider says of a key or an account: SEMANTICS A2 leaves it alone for up to a quarter of
// an hour, and asks again then.
bool spoils_keys(const Phase& phase) {
  constexpr Fault kSaidOfKeys[] = {Fault::throttled_bare, Fault::quota, Fault::unauthorized,
                                   Fault::forbidden, Fault::no_such_model};
  // An error in the middle of a stream can be of that kind as well.
  if (phase.endings.weight[static_cast<size_t>(Ending::error_event)] > 0) return true;
  return std::any_of(std::begin(kSaidOfKeys), std::end(kSaidOfKeys),
                     [&](Fault fault) { return phase.mix.weight[static_cast<size_t>(fault)] > 0; });
}

constexpr Duration kKeyLeftAlone = minutes(15);

bool without_a_fault(const Phase& phase) {
  uint32_t wrong = 0;
  for (int i = 0; i < kFaultCount; ++i)
    if (!answers(static_cast<Fault>(i))) wrong += phase.mix.weight[static_cast<size_t>(i)];
  for (int i = 0; i < kEndingCount; ++i)
    if (static_cast<Ending>(i) != Ending::whole && static_cast<Ending>(i) != Ending::no_end_marker)
      wrong += phase.endings.weight[static_cast<size_t>(i)];
  return wrong == 0 && phase.slowness <= 1;
}

constexpr double kSlowDay = 3.09;  // sigmas: the 99.9th percentile

}  // namespace

// A spoilt key is asked again after its time, once; whatever goes wrong then costs it as much
// again.
bool Oracle::sound(ProviderIndex provider, Instant arrived, Instant until) const {
  const ProviderModel& model = providers_[provider];
  if (model.capacity > 0) return false;  // nobody promises room
  const std::vector<Phase>& phases = model.phases;
  Instant keys_spoilt_until{};
  for (size_t i = 0; i < phases.size() && phases[i].from <= until; ++i) {
    if (without_a_fault(phases[i])) continue;
    const Instant ends = i + 1 < phases.size() ? phases[i + 1].from : Instant::never();
    if (ends + kHeadStart > arrived) return false;
    if (spoils_keys(phases[i]) || phases[i].from < keys_spoilt_until)
      keys_spoilt_until = ends + kKeyLeftAlone;
  }
  return keys_spoilt_until <= arrived;
}

Duration Oracle::service_time(const relay::Request& request, TargetIndex target) const {
  const ProviderModel& model = providers_[config_.targets[target].provider];
  const int64_t most =
      request.facts.max_output_tokens.value_or(0) * std::max<int64_t>(request.facts.choices, 1);
  return model.connect + scaled(model.first_byte_p50, std::exp(kSlowDay * model.spread)) +
         from_seconds(static_cast<double>(most) / model.tokens_per_second);
}

std::optional<TargetIndex> Oracle::could_answer(const relay::Request& request, Instant arrived,
                                                Instant until) const {
  const auto route =
      std::find_if(config_.routes.begin(), config_.routes.end(),
                   [&](const relay::RouteConfig& r) { return r.name == request.facts.model; });
  if (route == config_.routes.end()) return std::nullopt;
  const Duration allowed = std::min({request.timeout, route->timeout, seconds(600)});
  for (const relay::RouteTarget& entry : route->targets) {
    if (service_time(request, entry.target) * kServiceTimes > allowed) continue;
    if (sound(config_.targets[entry.target].provider, arrived, until)) return entry.target;
  }
  return std::nullopt;
}

}  // namespace keel::sim
