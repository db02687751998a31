#pragma once
// Instants and durations in integer nanoseconds. Arithmetic saturates; nothing here reads a clock.

#include <compare>
#include <cstdint>
#include <limits>

namespace keel {

namespace detail {
constexpr int64_t clamp_to_i64(__int128 v) {
  constexpr __int128 lo = std::numeric_limits<int64_t>::min();
  constexpr __int128 hi = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(v < lo ? lo : v > hi ? hi : v);
}
}  // namespace detail

struct Duration {
  int64_t ns = 0;

  static constexpr Duration zero() { return {0}; }
  static constexpr Duration max() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
};

constexpr Duration nanoseconds(int64_t n) {
  return {n};
}
constexpr Duration microseconds(int64_t n) {
  return {detail::clamp_to_i64(__int128{n} * 1'000)};
}
constexpr Duration milliseconds(int64_t n) {
  return {detail::clamp_to_i64(__int128{n} * 1'000'000)};
}
constexpr Duration seconds(int64_t n) {
  return {detail::clamp_to_i64(__int128{n} * 1'000'000'000)};
}
constexpr Duration minutes(int64_t n) {
  return {detail::clamp_to_i64(__int128{n} * 60'000'000'000)};
}
constexpr Duration hours(int64_t n) {
  return {detail::clamp_to_i64(__int128{n} * 3'600'000'000'000)};
}

// From floating seconds; NaN and negative become zero, too large becomes max.
constexpr Duration from_seconds(double s) {
  if (!(s > 0)) return Duration::zero();
  if (s >= 9.2e9) return Duration::max();
  return {static_cast<int64_t>(s * 1e9)};
}

constexpr Duration operator+(Duration a, Duration b) {
  return {detail::clamp_to_i64(__int128{a.ns} + b.ns)};
}
constexpr Duration operator-(Duration a, Duration b) {
  return {detail::clamp_to_i64(__int128{a.ns} - b.ns)};
}
constexpr Duration operator*(Duration a, int64_t k) {
  return {detail::clamp_to_i64(__int128{a.ns} * k)};
}
constexpr Duration operator/(Duration a, int64_t k) {
  return {a.ns / k};
}

// a * f for f >= 0, rounded towards zero, saturating.
constexpr Duration scaled(Duration a, double f) {
  double v = static_cast<double>(a.ns) * f;
  if (!(v > 0)) return Duration::zero();
  if (v >= 9.2e18) return Duration::max();
  return {static_cast<int64_t>(v)};
}

struct Instant {
  int64_t ns = 0;

  static constexpr Instant never() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr auto operator<=>(const Instant&) const = default;
};

constexpr Instant operator+(Instant t, Duration d) {
  return {detail::clamp_to_i64(__int128{t.ns} + d.ns)};
}
constexpr Instant operator-(Instant t, Duration d) {
  return {detail::clamp_to_i64(__int128{t.ns} - d.ns)};
}
constexpr Duration operator-(Instant a, Instant b) {
  return {detail::clamp_to_i64(__int128{a.ns} - b.ns)};
}

// Time since `since`; a clock that stepped back counts as no time (SEMANTICS A1).
constexpr Duration elapsed(Instant since, Instant now) {
  return now > since ? now - since : Duration::zero();
}
// Time left until `until`, never negative.
constexpr Duration remaining(Instant until, Instant now) {
  return until > now ? until - now : Duration::zero();
}

}  // namespace keel
