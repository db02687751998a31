#pragma once
// A histogram as Prometheus has it: cumulative buckets, sum and count.

#include "base/time.hpp"
#include "relay/exposition.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace keel::relay {

// What a language model takes, in seconds: a hit in the cache or a refusal 5 to 25 ms, a first
// token 0.1 to 5 s, a whole reply 1 to 60 s, one that thinks first up to the longest deadline, 600
// s. The edges are close where most requests lie: between two of them a quantile is only
// interpolated.
inline constexpr std::array<double, 19> kLatencyEdges_s = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 300, 600};
// What our own work takes: 10 us when all is warm, 100 ms when something is wrong.
inline constexpr std::array<double, 13> kOverheadEdges_s = {
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001,
    0.0025,  0.005,    0.01,    0.025,  0.05,    0.1};
// What a policy takes to decide: 100 ns for a sum, a microsecond over a few candidates, more where
// something is wrong with it.
inline constexpr std::array<double, 10> kDecisionEdges_s = {
    0.00000025, 0.0000005, 0.000001, 0.0000025, 0.000005, 0.00001, 0.00005, 0.00025, 0.001, 0.01};

class Histogram {
 public:
  // `edges_s` rise and outlive the histogram.
  explicit Histogram(std::span<const double> edges_s = kLatencyEdges_s)
      : edges_s_(edges_s), counts_(edges_s.size() + 1) {}

  void add(Duration value);
  // The series of the family that was begun.
  void render(Exposition& out, const Labels& labels) const;

 private:
  std::span<const double> edges_s_;
  std::vector<uint64_t> counts_;  // per bucket, the last beyond every edge
  double sum_s_ = 0;
};

}  // namespace keel::relay
