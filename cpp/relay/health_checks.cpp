#include "relay/health_checks.hpp"

#include "relay/telling.hpp"

namespace keel::relay {

namespace {

constexpr int kBadProbesToTrip = 3;

// +-10 %, so that many relays do not ask in step.
Duration next_interval(Engines& engines) {
  return scaled(engines.config->health_check.interval, 0.9 + 0.2 * engines.random.unit());
}

void schedule_check(Engines& engines, ProviderIndex index, Instant now) {
  ProviderEngines& provider = engines.providers[index];
  engines.due.remove(provider.check_timer);
  provider.check_timer =
      engines.due.add(now + next_interval(engines), {Due::Kind::health_check, index});
}

ProbeId send_probe(Engines& engines, ProviderIndex index, std::optional<KeyIndex> key, bool revival,
                   Actions& actions, Instant now) {
  const Duration limit = engines.config->health_check.timeout;
  const ProbeId id = engines.next_probe++;
  PendingProbe pending{index, key, revival, now,
                       engines.due.add(now + limit, {Due::Kind::probe_limit, id})};
  engines.probes.emplace(id, pending);
  Probe action{id, index, key, limit};
  if (engines.config->providers[index].keys.empty()) action.key.reset();
  actions.push_back(action);
  return id;
}

void check_now(Engines& engines, ProviderIndex index, Actions& actions, Instant now) {
  ProviderEngines& provider = engines.providers[index];
  if (provider.probe) return;  // its result will serve
  auto key = provider.keys.key_for_probe(now);
  if (!key) return;  // all keys are dead: key_revival asks
  provider.probe = send_probe(engines, index, key, false, actions, now);
}

template <typename Visit>
void for_targets_of(Engines& engines, ProviderIndex provider, Visit visit) {
  for (TargetIndex i = 0; i < engines.targets.size(); ++i)
    if (engines.config->targets[i].provider == provider) visit(i);
}

// Only silence counts towards tripping: a provider that answers 500 to a free call is reached.
void feed_targets(Engines& engines, ProviderIndex index, const Probed& result, Duration round_trip,
                  Actions& actions, Instant now) {
  ProviderEngines& provider = engines.providers[index];
  const bool good = result.reachable;
  provider.bad_probes = result.status == 0 ? provider.bad_probes + 1 : 0;
  const bool trip = provider.bad_probes == kBadProbesToTrip;
  for_targets_of(engines, index, [&](TargetIndex i) {
    TargetEngines& target = engines.targets[i];
    target.health.record_probe(good, round_trip, now);
    if (target.breaker.recovery_due(now)) {
      good ? target.breaker.half_open(now) : target.breaker.wait_again(now);
    } else if (trip && !engines.config->targets[i].sole &&
               target.breaker.state() == engine::Breaker::State::closed) {
      target.breaker.trip(now);
    }
    breaker_moved(engines, i, actions, now);
  });
}

void key_answered(Engines& engines, const PendingProbe& probe, const Probed& result,
                  Actions& actions, Instant now) {
  engine::KeyPool& keys = engines.providers[probe.provider].keys;
  if (!probe.key) return;
  if (!probe.revival) {
    if (result.status == 401) keys.suspect(*probe.key);
    return;
  }
  // A restricted key often may not list models: 403 tells that the key itself is known again.
  if ((result.status >= 200 && result.status < 300) || result.status == 403) {
    keys.revive(*probe.key);
    tell(actions, Notice::Kind::key_back, key_subject(engines, probe.provider, *probe.key),
         "the provider takes it again");
  } else {
    keys.revival_failed(*probe.key, now);
  }
  arm_revival(engines, probe.provider);
}

}  // namespace

void begin_health_checks(Engines& engines, Instant now) {
  if (!engines.probes_on()) return;
  for (ProviderIndex i = 0; i < engines.providers.size(); ++i) schedule_check(engines, i, now);
}

void health_check_due(Engines& engines, ProviderIndex provider, Actions& actions, Instant now) {
  engines.providers[provider].check_timer = DueTimes::kNone;
  schedule_check(engines, provider, now);
  check_now(engines, provider, actions, now);
}

void key_revival_due(Engines& engines, ProviderIndex index, Actions& actions, Instant now) {
  ProviderEngines& provider = engines.providers[index];
  provider.revival_timer = DueTimes::kNone;
  auto key = provider.keys.revival_due(now);
  if (!key) return arm_revival(engines, index);
  for (const auto& [id, pending] : engines.probes)
    if (pending.provider == index && pending.revival) return;  // armed again at its end
  send_probe(engines, index, key, true, actions, now);
}

void breaker_due(Engines& engines, TargetIndex index, Actions& actions, Instant now) {
  TargetEngines& target = engines.targets[index];
  target.breaker_timer = DueTimes::kNone;
  target.breaker.expire(now);
  const ProviderIndex provider = engines.config->targets[index].provider;
  if (target.breaker.recovery_due(now)) {
    check_now(engines, provider, actions, now);
    if (!engines.providers[provider].probe) target.breaker.wait_again(now);
    // The probe's result moves the breaker; until then there is nothing to wake for.
    if (target.breaker.recovery_due(now)) return;
  }
  breaker_moved(engines, index, actions, now);
}

void probed(Engines& engines, const Probed& result, Actions& actions, Instant now) {
  auto found = engines.probes.find(result.probe);
  if (found == engines.probes.end()) return;  // late: given up before
  PendingProbe probe = found->second;
  engines.probes.erase(found);
  engines.due.remove(probe.limit_timer);
  if (!probe.revival) engines.providers[probe.provider].probe.reset();
  key_answered(engines, probe, result, actions, now);
  if (probe.revival && !result.reachable) return;
  feed_targets(engines, probe.provider, result, elapsed(probe.began, now), actions, now);
}

void probe_is_late(Engines& engines, ProbeId id, Actions& actions, Instant now) {
  auto found = engines.probes.find(id);
  if (found == engines.probes.end()) return;
  found->second.limit_timer = DueTimes::kNone;
  actions.push_back(AbortProbe{id});
  probed(engines, {id, false, 0}, actions, now);
}

}  // namespace keel::relay
