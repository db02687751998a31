#include "base/time.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace keel {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(Duration, UnitsAreExact) {
  EXPECT_EQ(microseconds(1).ns, 1'000);
  EXPECT_EQ(milliseconds(1).ns, 1'000'000);
  EXPECT_EQ(seconds(1).ns, 1'000'000'000);
  EXPECT_EQ(minutes(1), seconds(60));
  EXPECT_EQ(hours(1), minutes(60));
  EXPECT_DOUBLE_EQ(milliseconds(1500).seconds(), 1.5);
}

TEST(Duration, UnitsSaturate) {
  EXPECT_EQ(hours(kMax), Duration::max());
  EXPECT_EQ(minutes(kMax), Duration::max());
  EXPECT_EQ(seconds(kMax), Duration::max());
  EXPECT_EQ(seconds(kMin).ns, kMin);
}

TEST(Duration, ArithmeticSaturatesBothWays) {
  EXPECT_EQ(Duration::max() + nanoseconds(1), Duration::max());
  EXPECT_EQ(nanoseconds(kMin) - nanoseconds(1), nanoseconds(kMin));
  EXPECT_EQ(Duration::max() * 2, Duration::max());
  EXPECT_EQ(Duration::max() * -2, nanoseconds(kMin));
  EXPECT_EQ(seconds(7) / 2, milliseconds(3500));
}

TEST(Duration, FromSecondsTakesWhatIsSaneOnly) {
  EXPECT_EQ(from_seconds(1.5), milliseconds(1500));
  EXPECT_EQ(from_seconds(0), Duration::zero());
  EXPECT_EQ(from_seconds(-1), Duration::zero());
  EXPECT_EQ(from_seconds(std::nan("")), Duration::zero());
  EXPECT_EQ(from_seconds(std::numeric_limits<double>::infinity()), Duration::max());
  EXPECT_EQ(from_seconds(1e300), Duration::max());
}

TEST(Duration, ScaledRoundsDownAndSaturates) {
  EXPECT_EQ(scaled(nanoseconds(10), 0.59), nanoseconds(5));
  EXPECT_EQ(scaled(seconds(60), 1.0), seconds(60));
  EXPECT_EQ(scaled(seconds(1), 0), Duration::zero());
  EXPECT_EQ(scaled(seconds(1), -1), Duration::zero());
  EXPECT_EQ(scaled(seconds(1), std::nan("")), Duration::zero());
  EXPECT_EQ(scaled(Duration::max(), 2), Duration::max());
}

TEST(Instant, ArithmeticSaturatesAtNever) {
  EXPECT_EQ(Instant::never() + seconds(1), Instant::never());
  EXPECT_EQ(Instant{kMin} - seconds(1), Instant{kMin});
  EXPECT_EQ(Instant::never() - Instant{kMin}, Duration::max());
  EXPECT_EQ(Instant{5} - Instant{7}, nanoseconds(-2));
}

TEST(Instant, AClockThatStepsBackCountsAsNoTime) {
  EXPECT_EQ(elapsed(Instant{10}, Instant{30}), nanoseconds(20));
  EXPECT_EQ(elapsed(Instant{30}, Instant{30}), Duration::zero());
  EXPECT_EQ(elapsed(Instant{30}, Instant{10}), Duration::zero());
}

TEST(Instant, RemainingIsNeverNegative) {
  EXPECT_EQ(remaining(Instant{30}, Instant{10}), nanoseconds(20));
  EXPECT_EQ(remaining(Instant{30}, Instant{30}), Duration::zero());
  EXPECT_EQ(remaining(Instant{30}, Instant{31}), Duration::zero());
  EXPECT_EQ(remaining(Instant::never(), Instant{-1}), Duration::max());
}

}  // namespace
}  // namespace keel
