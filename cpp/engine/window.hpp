#pragma once
// What happened lately: counts over a sliding time, decaying averages, and quantiles over the last
// minutes. Fixed memory, no allocation after construction; a clock that steps back adds to the
// newest bucket.

#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace keel::engine {

// On which side of `length` a window errs, by at most a bucket (length/kBuckets): a count is
// forgotten between length and a bucket later, or between a bucket earlier and length.
enum class Forget : uint8_t { late, early };

// Counts per slot over the last `length`.
class WindowCounts {
 public:
  static constexpr int kSlots = 3;
  static constexpr int kBuckets = 20;
  // Throws std::invalid_argument when the length is below kBuckets ns.
  explicit WindowCounts(Duration length, Forget forget = Forget::late);

  void add(int slot, int64_t n, Instant now);
  int64_t sum(int slot, Instant now) const;
  void clear();

 private:
  int64_t bucket_of(Instant t) const { return t.ns / bucket_ns_; }
  void roll(int64_t bucket);

  int64_t bucket_ns_;
  int64_t kept_;  // how many buckets count, the newest included
  int64_t newest_ = 0;
  std::array<std::array<int64_t, kSlots>, kBuckets + 1> counts_{};
};

// A sum whose past fades with time constant tau: after tau it weighs 1/e.
class Decaying {
 public:
  explicit Decaying(Duration tau) : tau_(tau) {}
  void add(double amount, Instant now);
  double value(Instant now) const;

 private:
  Duration tau_;
  double value_ = 0;
  Instant at_{};
};

// Quantiles of positive values (latencies in ns, token counts) over the last nine to ten minutes:
// 20 buckets per power of two, so a relative error below 5 % and integers below 32 exact. Unknown
// below kMinSamples (SEMANTICS A1). Values below 1 count as 1, above 2^43 - 1 (2.4 h) as that.
class Quantiles {
 public:
  static constexpr int kMinSamples = 20;
  Quantiles();

  void add(int64_t value, Instant now);
  // The q-quantile, q in (0, 1], rounded up to the largest integer of its bucket; nothing below
  // kMinSamples.
  std::optional<int64_t> quantile(double q, Instant now) const;
  int64_t samples(Instant now) const;

 private:
  static constexpr int kPerOctave = 20;
  static constexpr int kOctaves = 43;
  static constexpr int kBuckets = kOctaves * kPerOctave;
  static constexpr int kSlices = 10;
  struct Slice {
    std::array<uint32_t, kBuckets> counts{};
    std::array<uint32_t, kOctaves> octaves{};  // their sums: a quantile is found in two short walks
    int64_t samples = 0;

    void add(int bucket) {
      ++counts[static_cast<size_t>(bucket)];
      ++octaves[static_cast<size_t>(bucket / kPerOctave)];
      ++samples;
    }
  };
  static int bucket_of(int64_t value);
  static int64_t upper_edge(int bucket);
  Slice& slice_of(int64_t minute) { return slices_[static_cast<size_t>(minute % kSlices)]; }
  const Slice& slice_of(int64_t minute) const {
    return slices_[static_cast<size_t>(minute % kSlices)];
  }
  void roll(int64_t minute);
  // The first minute still kept that `now` has left behind, and the one after the last such.
  std::pair<int64_t, int64_t> faded(Instant now) const;

  std::vector<Slice> slices_;  // one per minute
  Slice total_;
  int64_t newest_ = 0;
};

}  // namespace keel::engine
