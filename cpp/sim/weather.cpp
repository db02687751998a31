#include "sim/weather.hpp"

#include <algorithm>

namespace keel::sim {

Weather::Weather(const Scenario& scenario, uint64_t seed)
    : scenario_(scenario), now_(scenario.behaviours.size()) {
  if (!scenario.random_outages) return;
  const RandomOutages& settings = *scenario.random_outages;
  Random seeds(seed);
  auto process = [&](double share) {
    Process out{Random(seeds.next()), Duration::max(), settings.mean_length, {}, {}};
    if (share > 0) out.mean_between = scaled(settings.mean_between, 1 / share);
    out.draw(Instant{});
    return out;
  };
  for (size_t i = 0; i < scenario.of_provider.size(); ++i)
    own_.push_back(process(1 - settings.correlated));
  common_.push_back(process(settings.correlated));
}

void Weather::Process::draw(Instant after) {
  if (mean_between == Duration::max()) {
    from = to = Instant::never();
    return;
  }
  from = after + scaled(mean_between, exponential(random));
  to = from + scaled(mean_length, exponential(random)) + nanoseconds(1);
}

void Weather::Process::go_to(Instant now) {
  while (to <= now) draw(to);
}

const Weather::Conditions& Weather::at(uint32_t behaviour, Instant now) {
  if (now >= now_[behaviour].until) look(behaviour, now);
  return now_[behaviour];
}

void Weather::apply(Conditions& out, Instant from, Instant to, Fault kind, Instant now) const {
  if (to <= now) return;
  if (from <= now) {
    out.outage = kind;
    out.until = std::min(out.until, to);
    return;
  }
  out.until = std::min(out.until, from);
  const bool breaks = kind == Fault::refused || kind == Fault::silence;
  if (!breaks || from >= out.breaks) return;
  out.breaks = from;
  out.breaks_by = kind;
}

void Weather::look(uint32_t index, Instant now) {
  const Behaviour& behaviour = scenario_.behaviours[index];
  Conditions out;
  out.until = Instant::never();
  out.errors = &behaviour.errors;
  out.tokens_per_second = behaviour.tokens_per_second;
  auto holds = [&](Instant from, Instant to) {
    if (to <= now) return false;
    out.until = std::min(out.until, from <= now ? to : from);
    return from <= now;
  };
  for (const Brownout& one : behaviour.brownouts) {
    if (!holds(one.from, one.to)) continue;
    out.slowness *= one.slowness;
    if (one.errors) out.errors = &*one.errors;
  }
  for (const SlowDrain& one : behaviour.slow_drains)
    if (holds(one.from, one.to))
      out.tokens_per_second = std::min(out.tokens_per_second, one.tokens_per_second);
  for (const Outage& one : behaviour.outages) apply(out, one.from, one.to, one.kind, now);
  if (behaviour.drawn_outages) {
    for (Process* process : {&own_[*behaviour.drawn_outages], &common_[0]}) {
      process->go_to(now);
      apply(out, process->from, process->to, scenario_.random_outages->kind, now);
    }
  }
  now_[index] = out;
}

}  // namespace keel::sim
