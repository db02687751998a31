#pragma once
// What happened lately: counts over a sliding time, decaying averages, and quantiles over the last
// minutes. Fixed memory, no allocation after construction; a clock that steps back adds to the
// newest bucket.

#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace keel::engine {

// Counts per slot over the last `length`. The window errs towards the past: a count is forgotten
// between length and length + length/kBuckets after it was added, never before.
class WindowCounts {
 public:
  static constexpr int kSlots = 3;
  static constexpr int kBuckets = 20;
  explicit WindowCounts(Duration length);

  void add(int slot, int64_t n, Instant now);
  int64_t sum(int slot, Instant now) const;
  void clear();

 private:
  int64_t bucket_of(Instant t) const { return t.ns / bucket_ns_; }
  void roll(int64_t bucket);

  int64_t bucket_ns_;
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

// Quantiles of positive values (latencies in ns, token counts) over the last ten minutes:
// log-spaced buckets with a relative error of at most 5 %. Unknown below `min_samples` = 20
// (SEMANTICS A1).
class Quantiles {
 public:
  static constexpr int kMinSamples = 20;
  Quantiles();

  void add(int64_t value, Instant now);
  // The q-quantile, q in (0, 1], rounded up to its bucket's upper edge; nothing below kMinSamples.
  std::optional<int64_t> quantile(double q, Instant now) const;
  int64_t samples(Instant now) const;

 private:
  struct Slice;
  std::vector<Slice> slices_;
  int64_t newest_ = 0;
  void roll(int64_t minute);
};

}  // namespace keel::engine
