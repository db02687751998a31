#pragma once
// What a relay counts, by CONVENTIONS' names. Counters live here; gauges are read from the engines
// when somebody asks. Every label's values come from the configuration, so their number is bounded.

#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "relay/exposition.hpp"
#include "relay/trace.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::relay {

struct Config;
struct Engines;
struct Answer;

// The value of `outcome` in keel_requests_total and in the request log.
std::string_view outcome_of(const Answer& answer);

// Cumulative buckets that suit the latencies of language models: 50 ms to 10 min.
class Histogram {
 public:
  static constexpr std::array<double, 16> kEdges_s = {0.05, 0.1, 0.25, 0.5, 1,  2,   3,   5,
                                                      8,    12,  20,   30,  60, 120, 300, 600};
  void add(Duration value);
  // Cumulative buckets, sum and count, as series of the family that was begun.
  void render(Exposition& out, const Labels& labels) const;

 private:
  std::array<uint64_t, kEdges_s.size() + 1> counts_{};
  double sum_s_ = 0;
};

class Metrics {
 public:
  explicit Metrics(const Config& config);

  void request(const std::string& route, const Answer& answer, Duration took);
  void attempt(const AttemptRecord& record);
  void retry(TargetIndex target) { ++retries_[target]; }
  void failover(TargetIndex from, TargetIndex to) { ++failovers_[{from, to}]; }
  void cache(std::string_view result) { ++cache_[std::string(result)]; }
  void breaker_transition(TargetIndex target) { ++transitions_[target]; }
  void policy_error(std::string_view id) { ++policy_errors_[std::string(id)]; }
  void rate_limited(std::string_view account) { ++rate_limited_[std::string(account)]; }

  // Attempts that were sends: each of them, and no other, is posted to the ledger exactly once
  // (at zero where the provider does not bill).
  uint64_t postings() const { return postings_; }

  // Prometheus text exposition format 0.0.4.
  std::string render(const Engines& engines, Instant now) const;

 private:
  void render_requests(Exposition& out) const;
  void render_attempts(Exposition& out) const;
  void render_totals(Exposition& out) const;

  struct Counted {
    std::map<std::string, uint64_t> by_outcome;
    Histogram duration;
  };
  const Config& config_;
  std::map<std::string, Counted> routes_;
  std::vector<std::array<uint64_t, kClassCount>> verdicts_;  // per target
  std::vector<Histogram> attempt_duration_;
  std::vector<uint64_t> retries_;
  std::vector<uint64_t> transitions_;
  std::map<std::pair<TargetIndex, TargetIndex>, uint64_t> failovers_;
  std::map<std::string, uint64_t> cache_;
  std::map<std::string, uint64_t> policy_errors_;
  std::map<std::string, uint64_t> rate_limited_;
  uint64_t postings_ = 0;
  NanoUsd cost_;
  int64_t tokens_in_ = 0;
  int64_t tokens_out_ = 0;
};

}  // namespace keel::relay
