#include "engine/rate_limiter.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace keel::engine {

namespace {

using Wide = __int128;

Wide plus(Wide a, Wide b) {
  Wide sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<Wide>::min() : std::numeric_limits<Wide>::max();
}

Wide minus(Wide a, Wide b) {
  Wide difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? std::numeric_limits<Wide>::min() : std::numeric_limits<Wide>::max();
}

void require_at_least(const char* name, int64_t found, int64_t wanted) {
  if (found >= wanted) return;
  throw std::invalid_argument(std::string("quota: ") + name + " is " + std::to_string(found) +
                              ", wanted at least " + std::to_string(wanted));
}

}  // namespace

Quota Quota::requests_per_minute(int64_t limit) {
  return {limit, minutes(1), std::max<int64_t>(limit / 6, 1)};
}

Quota Quota::tokens_per_minute(int64_t limit) {
  return {limit, minutes(1), limit};
}

RateLimiter::RateLimiter(Quota quota) : quota_(quota) {
  require_at_least("limit", quota.limit, 1);
  require_at_least("period in ns", quota.period.ns, 1);
  require_at_least("burst", quota.burst, 0);
}

__int128 RateLimiter::ahead(Instant now) const {
  return std::max<Wide>(minus(tat_, scaled_now(now)), 0);
}

Allowance RateLimiter::would_allow(int64_t quantity, Instant now) const {
  Wide asked = cost(std::max<int64_t>(quantity, 0));
  if (asked > tolerance()) return {Allowance::Kind::never, Duration::max()};
  // Not above zero before `ahead` is added, so this cannot overflow.
  Wide excess = asked - tolerance() + ahead(now);
  if (excess <= 0) return {};
  Wide wait_ns = excess / quota_.limit + (excess % quota_.limit != 0);
  return {Allowance::Kind::wait, {detail::clamp_to_i64(wait_ns)}};
}

Allowance RateLimiter::try_take(int64_t quantity, Instant now) {
  Allowance answer = would_allow(quantity, now);
  if (answer) {
    tat_ = plus(std::max(scaled_now(now), tat_), cost(std::max<int64_t>(quantity, 0)));
  }
  return answer;
}

void RateLimiter::settle(int64_t taken, int64_t actual, Instant now) {
  Wide debt = Wide{std::max<int64_t>(actual, 0)} - std::max<int64_t>(taken, 0);
  if (debt < 0) tat_ = minus(tat_, cost(-debt));
  if (debt > 0) tat_ = plus(std::max(scaled_now(now), tat_), cost(debt));
}

void RateLimiter::retune(Quota quota, Instant now) {
  const RateLimiter fresh(quota);
  const Wide taken = ahead(now);  // quantity * period
  const Wide per_period =
      quota.period == quota_.period ? taken : taken / quota_.period.ns * quota.period.ns;
  quota_ = quota;
  tat_ = plus(scaled_now(now), per_period);
}

double RateLimiter::share_left(Instant now) const {
  double used = static_cast<double>(ahead(now)) / static_cast<double>(tolerance());
  return std::clamp(1.0 - used, 0.0, 1.0);
}

void share_limiter(std::shared_ptr<RateLimiter>& mine, const std::shared_ptr<RateLimiter>& before,
                   Instant now) {
  if (!mine || !before) return;
  before->retune(mine->quota(), now);
  mine = before;
}

}  // namespace keel::engine
