#pragma once
// GCRA, the generic cell rate algorithm as redis-cell states it (SEMANTICS A7), in exact integers:
// an increment is quantity * period / limit, kept in units of ns/limit so that any limit is exact.

#include "base/time.hpp"

#include <cstdint>
#include <limits>
#include <memory>

namespace keel::engine {

// `limit` units per `period`; up to `burst` units beyond the steady rate at once (so burst + 1 in
// an instant from rest). limit >= 1, period > 0, burst >= 0.
struct Quota {
  int64_t limit = 0;
  Duration period = minutes(1);
  int64_t burst = 0;

  // Requests: a burst of ten seconds of the limit, at least one (SEMANTICS A7).
  static Quota requests_per_minute(int64_t limit);
  // Tokens: a burst of the whole minute's limit.
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
  // Throws std::invalid_argument when the quota breaks a bound named above.
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
  // Another quota from now on. What was taken stays taken. Throws as the constructor does.
  void retune(Quota quota, Instant now);

 private:
  // In units of ns * limit, where one quantity costs exactly period.ns.
  __int128 scaled_now(Instant now) const { return __int128{now.ns} * quota_.limit; }
  __int128 cost(__int128 quantity) const { return quantity * quota_.period.ns; }
  __int128 tolerance() const { return cost(__int128{quota_.burst} + 1); }
  __int128 ahead(Instant now) const;  // how far the arrival time lies in the future, >= 0

  Quota quota_;
  __int128 tat_ = std::numeric_limits<__int128>::min();  // theoretical arrival time
};

// Two that were made for the same thing become one, under the quota of `mine`: what either takes or
// gives back, both see. A limit that only one of them has stays its own.
void share_limiter(std::shared_ptr<RateLimiter>& mine, const std::shared_ptr<RateLimiter>& before,
                   Instant now);

}  // namespace keel::engine
