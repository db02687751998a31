#pragma once
// A fixed histogram of durations from which quantiles are read: 64 steps to every doubling, so a
// quantile is right to 1.6 %; the same size however much is added.

#include "base/time.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace keel::sim {

class DurationQuantiles {
 public:
  DurationQuantiles() : counts_(kPlaces) {}

  void add(Duration took) {
    const uint64_t us = static_cast<uint64_t>(std::max<int64_t>(took.ns, 0)) / 1'000;
    ++counts_[place_of(us)];
    ++count_;
    sum_s_ += took.seconds();
    most_ = std::max(most_, took);
  }
  uint64_t count() const { return count_; }
  double mean_s() const { return count_ == 0 ? 0 : sum_s_ / static_cast<double>(count_); }
  Duration most() const { return most_; }
  // The middle of the step that holds it, in seconds; 0 where nothing was added.
  double quantile_s(double q) const {
    if (count_ == 0) return 0;
    auto left = static_cast<uint64_t>(q * static_cast<double>(count_ - 1)) + 1;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (left <= counts_[i]) return std::min(middle_us(i) / 1e6, most_.seconds());
      left -= counts_[i];
    }
    return most_.seconds();
  }

 private:
  static constexpr int kBits = 6;
  static constexpr size_t kPlaces = (65 - kBits) << kBits;

  static size_t place_of(uint64_t us) {
    if (us < (2u << kBits)) return us;
    const int shift = std::bit_width(us) - 1 - kBits;
    return (static_cast<size_t>(shift) << kBits) + static_cast<size_t>(us >> shift);
  }
  static double middle_us(size_t place) {
    if (place < (2u << kBits)) return static_cast<double>(place) + 0.5;
    const size_t shift = (place >> kBits) - 1;
    const size_t from = (place & ((1u << kBits) - 1)) + (1u << kBits);
    return (static_cast<double>(from) + 0.5) * static_cast<double>(uint64_t{1} << shift);
  }

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  double sum_s_ = 0;
  Duration most_;
};

}  // namespace keel::sim
