// What the checker knows of breakers: it sees their states change and counts epochs of its own, so
// that it knows a result of an earlier one, and an open breaker that nothing moves.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

#include <algorithm>

namespace keel::sim {

namespace {

using State = engine::Breaker::State;

constexpr Duration kWaitSlack = seconds(1);

}  // namespace

Checker::Door& Checker::look_at(TargetIndex target, Instant now) {
  Door& door = doors_[target];
  const State state = simulator_->relay().engines().targets[target].breaker.state();
  if (state == door.state) return door;
  door.state = state;
  door.since = now;
  ++door.epoch;
  return door;
}

void Checker::note_result(const Ask& ask) {
  note_result(ask.target, ask.epoch);
  auto call = calls_.find(ask.call);
  if (call == calls_.end()) return;
  call->second.results.push_back({ask.target, ask.epoch});
}

void Checker::note_result(TargetIndex target, uint64_t epoch) {
  Door& door = doors_[target];
  (epoch == door.epoch_before ? door.fresh : door.stale) = true;
}

Duration Checker::longest_wait() const {
  const engine::BreakerSettings& breaker = config_->breaker;
  return scaled(std::max(breaker.open, breaker.open_max), 1 + breaker.jitter) + kWaitSlack;
}

// A target whose wait must be over, as every free call has ended well for longer than any wait, is
// not open behind this one any more.
void Checker::note_probe(ProviderIndex provider, bool well, Instant now) {
  const auto dead = dead_keys_.lower_bound({provider, 0});
  const bool all_ask = dead == dead_keys_.end() || dead->first != provider;
  if (!well || !all_ask) {
    well_since_[provider] = now;
    return;
  }
  for (TargetIndex i = 0; i < doors_.size(); ++i) {
    if (config_->targets[i].provider != provider) continue;
    const Instant since = std::max(doors_[i].since, well_since_[provider]);
    doors_[i].must_move = elapsed(since, now) > longest_wait();
  }
}

void Checker::probe(const relay::Probe& probe) {
  const bool revives = dead_keys_.count({probe.provider, probe.key.value_or(0)}) > 0;
  probes_[probe.probe] = {probe, revives};
}

void Checker::probed(const relay::Probed& result, Instant now) {
  auto found = probes_.find(result.probe);
  if (found == probes_.end()) return;
  const auto [probe, revives] = found->second;
  probes_.erase(found);
  const bool good = (result.status >= 200 && result.status < 300) || result.status == 403;
  note_probe(probe.provider, result.reachable, now);
  if (good && revives) dead_keys_.erase({probe.provider, probe.key.value_or(0)});
}

void Checker::probe_given_up(ProbeId probe, Instant now) {
  auto found = probes_.find(probe);
  if (found == probes_.end()) return;
  note_probe(found->second.probe.provider, false, now);
  probes_.erase(found);
}

void Checker::check_breakers(Instant now) {
  const auto& targets = simulator_->relay().engines().targets;
  for (TargetIndex i = 0; i < targets.size(); ++i) {
    const engine::Breaker& breaker = targets[i].breaker;
    check(
        breaker.trials_in_flight() <= config_->breaker.half_open_in_flight, "C1",
        [&] { return "too many trials at " + config_->targets[i].name; }, now);
    check(breaker.permits_returned() <= breaker.permits_given(), "C4", "a permit came back twice",
          now);
    check_results(i, now);
  }
}

void Checker::check_results(TargetIndex target, Instant now) {
  Door& door = look_at(target, now);
  const bool moved = door.epoch != door.epoch_before;
  check(
      !(moved && door.stale && !door.fresh && door.state != State::half_open), "C3",
      [&] { return "a result of an earlier epoch moves " + config_->targets[target].name; }, now);
  const bool alone = config_->health_check.interval <= Duration::zero();
  const bool stuck = door.must_move || (alone && elapsed(door.since, now) > longest_wait());
  check(
      door.state != State::open || !stuck, "C2",
      [&] { return "the wait is over, and " + config_->targets[target].name + " stays open"; },
      now);
  door.epoch_before = door.epoch;
  door.fresh = door.stale = door.must_move = false;
}

// Whoever waits for an equal request (SEMANTICS A9) is told when it ends. Looked at once a second.
void Checker::check_flights(Instant now) {
  if (elapsed(flights_seen_, now) < seconds(1)) return;
  flights_seen_ = now;
  std::set<CallId> waiting;
  for (const auto& entry : calls_) {
    const CallId id = entry.first;
    const relay::Call* call = simulator_->relay().find(id);
    if (!call || !call->parked || !simulator_->relay().engines().flights.over(call->seat)) continue;
    waiting.insert(id);
    check(
        !forgotten_.count(id), "A9",
        [&] { return "it waits for a request that has ended; " + story_of(id); }, now);
  }
  forgotten_ = std::move(waiting);
}

}  // namespace keel::sim
