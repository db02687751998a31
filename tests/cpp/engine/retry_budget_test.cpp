#include "engine/retry_budget.hpp"

#include "base/random.hpp"

#include <cmath>
#include <deque>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

Instant at(Duration since_start) {
  return Instant{} + since_start;
}

TEST(RetryBudget, WithoutRequestsTheFloorIsGranted) {
  RetryBudget budget({0.2, 10, seconds(10)});
  EXPECT_EQ(budget.balance(at(seconds(0))), 10);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.try_grant(at(seconds(0)))) << i;
  EXPECT_FALSE(budget.would_grant(at(seconds(0))));
  EXPECT_FALSE(budget.try_grant(at(seconds(0))));
  EXPECT_EQ(budget.balance(at(seconds(0))), 0);
}

TEST(RetryBudget, AFifthOfTheRequestsComesOnTop) {
  RetryBudget budget({0.2, 10, seconds(10)});
  for (int i = 0; i < 4; ++i) budget.record_request(at(seconds(1)));
  EXPECT_EQ(budget.balance(at(seconds(1))), 10);
  budget.record_request(at(seconds(1)));
  EXPECT_EQ(budget.balance(at(seconds(1))), 11);
  for (int i = 0; i < 95; ++i) budget.record_request(at(seconds(1)));
  EXPECT_EQ(budget.balance(at(seconds(1))), 30);
}

TEST(RetryBudget, ARatioThatNoDoubleHoldsIsExact) {
  RetryBudget budget({0.000249, 0, seconds(10)});
  for (int i = 0; i < 1'000'000; ++i) budget.record_request(at(seconds(1)));
  EXPECT_EQ(budget.balance(at(seconds(1))), 249);
}

TEST(RetryBudget, ARefusalCountsNothing) {
  RetryBudget budget({0, 1, seconds(10)});
  ASSERT_TRUE(budget.try_grant(at(seconds(0))));
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(budget.try_grant(at(seconds(9))));
  EXPECT_TRUE(budget.try_grant(at(seconds(11))));
}

TEST(RetryBudget, ZeroRatioAndZeroFloorGrantNothing) {
  RetryBudget budget({0, 0, seconds(10)});
  for (int i = 0; i < 100; ++i) budget.record_request(at(seconds(0)));
  EXPECT_FALSE(budget.try_grant(at(seconds(0))));
}

TEST(RetryBudget, RequestsAreForgottenEarlyAndExtrasLate) {
  RetryBudget budget({1, 0, seconds(10)});
  budget.record_request(at(seconds(0)));
  EXPECT_TRUE(budget.would_grant(at(milliseconds(9'499))));
  EXPECT_FALSE(budget.would_grant(at(seconds(10))));
  budget.record_request(at(seconds(10)));
  ASSERT_TRUE(budget.try_grant(at(seconds(10))));
  budget.record_request(at(seconds(20)));
  EXPECT_FALSE(budget.would_grant(at(seconds(20))));  // the extra is exactly ten seconds old
  EXPECT_TRUE(budget.would_grant(at(milliseconds(20'500))));
}

TEST(RetryBudget, AClockThatStepsBackGrantsNoMore) {
  RetryBudget budget({0, 2, seconds(10)});
  ASSERT_TRUE(budget.try_grant(at(seconds(100))));
  ASSERT_TRUE(budget.try_grant(at(seconds(50))));
  EXPECT_FALSE(budget.try_grant(at(seconds(0))));
  EXPECT_FALSE(budget.try_grant(at(seconds(100))));
}

TEST(RetryBudget, SettingsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(RetryBudget({-0.1, 10, seconds(10)}), std::invalid_argument);
  EXPECT_THROW(RetryBudget({std::nan(""), 10, seconds(10)}), std::invalid_argument);
  EXPECT_THROW(RetryBudget({0.2, -1, seconds(10)}), std::invalid_argument);
  EXPECT_THROW(RetryBudget({0.2, 10, Duration::zero()}), std::invalid_argument);
}

TEST(RetryBudget, TheLargestFloorDoesNotOverflow) {
  RetryBudget budget({0.2, std::numeric_limits<int64_t>::max(), seconds(10)});
  for (int i = 0; i < 100; ++i) budget.record_request(at(seconds(0)));
  EXPECT_TRUE(budget.try_grant(at(seconds(0))));
}

// Whatever happens, the true window (exactly the last ten seconds, at the instant of the grant)
// holds extras <= ratio * requests + floor. Extras exactly ten seconds old are counted, requests
// are not: the stricter reading on both sides.
TEST(RetryBudget, R4HoldsInTheTrueSlidingWindowAtEveryGrant) {
  constexpr Duration kWindow = seconds(10);
  int64_t granted = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    int64_t fifths = random.chance(1, 2) ? 2 : 5;  // ratio 0.2 or 0.5, in tenths
    auto floor = static_cast<int64_t>(random.below(2) * 10);
    RetryBudget budget({static_cast<double>(fifths) / 10, floor, kWindow});
    std::deque<Instant> requests, extras;
    Instant now = Instant{} + nanoseconds(static_cast<int64_t>(random.below(seconds(5).ns)));
    uint64_t mean_gap_ns = uint64_t{1'000'000} << random.below(9);
    for (int i = 0; i < 4'000; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random.below(2 * mean_gap_ns)));
      if (random.chance(1, 200))
        now = now + nanoseconds(static_cast<int64_t>(random.below(seconds(12).ns)));
      if (random.chance(1, 100)) now = Instant{(now.ns / 500'000'000 + 1) * 500'000'000};
      if (random.chance(3, 5)) {
        budget.record_request(now);
        requests.push_back(now);
        continue;
      }
      bool peeked = budget.would_grant(now);
      ASSERT_EQ(peeked, budget.try_grant(now));
      if (!peeked) continue;
      ++granted;
      extras.push_back(now);
      while (!requests.empty() && now - requests.front() >= kWindow) requests.pop_front();
      while (!extras.empty() && now - extras.front() > kWindow) extras.pop_front();
      ASSERT_LE(10 * static_cast<int64_t>(extras.size()),
                fifths * static_cast<int64_t>(requests.size()) + 10 * floor)
          << "step " << i;
    }
  }
  EXPECT_GT(granted, 10'000);
}

// Erring towards refusing must not mean refusing always: under steady load the budget grants at
// least nine tenths of what the exact rule would.
TEST(RetryBudget, ASteadyLoadGetsMostOfItsShare) {
  RetryBudget budget({0.2, 0, seconds(10)});
  int64_t requests = 0, extras = 0;
  for (int64_t ms = 0; ms < 200'000; ms += 10) {
    budget.record_request(at(milliseconds(ms)));
    ++requests;
    extras += budget.try_grant(at(milliseconds(ms)));
  }
  EXPECT_GE(static_cast<double>(extras), 0.9 * 0.2 * static_cast<double>(requests));
}

}  // namespace
}  // namespace keel::engine
