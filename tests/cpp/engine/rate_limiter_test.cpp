#include "engine/rate_limiter.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Wide = __int128;
using Kind = Allowance::Kind;
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

Instant at_ms(int64_t ms) {
  return Instant{} + milliseconds(ms);
}

TEST(RateLimiter, FromRestTheBurstAndOneMorePassAtOnce) {
  RateLimiter limiter({60, minutes(1), 4});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.try_take(1, at_ms(0))) << i;
  Allowance refused = limiter.try_take(1, at_ms(0));
  EXPECT_EQ(refused.kind, Kind::wait);
  EXPECT_EQ(refused.retry_after, seconds(1));
}

TEST(RateLimiter, AfterTheStatedWaitItPassesAndANanosecondBeforeItDoesNot) {
  RateLimiter limiter({7, seconds(1), 0});  // 1/7 s has no end in decimals
  ASSERT_TRUE(limiter.try_take(1, at_ms(0)));
  Duration wait = limiter.would_allow(1, at_ms(0)).retry_after;
  EXPECT_EQ(wait.ns, 142'857'143);
  EXPECT_FALSE(limiter.would_allow(1, Instant{} + wait - nanoseconds(1)));
  EXPECT_TRUE(limiter.would_allow(1, Instant{} + wait));
}

TEST(RateLimiter, WhatIsLargerThanItCanHoldNeverPasses) {
  RateLimiter limiter({60, minutes(1), 4});
  EXPECT_TRUE(limiter.would_allow(5, at_ms(0)));
  EXPECT_EQ(limiter.would_allow(6, at_ms(0)).kind, Kind::never);
  EXPECT_EQ(limiter.try_take(kMax, at_ms(0)).kind, Kind::never);
  EXPECT_DOUBLE_EQ(limiter.share_left(at_ms(0)), 1.0);
}

