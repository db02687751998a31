#pragma once
// What happened per bucket of virtual time. The number of buckets is bounded: when they are full
// two become one and each lasts twice as long, so memory is flat however long a run is.

#include "base/money.hpp"
#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace keel::sim {

struct Bucket {
  uint64_t asked = 0;     // by users
  uint64_t answered = 0;  // well, in the end
  uint64_t failed = 0;
  uint64_t left = 0;   // users who lost patience
  uint64_t calls = 0;  // what the relay was asked: users' requests and their clients' retries
  uint64_t sends = 0;
  uint64_t client_retries = 0;
  uint64_t cached = 0;
  NanoUsd posted;
  NanoUsd true_bill;
  double latency_sum_s = 0;  // of the answered
  // Of the answered, steps of a tenth of a decade from 1 ms on: for quantiles good to look at.
  static constexpr size_t kSteps = 64;
  std::array<uint32_t, kSteps> latency{};

  void add_latency(Duration took);
  double latency_quantile_s(double q) const;
  void add(const Bucket& other);
};

class Series {
 public:
  static constexpr size_t kBuckets = 512;

  // `width` is the least; one that no bucket of a run would be worth reading below.
  explicit Series(Duration width = seconds(1)) : width_(width) {}

  Bucket& at(Instant now);
  Duration width() const { return width_; }
  const std::vector<Bucket>& buckets() const { return buckets_; }

 private:
  void halve();

  Duration width_;
  std::vector<Bucket> buckets_;
};

}  // namespace keel::sim
