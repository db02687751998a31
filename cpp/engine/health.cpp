#include "engine/health.hpp"

#include <algorithm>
#include <cmath>

namespace keel::engine {

namespace {

// SEMANTICS A6.
constexpr double kAvailabilityWeight = 0.5;
constexpr double kErrorWeight = 0.3;
constexpr double kLatencyWeight = 0.2;
constexpr double kErrorPrior = 5;    // results that a target without history is credited with
constexpr double kForgotten = 1e-9;  // a sample weighs less after twenty minutes

double factor_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
    case Breaker::State::disabled:
      return 1;
    case Breaker::State::half_open:
      return 0.5;
    case Breaker::State::open:
    case Breaker::State::forced_open:
      return 0;
  }
  return 0;
}

}  // namespace

Latency::Latency(Duration tau) : sum_(tau), weight_(tau) {}

void Latency::add(Duration value, Instant now) {
  sum_.add(static_cast<double>(value.ns), now);
  weight_.add(1, now);
  mean_ = Duration{std::llround(sum_.value(now) / weight_.value(now))};
  quantiles_.add(value.ns, now);
}

std::optional<Duration> Latency::mean(Instant) const {
  return mean_;
}

std::optional<Duration> Latency::quantile(double q, Instant now) const {
  std::optional<int64_t> ns = quantiles_.quantile(q, now);
  if (!ns) return std::nullopt;
  return Duration{*ns};
}

Health::Health(Duration tau)
    : good_probes_(tau),
      probes_(tau),
      failures_(tau),
      results_(tau),
      first_token_(tau),
      per_token_(tau),
      round_trip_(tau) {}

void Health::record_probe(bool good, Duration round_trip, Instant now) {
  probes_.add(1, now);
  if (!good) return;
  good_probes_.add(1, now);
  round_trip_.add(round_trip, now);
}

void Health::record_result(bool failed, Instant now) {
  results_.add(1, now);
  if (failed) failures_.add(1, now);
}

double Health::availability(Breaker::State state, Instant now) const {
  double good_share = (good_probes_.value(now) + 1) / (probes_.value(now) + 1);
  return good_share * factor_of(state);
}

double Health::error_rate(Instant now) const {
  return failures_.value(now) / (results_.value(now) + kErrorPrior);
}

double Health::success_rate(Instant now) const {
  double results = results_.value(now);
  return results < kForgotten ? 1 : 1 - std::min(failures_.value(now) / results, 1.0);
}

std::optional<Duration> Health::typical_latency(Instant now) const {
  if (std::optional<Duration> ttft = first_token_.mean(now)) return ttft;
  if (std::optional<Duration> per_token = per_token_.mean(now)) return per_token;
  return round_trip_.mean(now);
}

Health::Measure Health::measure(Instant now) const {
  if (first_token_.mean(now)) return Measure::first_token;
  if (per_token_.mean(now)) return Measure::output_token;
  return round_trip_.mean(now) ? Measure::round_trip : Measure::none;
}

void BestLatency::consider(const Health& health, Instant now) {
  auto own = health.typical_latency(now);
  auto& best = best_[static_cast<size_t>(health.measure(now))];
  if (own && (!best || *own < *best)) best = own;
}

std::optional<Duration> BestLatency::like(const Health& health, Instant now) const {
  return best_[static_cast<size_t>(health.measure(now))];
}

double Health::score(Breaker::State state, std::optional<Duration> best, Instant now) const {
  std::optional<Duration> own = typical_latency(now);
  double latency = 1;
  if (best && own && *own > *best) {
    latency = std::max(static_cast<double>(best->ns), 0.0) / static_cast<double>(own->ns);
  }
  return kAvailabilityWeight * availability(state, now) + kErrorWeight * (1 - error_rate(now)) +
         kLatencyWeight * latency;
}

}  // namespace keel::engine
