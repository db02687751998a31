#include "engine/window.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

Instant at(Duration since_start) {
  return Instant{} + since_start;
}

TEST(WindowCounts, EmptyIsZeroAtAnyTime) {
  WindowCounts counts(seconds(10));
  EXPECT_EQ(counts.sum(0, at(seconds(0))), 0);
  EXPECT_EQ(counts.sum(2, Instant::never()), 0);
}

TEST(WindowCounts, SlotsAreApartAndClearForgetsThemAll) {
  WindowCounts counts(seconds(10));
  counts.add(0, 1, at(seconds(1)));
  counts.add(2, 5, at(seconds(1)));
  EXPECT_EQ(counts.sum(0, at(seconds(1))), 1);
  EXPECT_EQ(counts.sum(1, at(seconds(1))), 0);
  EXPECT_EQ(counts.sum(2, at(seconds(1))), 5);
  counts.clear();
  EXPECT_EQ(counts.sum(0, at(seconds(1))), 0);
  EXPECT_EQ(counts.sum(2, at(seconds(1))), 0);
}

TEST(WindowCounts, AClockThatStepsBackAddsToTheNewestBucket) {
  WindowCounts counts(seconds(10));
  counts.add(0, 1, at(seconds(100)));
  counts.add(0, 1, at(seconds(50)));
  EXPECT_EQ(counts.sum(0, at(seconds(50))), 2);
  EXPECT_EQ(counts.sum(0, at(seconds(110))), 2);
  EXPECT_EQ(counts.sum(0, at(seconds(111))), 0);
}

TEST(WindowCounts, ALeapOfAgesForgetsAll) {
  WindowCounts counts(seconds(10));
  counts.add(0, 7, at(seconds(1)));
  counts.add(0, 1, Instant::never());
  EXPECT_EQ(counts.sum(0, Instant::never()), 1);
}

TEST(WindowCounts, TooShortAWindowIsRefused) {
  EXPECT_NO_THROW(WindowCounts(nanoseconds(20)));
  EXPECT_THROW(WindowCounts(nanoseconds(19)), std::invalid_argument);
  EXPECT_THROW(WindowCounts(Duration::zero()), std::invalid_argument);
}

TEST(WindowCounts, ErrsOnlyOnTheStatedSideAndByABucketAtMost) {
  struct Entry {
    Instant at;
    int64_t n;
  };
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Duration length = nanoseconds(static_cast<int64_t>(1'000 + random.below(10'000)));
    Duration bucket = length / WindowCounts::kBuckets + nanoseconds(1);
    WindowCounts late(length, Forget::late), early(length, Forget::early);
    std::vector<Entry> entries;
    Instant now;
    auto younger_than = [&](Duration age) {
      int64_t sum = 0;
      for (const Entry& entry : entries) sum += now - entry.at < age ? entry.n : 0;
      return sum;
    };
    for (int i = 0; i < 500; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random.below(length.ns / 10)));
      if (random.chance(1, 50)) now = now + length;
      auto n = static_cast<int64_t>(random.below(3));
      late.add(0, n, now);
      early.add(0, n, now);
      entries.push_back({now, n});
      now = now + nanoseconds(static_cast<int64_t>(random.below(length.ns / 10)));
      ASSERT_GE(late.sum(0, now), younger_than(length + nanoseconds(1))) << "step " << i;
      ASSERT_LE(late.sum(0, now), younger_than(length + bucket + bucket)) << "step " << i;
      ASSERT_LE(early.sum(0, now), younger_than(length)) << "step " << i;
      ASSERT_GE(early.sum(0, now), younger_than(length - bucket - bucket)) << "step " << i;
    }
  }
}

TEST(Decaying, ATimeConstantLaterItWeighsOneInE) {
  Decaying sum(seconds(60));
  EXPECT_EQ(sum.value(at(seconds(5))), 0);
  sum.add(10, at(seconds(5)));
  EXPECT_DOUBLE_EQ(sum.value(at(seconds(5))), 10);
  EXPECT_NEAR(sum.value(at(seconds(65))), 10 / std::exp(1), 1e-12);
  EXPECT_NEAR(sum.value(at(seconds(125))), 10 / std::exp(2), 1e-12);
}

TEST(Decaying, SumsFadeTogether) {
  Decaying sum(seconds(60));
  sum.add(1, at(seconds(0)));
  sum.add(1, at(seconds(60)));
  EXPECT_NEAR(sum.value(at(seconds(60))), 1 + std::exp(-1), 1e-12);
}

TEST(Decaying, AClockThatStepsBackFadesNothing) {
  Decaying sum(seconds(60));
  sum.add(1, at(seconds(100)));
  sum.add(1, at(seconds(40)));
  EXPECT_DOUBLE_EQ(sum.value(at(seconds(10))), 2);
  EXPECT_DOUBLE_EQ(sum.value(at(seconds(100))), 2);
}

TEST(Decaying, AnAgeLaterItIsZero) {
  Decaying sum(seconds(60));
  sum.add(1, at(seconds(0)));
  EXPECT_EQ(sum.value(Instant::never()), 0);
}

TEST(Quantiles, UnknownBelowTwentySamples) {
  Quantiles quantiles;
  for (int i = 0; i < 19; ++i) quantiles.add(5, at(seconds(1)));
  EXPECT_FALSE(quantiles.quantile(0.5, at(seconds(1))));
  quantiles.add(5, at(seconds(1)));
  EXPECT_EQ(quantiles.quantile(0.5, at(seconds(1))), 5);
  EXPECT_EQ(quantiles.samples(at(seconds(1))), 20);
}

