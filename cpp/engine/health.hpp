#pragma once
// A target's health score in [0, 1] (SEMANTICS A6):
//   score = 0.5 * availability + 0.3 * (1 - error rate) + 0.2 * latency
// with every statistic fading at tau = 60 s. Latencies (time to first token, time per output token)
// are kept here too, because the score and the time limits read the same figures.

#include "base/time.hpp"
#include "engine/breaker.hpp"
#include "engine/window.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace keel::engine {

class Latency {
 public:
  explicit Latency(Duration tau = seconds(60));
  void add(Duration value, Instant now);
  // Exponentially weighted by time, tau 60 s; nothing before the first sample. It stays as the last
  // sample left it: age alone says nothing about a mean.
  std::optional<Duration> mean(Instant now) const;
  // Over ten minutes; nothing below 20 samples.
  std::optional<Duration> quantile(double q, Instant now) const;
  int64_t samples(Instant now) const { return quantiles_.samples(now); }

 private:
  Decaying sum_;
  Decaying weight_;
  Quantiles quantiles_;
  std::optional<Duration> mean_;
};

class Health {
 public:
  explicit Health(Duration tau = seconds(60));

  void record_probe(bool good, Duration round_trip, Instant now);
  void record_result(bool failed, Instant now);
  void record_first_token(Duration ttft, Instant now) { first_token_.add(ttft, now); }
  // A whole plain reply: what tells a target cut short from one that is silent.
  void record_reply(Duration took, Instant now) { reply_.add(took, now); }
  void record_per_output_token(Duration per_token, Instant now) { per_token_.add(per_token, now); }

  // Share of good probes (prior: one good probe's weight, so 1 with no history) times
  // {closed 1, half-open 0.5, open 0}.
  double availability(Breaker::State state, Instant now) const;
  double error_rate(Instant now) const;  // failures / (results + 5)
  // failures do not count: 1 - error rate over results alone, 1 with no history.
  double success_rate(Instant now) const;
  // Time to first token where known, else time per output token, else the probe's round trip.
  std::optional<Duration> typical_latency(Instant now) const;
  enum class Measure : uint8_t { none, first_token, output_token, round_trip };
  Measure measure(Instant now) const;  // what typical_latency() is a time of
  // `best` is the best candidate's typical latency; the latency part is best / own, at most 1, and
  // 1 where either is unknown.
  double score(Breaker::State state, std::optional<Duration> best, Instant now) const;

  const Latency& first_token() const { return first_token_; }
  const Latency& per_output_token() const { return per_token_; }
  const Latency& reply_time() const { return reply_; }
  const Latency& probe_round_trip() const { return round_trip_; }

 private:
  Decaying good_probes_, probes_, failures_, results_;
  Latency first_token_, per_token_, round_trip_, reply_;
};

// The best typical latency among several targets, kind by kind: a time per output token is not to
// be compared with a probe's round trip, or a target loses by having been used.
class BestLatency {
 public:
  void consider(const Health& health, Instant now);
  // The best of the kind that this one is known by.
  std::optional<Duration> like(const Health& health, Instant now) const;

 private:
  std::array<std::optional<Duration>, 4> best_;  // by Measure
};

}  // namespace keel::engine
