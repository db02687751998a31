#include "sim/series.hpp"

#include <algorithm>
#include <cmath>

namespace keel::sim {

namespace {
constexpr double kFirst_s = 0.001;
constexpr double kPerDecade = 10;
}  // namespace

void Bucket::add_latency(Duration took) {
  const double s = took.seconds();
  latency_sum_s += s;
  const double step = s <= kFirst_s ? 0 : std::ceil(std::log10(s / kFirst_s) * kPerDecade);
  ++latency[std::min(static_cast<size_t>(step), kSteps - 1)];
}

double Bucket::latency_quantile_s(double q) const {
  uint64_t count = 0;
  for (uint32_t n : latency) count += n;
  if (count == 0) return 0;
  auto rank = static_cast<uint64_t>(q * static_cast<double>(count - 1)) + 1;
  for (size_t i = 0; i < kSteps; ++i) {
    if (rank <= latency[i])
      return kFirst_s * std::pow(10.0, (static_cast<double>(i) - 0.5) / kPerDecade);
    rank -= latency[i];
  }
  return 0;
}

void Bucket::add(const Bucket& other) {
  asked += other.asked;
  answered += other.answered;
  failed += other.failed;
  left += other.left;
  calls += other.calls;
  sends += other.sends;
  client_retries += other.client_retries;
  cached += other.cached;
  posted += other.posted;
  true_bill += other.true_bill;
  latency_sum_s += other.latency_sum_s;
  for (size_t i = 0; i < kSteps; ++i) latency[i] += other.latency[i];
}

Bucket& Series::at(Instant now) {
  auto place = [&] { return static_cast<size_t>(std::max<int64_t>(now.ns, 0) / width_.ns); };
  while (place() >= kBuckets) halve();
  if (place() >= buckets_.size()) buckets_.resize(place() + 1);
  return buckets_[place()];
}

void Series::halve() {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (i % 2 == 1) {
      buckets_[i / 2].add(buckets_[i]);
    } else if (i > 0) {
      buckets_[i / 2] = buckets_[i];
    }
  }
  buckets_.resize((buckets_.size() + 1) / 2);
  width_ = width_ * 2;
}

}  // namespace keel::sim
