#pragma once
// GCRA, the generic cell rate algorithm as redis-cell states it (SEMANTICS A7), in exact integers:
// an increment is quantity * period / limit, kept in units of ns/limit so that any limit is exact.

#include "base/time.hpp"

#include <cstdint>

namespace keel::engine {

// `limit` units per `period`; up to `burst` units beyond the steady rate at once (so burst + 1 in
// an instant from rest). limit >= 1, period > 0, burst >= 0.
struct Quota {
  int64_t limit = 0;
  Duration period = minutes(1);
  int64_t burst = 0;

  // Requests: ten seconds of the limit may come at once, at least one (SEMANTICS A7).
  static Quota requests_per_minute(int64_t limit);
  // Tokens: the whole minute's limit may come at once.
  static Quota tokens_per_minute(int64_t limit);
};

// The answer of a limiter: allowed, or how long to wait, or never (larger than the limiter can
// hold).
struct Allowance {
  enum class Kind : uint8_t { allowed, wait, never };
  Kind kind = Kind::allowed;
  Duration retry_after;

  explicit operator bool() const { return kind == Kind::allowed; }
};

class RateLimiter {
 public:
  explicit RateLimiter(Quota quota);

  // Peeks; writes nothing.
  Allowance would_allow(int64_t quantity, Instant now) const;
  // Takes `quantity` if it is allowed; a refusal writes nothing.
  Allowance try_take(int64_t quantity, Instant now);
  // Replaces an earlier take of `taken` by `actual`: refunds the difference or takes it as debt,
  // which the next request waits for. actual = 0 gives everything back.
  void settle(int64_t taken, int64_t actual, Instant now);
  // Share of what can be held that is free now, in [0, 1].
  double share_left(Instant now) const;
  const Quota& quota() const { return quota_; }

 private:
  Quota quota_;
  __int128 tat_ = 0;  // theoretical arrival time, in ns * limit
};

}  // namespace keel::engine
