#include "engine/backoff.hpp"

#include "base/random.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

TEST(Backoff, DoublesFromTheScaleToTheCap) {
  const BackoffSettings s;
  EXPECT_EQ(backoff_delay(1, s.scale, s.cap, false, 0), milliseconds(50));
  EXPECT_EQ(backoff_delay(2, s.scale, s.cap, false, 0), milliseconds(100));
  EXPECT_EQ(backoff_delay(5, s.scale, s.cap, false, 0), milliseconds(800));
  EXPECT_EQ(backoff_delay(10, s.scale, s.cap, false, 0), seconds(20));
  EXPECT_EQ(backoff_delay(5, s.throttled_scale, s.cap, false, 0), seconds(16));
  EXPECT_EQ(backoff_delay(6, s.throttled_scale, s.cap, false, 0), seconds(20));
}

TEST(Backoff, TheArticlesDelaysAreExact) {
  Duration expected[] = {milliseconds(500), seconds(1),  seconds(2), seconds(4),
                         seconds(8),        seconds(16), seconds(30)};
  for (int n = 1; n <= 7; ++n) {
    EXPECT_EQ(backoff_delay(n, milliseconds(500), seconds(30), false, 0.7), expected[n - 1]);
  }
}

TEST(Backoff, FullJitterIsAShareOfTheWhole) {
  EXPECT_EQ(backoff_delay(3, milliseconds(50), seconds(20), true, 0), Duration::zero());
  EXPECT_EQ(backoff_delay(3, milliseconds(50), seconds(20), true, 0.5), milliseconds(100));
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    int n = 1 + static_cast<int>(random.below(40));
    Duration whole = backoff_delay(n, milliseconds(50), seconds(20), false, 0);
    Duration drawn = backoff_delay(n, milliseconds(50), seconds(20), true, random.unit());
    ASSERT_GE(drawn, Duration::zero());
    ASSERT_LT(drawn, whole);
  }
}

TEST(Backoff, EndlessRetriesDoNotOverflow) {
  EXPECT_EQ(backoff_delay(64, nanoseconds(1), seconds(20), false, 0), seconds(20));
  EXPECT_EQ(backoff_delay(std::numeric_limits<int>::max(), hours(1), seconds(20), false, 0),
            seconds(20));
  EXPECT_EQ(backoff_delay(100, Duration::max(), Duration::max(), false, 0), Duration::max());
}

TEST(Backoff, NothingToScaleIsNoDelay) {
  EXPECT_EQ(backoff_delay(5, Duration::zero(), seconds(20), false, 0), Duration::zero());
  EXPECT_EQ(backoff_delay(5, seconds(1), Duration::zero(), true, 0.9), Duration::zero());
  EXPECT_EQ(backoff_delay(5, seconds(-1), seconds(20), false, 0), Duration::zero());
}

TEST(Backoff, ANumberBelowOneIsTheFirstRetry) {
  EXPECT_EQ(backoff_delay(0, milliseconds(50), seconds(20), false, 0), milliseconds(50));
  EXPECT_EQ(
      backoff_delay(std::numeric_limits<int>::min() + 1, milliseconds(50), seconds(20), false, 0),
      milliseconds(50));
}

TEST(Backoff, AServersDelayIsNeverCutShortAndSpreadByATenth) {
  EXPECT_EQ(spread_server_delay(seconds(10), 0), seconds(10));
  EXPECT_EQ(spread_server_delay(seconds(10), 0.5), milliseconds(10'500));
  EXPECT_EQ(spread_server_delay(Duration::zero(), 0.9), Duration::zero());
  EXPECT_EQ(spread_server_delay(seconds(-1), 0.9), Duration::zero());
  EXPECT_EQ(spread_server_delay(Duration::max(), 0.9), Duration::max());
  Random random(2);
  for (int i = 0; i < 10'000; ++i) {
    Duration stated = nanoseconds(static_cast<int64_t>(random.below(seconds(120).ns)));
    Duration waited = spread_server_delay(stated, random.unit());
    ASSERT_GE(waited, stated);
    ASSERT_LE(waited, stated + stated / 10);
  }
}

}  // namespace
}  // namespace keel::engine