TEST(Quantiles, SmallIntegersAreExactAtEveryRank) {
  Quantiles quantiles;
  for (int i = 1; i <= 31; ++i) quantiles.add(i, at(seconds(1)));
  for (int rank = 1; rank <= 31; ++rank) {
    EXPECT_EQ(quantiles.quantile(rank / 31.0, at(seconds(1))), rank);
  }
  EXPECT_EQ(quantiles.quantile(0, at(seconds(1))), 1);
  EXPECT_EQ(quantiles.quantile(std::nan(""), at(seconds(1))), 1);
  EXPECT_EQ(quantiles.quantile(7, at(seconds(1))), 31);
}

TEST(Quantiles, ARankThatNoDoubleHoldsIsExact) {
  Quantiles quantiles;  // 0.07 * 100 is a little more than 7 in doubles
  for (int i = 0; i < 100; ++i) quantiles.add(i < 7 ? 1 : 2, at(seconds(1)));
  EXPECT_EQ(quantiles.quantile(0.07, at(seconds(1))), 1);
}

TEST(Quantiles, RoundUpByLessThanFivePercent) {
  Random random(31);
  for (int round = 0; round < 3'000; ++round) {
    Quantiles quantiles;
    auto value = static_cast<int64_t>(1 + (random.next() >> (21 + random.below(43))));
    for (int i = 0; i < 20; ++i) quantiles.add(value, at(seconds(1)));
    int64_t found = *quantiles.quantile(0.5, at(seconds(1)));
    ASSERT_GE(found, value);
    ASSERT_LE(static_cast<double>(found), 1.05 * static_cast<double>(value));
  }
}

TEST(Quantiles, ValuesOutsideTheScaleCountAsItsEnds) {
  Quantiles quantiles;
  for (int i = 0; i < 10; ++i) quantiles.add(-5, at(seconds(1)));
  for (int i = 0; i < 10; ++i) quantiles.add(INT64_MAX, at(seconds(1)));
  EXPECT_EQ(quantiles.quantile(0.5, at(seconds(1))), 1);
  EXPECT_EQ(quantiles.quantile(1, at(seconds(1))), (int64_t{1} << 43) - 1);
}

TEST(Quantiles, AreKeptForNineMinutesAndGoneAfterTen) {
  Quantiles quantiles;
  for (int i = 0; i < 20; ++i) quantiles.add(3, at(seconds(59)));
  for (int i = 0; i < 20; ++i) quantiles.add(30, at(minutes(5)));
  EXPECT_EQ(quantiles.samples(at(minutes(9))), 40);
  EXPECT_EQ(quantiles.quantile(0.5, at(minutes(9))), 3);
  EXPECT_EQ(quantiles.samples(at(minutes(10))), 20);
  EXPECT_EQ(quantiles.quantile(0.5, at(minutes(10))), 30);
  EXPECT_EQ(quantiles.samples(at(minutes(15))), 0);
  EXPECT_FALSE(quantiles.quantile(0.5, Instant::never()));
}

TEST(Quantiles, AskingLaterAndRollingForwardAgree) {
  Random random(32);
  for (int round = 0; round < 200; ++round) {
    Quantiles asked;
    Instant now;
    for (int i = 0; i < 200; ++i) {
      now = now + seconds(static_cast<int64_t>(random.below(20)));
      asked.add(static_cast<int64_t>(random.below(1'000'000)), now);
    }
    now = now + seconds(static_cast<int64_t>(random.below(700)));
    Quantiles rolled = asked;
    rolled.add(1, now);
    ASSERT_EQ(asked.samples(now) + 1, rolled.samples(now));
    asked.add(1, now);
    ASSERT_EQ(asked.quantile(0.95, now), rolled.quantile(0.95, now));
  }
}

TEST(Quantiles, AgreeWithASortedListOfTheKept) {
  Random random(33);
  Quantiles quantiles;
  std::vector<std::pair<int64_t, int64_t>> all;  // minute, value
  Instant now;
  for (int i = 0; i < 5'000; ++i) {
    now = now + milliseconds(static_cast<int64_t>(random.below(5'000)));
    auto value = static_cast<int64_t>(1 + random.below(60'000'000'000));
    quantiles.add(value, now);
    all.emplace_back(now.ns / minutes(1).ns, value);
    if (i % 97 != 0) continue;
    Instant asked = now + seconds(static_cast<int64_t>(random.below(300)));
    std::vector<int64_t> kept;
    for (auto [minute, v] : all) {
      if (minute > asked.ns / minutes(1).ns - 10) kept.push_back(v);
    }
    ASSERT_EQ(quantiles.samples(asked), static_cast<int64_t>(kept.size()));
    auto found = quantiles.quantile(0.95, asked);
    ASSERT_EQ(found.has_value(), kept.size() >= 20);
    if (!found) continue;
    std::sort(kept.begin(), kept.end());
    int64_t exact = kept[(kept.size() * 95 + 99) / 100 - 1];
    ASSERT_GE(*found, exact);
    ASSERT_LE(static_cast<double>(*found), 1.05 * static_cast<double>(exact));
  }
}

TEST(Quantiles, AClockThatStepsBackAddsToTheNewestMinute) {
  Quantiles quantiles;
  for (int i = 0; i < 10; ++i) quantiles.add(3, at(minutes(30)));
  for (int i = 0; i < 10; ++i) quantiles.add(3, at(minutes(1)));
  EXPECT_EQ(quantiles.samples(at(minutes(1))), 20);
  EXPECT_EQ(quantiles.samples(at(minutes(39))), 20);
  EXPECT_EQ(quantiles.samples(at(minutes(40))), 0);
}

}  // namespace
}  // namespace keel::engine
