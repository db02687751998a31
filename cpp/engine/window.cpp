#include "engine/window.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace keel::engine {

// A count `late` is kept while its bucket is one of the last kBuckets + 1, so for at least kBuckets
// whole buckets; `early` while it is one of the last kBuckets, so for less than that. The widths
// round the other way, which makes both bounds exact for any length.
WindowCounts::WindowCounts(Duration length, Forget forget)
    : bucket_ns_(forget == Forget::early ? length.ns / kBuckets
                                         : length.ns / kBuckets + (length.ns % kBuckets != 0)),
      kept_(forget == Forget::early ? kBuckets : kBuckets + 1) {
  if (length.ns < kBuckets) {
    throw std::invalid_argument("window: length is " + std::to_string(length.ns) +
                                " ns, wanted at least " + std::to_string(kBuckets) + " ns");
  }
}

void WindowCounts::add(int slot, int64_t n, Instant now) {
  roll(bucket_of(now));
  counts_[newest_ % counts_.size()][slot] += n;
}

int64_t WindowCounts::sum(int slot, Instant now) const {
  int64_t last = std::max(bucket_of(now), newest_);
  int64_t total = 0;
  for (int64_t b = std::max<int64_t>(last - kept_ + 1, 0); b <= newest_; ++b) {
    total += counts_[b % counts_.size()][slot];
  }
  return total;
}

void WindowCounts::clear() {
  counts_ = {};
}

void WindowCounts::roll(int64_t bucket) {
  if (bucket <= newest_) return;
  int64_t passed = std::min<int64_t>(bucket - newest_, counts_.size());
  for (int64_t b = bucket - passed + 1; b <= bucket; ++b) counts_[b % counts_.size()] = {};
  newest_ = bucket;
}

void Decaying::add(double amount, Instant now) {
  value_ = value(now) + amount;
  at_ = std::max(at_, now);
}

double Decaying::value(Instant now) const {
  Duration age = elapsed(at_, now);
  if (age == Duration::zero() || value_ == 0) return value_;
  return value_ * std::exp(-static_cast<double>(age.ns) / static_cast<double>(tau_.ns));
}

Quantiles::Quantiles() : slices_(kSlices) {}

int Quantiles::bucket_of(int64_t value) {
  auto v = static_cast<uint64_t>(std::clamp<int64_t>(value, 1, (int64_t{1} << kOctaves) - 1));
  int octave = std::bit_width(v) - 1;
  uint64_t base = uint64_t{1} << octave;
  return octave * kPerOctave + static_cast<int>((v - base) * kPerOctave >> octave);
}

int64_t Quantiles::upper_edge(int bucket) {
  int octave = bucket / kPerOctave;
  int64_t base = int64_t{1} << octave;
  // The largest integer below base * (1 + (step + 1) / kPerOctave).
  int64_t above = base * (bucket % kPerOctave + 1);
  return base + (above + kPerOctave - 1) / kPerOctave - 1;
}

void Quantiles::add(int64_t value, Instant now) {
  roll(now.ns / minutes(1).ns);
  const int bucket = bucket_of(value);
  slice_of(newest_).add(bucket);
  total_.add(bucket);
}

std::pair<int64_t, int64_t> Quantiles::faded(Instant now) const {
  int64_t minute = std::max(now.ns / minutes(1).ns, newest_);
  int64_t first = std::max<int64_t>(newest_ - kSlices + 1, 0);
  return {first, std::clamp<int64_t>(minute - kSlices + 1, first, newest_ + 1)};
}

int64_t Quantiles::samples(Instant now) const {
  auto [first, end] = faded(now);
  int64_t left = total_.samples;
  for (int64_t minute = first; minute < end; ++minute) left -= slice_of(minute).samples;
  return left;
}

std::optional<int64_t> Quantiles::quantile(double q, Instant now) const {
  int64_t known = samples(now);
  if (known < kMinSamples) return std::nullopt;
  auto [first, end] = faded(now);
  // The nearest rank; the small number keeps 0.07 of 100 at 7.
  double rank = std::ceil((q > 0 ? std::min(q, 1.0) : 0) * static_cast<double>(known) - 1e-9);
  int64_t left = std::clamp<int64_t>(static_cast<int64_t>(rank), 1, known);
  // The first place at which so many are reached, by what counts give; and what was left before it.
  auto walk = [&, minutes_from = first, minutes_to = end](auto counts, int from) {
    for (int i = from;; ++i) {
      int64_t here = counts(total_)[i];
      for (int64_t minute = minutes_from; minute < minutes_to; ++minute)
        here -= counts(slice_of(minute))[i];
      if (left <= here) return i;
      left -= here;
    }
  };
  const int octave = walk([](const Slice& s) { return s.octaves.data(); }, 0);
  return upper_edge(walk([](const Slice& s) { return s.counts.data(); }, octave * kPerOctave));
}

void Quantiles::roll(int64_t minute) {
  if (minute <= newest_) return;
  int64_t passed = std::min<int64_t>(minute - newest_, kSlices);
  for (int64_t m = minute - passed + 1; m <= minute; ++m) {
    Slice& slice = slice_of(m);
    if (slice.samples > 0) {
      for (int b = 0; b < kBuckets; ++b) total_.counts[b] -= slice.counts[b];
      for (int o = 0; o < kOctaves; ++o) total_.octaves[o] -= slice.octaves[o];
      total_.samples -= slice.samples;
      slice = {};
    }
  }
  newest_ = minute;
}

}  // namespace keel::engine