TEST(RateLimiter, TheDefaultsAreTenSecondsOfRequestsAndAMinuteOfTokens) {
  EXPECT_EQ(Quota::requests_per_minute(600).burst, 100);
  EXPECT_EQ(Quota::requests_per_minute(1).burst, 1);
  EXPECT_EQ(Quota::tokens_per_minute(200'000).burst, 200'000);
  EXPECT_EQ(Quota::tokens_per_minute(200'000).period, minutes(1));
}

TEST(RateLimiter, NothingAskedTakesNothingButWaitsForADebt) {
  RateLimiter limiter({60, minutes(1), 0});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limiter.try_take(0, at_ms(0)));
  EXPECT_TRUE(limiter.try_take(-5, at_ms(0)));
  EXPECT_TRUE(limiter.try_take(1, at_ms(0)));
  limiter.settle(0, 1, at_ms(0));
  EXPECT_FALSE(limiter.would_allow(0, at_ms(0)));
}

TEST(RateLimiter, ARefundIsFreeAtOnce) {
  RateLimiter limiter({100, minutes(1), 99});
  ASSERT_TRUE(limiter.try_take(100, at_ms(0)));
  EXPECT_DOUBLE_EQ(limiter.share_left(at_ms(0)), 0.0);
  limiter.settle(100, 40, at_ms(0));
  EXPECT_DOUBLE_EQ(limiter.share_left(at_ms(0)), 0.6);
  EXPECT_TRUE(limiter.would_allow(60, at_ms(0)));
  EXPECT_FALSE(limiter.would_allow(61, at_ms(0)));
  limiter.settle(40, 0, at_ms(0));
  EXPECT_DOUBLE_EQ(limiter.share_left(at_ms(0)), 1.0);
}

TEST(RateLimiter, ALateRefundGivesNoMoreThanAFullBurst) {
  RateLimiter limiter({60, minutes(1), 9});
  ASSERT_TRUE(limiter.try_take(10, at_ms(0)));
  limiter.settle(10, 0, at_ms(3'600'000));
  EXPECT_TRUE(limiter.try_take(10, at_ms(3'600'000)));
  EXPECT_FALSE(limiter.try_take(1, at_ms(3'600'000)));
}

TEST(RateLimiter, ADebtIsWaitedForByTheNext) {
  RateLimiter limiter({60, minutes(1), 9});
  ASSERT_TRUE(limiter.try_take(10, at_ms(0)));
  limiter.settle(10, 40, at_ms(0));
  Allowance refused = limiter.would_allow(1, at_ms(0));
  EXPECT_EQ(refused.kind, Kind::wait);
  EXPECT_EQ(refused.retry_after, seconds(31));
  EXPECT_DOUBLE_EQ(limiter.share_left(at_ms(0)), 0.0);
  EXPECT_TRUE(limiter.would_allow(1, at_ms(31'000)));
}

TEST(RateLimiter, AClockThatStepsBackAdmitsNoMoreThanTheBurst) {
  RateLimiter limiter({60, minutes(1), 4});
  int admitted = 0;
  for (int i = 0; i < 100; ++i) admitted += bool(limiter.try_take(1, at_ms(100'000 - i * 10)));
  EXPECT_GE(admitted, 1);
  EXPECT_LE(admitted, 5);
}

TEST(RateLimiter, TheLargestNumbersSaturate) {
  RateLimiter limiter({kMax, Duration::max(), kMax});
  EXPECT_TRUE(limiter.try_take(kMax, Instant{kMax}));
  EXPECT_FALSE(limiter.try_take(kMax, Instant{kMax}));
  limiter.settle(0, kMax, Instant{kMax});
  limiter.settle(0, kMax, Instant{kMax});
  limiter.settle(0, kMax, Instant{kMax});
  EXPECT_EQ(limiter.would_allow(1, Instant{-kMax}).retry_after, Duration::max());
  RateLimiter slow({1, Duration::max(), 0});
  EXPECT_TRUE(slow.try_take(1, Instant{0}));
  EXPECT_EQ(slow.try_take(1, Instant{0}).retry_after, Duration::max());
  for (int i = 0; i < 5; ++i) slow.settle(kMax, 0, Instant{0});
  EXPECT_TRUE(slow.try_take(1, Instant{0}));
}

TEST(RateLimiter, AQuotaThatMakesNoSenseIsRefusedByName) {
  EXPECT_THROW(RateLimiter({0, minutes(1), 1}), std::invalid_argument);
  EXPECT_THROW(RateLimiter({1, Duration::zero(), 1}), std::invalid_argument);
  try {
    RateLimiter({1, minutes(1), -1});
    FAIL() << "a negative burst was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "quota: burst is -1, wanted at least 0");
  }
}

// A bucket that leaks: stated apart from GCRA, exact in units of quantity * period.
class LeakyBucket {
 public:
  explicit LeakyBucket(Quota quota) : quota_(quota) {}

  Allowance try_take(int64_t quantity, Instant now) {
    leak(now);
    Wide asked = Wide{quantity} * quota_.period.ns;
    Wide size = (Wide{quota_.burst} + 1) * quota_.period.ns;
    if (asked > size) return {Kind::never, Duration::max()};
    Wide excess = level_ + asked - size;
    if (excess > 0) {
      return {Kind::wait, {static_cast<int64_t>((excess + quota_.limit - 1) / quota_.limit)}};
    }
    level_ += asked;
    return {};
  }
  void settle(int64_t taken, int64_t actual, Instant now) {
    leak(now);
    level_ = std::max<Wide>(level_ + Wide{actual - taken} * quota_.period.ns, 0);
  }

 private:
  void leak(Instant now) {
    level_ = std::max<Wide>(level_ - Wide{(now - at_).ns} * quota_.limit, 0);
    at_ = now;
  }

  Quota quota_;
  Wide level_ = 0;
  Instant at_;
};

Quota random_quota(Random& random) {
  static constexpr int64_t kPeriods[] = {1, 7, 1'000, 1'000'003, 60'000'000'000};
  return {static_cast<int64_t>(1 + random.below(random.chance(1, 2) ? 10 : 1'000'000)),
          nanoseconds(kPeriods[random.below(5)]),
          static_cast<int64_t>(random.below(random.chance(1, 2) ? 3 : 1'000))};
}

TEST(RateLimiter, AgreesWithAnExactLeakyBucket) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Quota quota = random_quota(random);
    RateLimiter limiter(quota);
    LeakyBucket model(quota);
    Instant now;
    int64_t step_ns = quota.period.ns / quota.limit + 1;
    for (int i = 0; i < 500; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random.below(4 * step_ns)));
      auto quantity = static_cast<int64_t>(random.below(quota.burst + 3));
      if (random.chance(1, 8)) {
        auto actual = static_cast<int64_t>(random.below(quota.burst + 3));
        limiter.settle(quantity, actual, now);
        model.settle(quantity, actual, now);
        continue;
      }
      Allowance peeked = limiter.would_allow(quantity, now);
      Allowance answer = limiter.try_take(quantity, now);
      Allowance expected = model.try_take(quantity, now);
      ASSERT_EQ(answer.kind, expected.kind) << "step " << i;
      ASSERT_EQ(answer.retry_after, expected.retry_after) << "step " << i;
      ASSERT_EQ(peeked.kind, answer.kind);
      ASSERT_EQ(peeked.retry_after, answer.retry_after);
    }
  }
}

// L1, in integers: over any interval t, admitted * period <= (burst + 1 + refunded) * period +
// t * limit.
TEST(RateLimiter, L1NoIntervalAdmitsMoreThanTheBurstAndTheRate) {
  struct Change {
    Instant at;
    int64_t admitted;
    int64_t refunded;
  };
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Quota quota = random_quota(random);
    RateLimiter limiter(quota);
    bool settles = random.chance(1, 2);
    std::vector<Change> changes;
    Instant now;
    int64_t step_ns = quota.period.ns / quota.limit + 1;
    for (int i = 0; i < 300; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random.below(2 * step_ns)));
      auto quantity = static_cast<int64_t>(random.below(quota.burst + 2));
      if (!limiter.try_take(quantity, now)) continue;
      changes.push_back({now, quantity, 0});
      if (!settles || random.chance(1, 2)) continue;
      auto actual = static_cast<int64_t>(random.below(2 * quantity + 1));
      limiter.settle(quantity, actual, now);
      changes.push_back({now, 0, std::max<int64_t>(quantity - actual, 0)});
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      Wide admitted = 0, refunded = 0;
      for (size_t j = i; j < changes.size(); ++j) {
        admitted += changes[j].admitted;
        Wide room = (Wide{quota.burst} + 1 + refunded) * quota.period.ns +
                    Wide{(changes[j].at - changes[i].at).ns} * quota.limit;
        ASSERT_TRUE(admitted * quota.period.ns <= room) << "from change " << i << " to " << j;
        refunded += changes[j].refunded;
      }
    }
  }
}

TEST(RateLimiter, L2ARefusalChangesNothing) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Quota quota = random_quota(random);
    RateLimiter pestered(quota), left_alone(quota);
    Instant now;
    int64_t step_ns = quota.period.ns / quota.limit + 1;
    for (int i = 0; i < 300; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random.below(2 * step_ns)));
      auto quantity = static_cast<int64_t>(random.below(quota.burst + 3));
      if (pestered.try_take(quantity, now)) {
        ASSERT_TRUE(left_alone.try_take(quantity, now)) << "step " << i;
      } else {
        for (int again = 0; again < 5; ++again) ASSERT_FALSE(pestered.try_take(quantity, now));
      }
      ASSERT_EQ(pestered.would_allow(1, now).retry_after,
                left_alone.would_allow(1, now).retry_after);
    }
  }
}

}  // namespace
}  // namespace keel::engine
