#include "engine/adaptive_concurrency.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Lease = AdaptiveConcurrency::Lease;

constexpr Instant kNow{1'000};

std::vector<Lease> enter(AdaptiveConcurrency& pool, int count) {
  std::vector<Lease> out;
  for (int i = 0; i < count; ++i) {
    const Lease lease = pool.enter(kNow + minutes(1), kNow);
    if (!lease) break;
    out.push_back(lease);
  }
  return out;
}
void leave(AdaptiveConcurrency& pool, const std::vector<Lease>& leases) {
  for (const Lease& lease : leases) EXPECT_TRUE(pool.leave(lease, kNow));
}
// As many as there is room for, all at once, all of which go well.
int succeed(AdaptiveConcurrency& pool) {
  const std::vector<Lease> leases = enter(pool, 1'000);
  for (const Lease& lease : leases) pool.succeeded(lease, kNow);
  leave(pool, leases);
  return static_cast<int>(leases.size());
}
AdaptiveConcurrency cut_at(int in_flight) {
  AdaptiveConcurrency pool;
  const std::vector<Lease> leases = enter(pool, in_flight);
  pool.throttled(leases.back(), kNow);
  leave(pool, leases);
  return pool;
}

TEST(AdaptiveConcurrency, UnlimitedUntilItIsTooMuch) {
  AdaptiveConcurrency pool;
  EXPECT_FALSE(pool.limit());
  const auto leases = enter(pool, 1'000);
  EXPECT_EQ(leases.size(), 1'000u);
  for (const Lease& lease : leases) pool.succeeded(lease, kNow);
  EXPECT_FALSE(pool.limit());
  leave(pool, leases);
  EXPECT_EQ(pool.in_flight(kNow), 0);
}

TEST(AdaptiveConcurrency, TheFirstRefusalLeavesSevenTenthsOfWhatWasInFlight) {
  const std::vector<std::pair<int, int64_t>> cases = {{1, 1}, {2, 1},  {3, 2},  {4, 2},
                                                      {5, 3}, {10, 7}, {11, 7}, {100, 70}};
  for (auto [in_flight, left] : cases)
    EXPECT_EQ(cut_at(in_flight).limit(), left) << in_flight << " in flight";
}

TEST(AdaptiveConcurrency, TheNextOneSevenTenthsOfTheLimitAndNeverBelowOne) {
  AdaptiveConcurrency pool = cut_at(10);
  for (int64_t left : {4, 2, 1, 1}) {
    const auto one = enter(pool, 1);
    pool.throttled(one[0], kNow);
    leave(pool, one);
    EXPECT_EQ(pool.limit(), left);
  }
  EXPECT_TRUE(pool.would_allow(kNow));
}

TEST(AdaptiveConcurrency, ThoseUnderWayTogetherAreOneRefusal) {
  AdaptiveConcurrency pool;
  const auto leases = enter(pool, 10);
  for (const Lease& lease : leases) {
    pool.throttled(lease, kNow);
    pool.leave(lease, kNow);
    EXPECT_EQ(pool.limit(), 7);
  }
  EXPECT_EQ(enter(pool, 100).size(), 7u);
}

TEST(AdaptiveConcurrency, NobodyEntersUntilThereIsRoomBelowTheLimit) {
  AdaptiveConcurrency pool;
  const auto leases = enter(pool, 10);
  pool.throttled(leases[9], kNow);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(pool.would_allow(kNow)) << i << " have left";
    pool.leave(leases[i], kNow);
  }
  EXPECT_FALSE(pool.would_allow(kNow)) << "seven are in flight";
  pool.leave(leases[3], kNow);
  EXPECT_TRUE(pool.would_allow(kNow));
}

TEST(AdaptiveConcurrency, OneMoreForEachFullWindowOfSuccesses) {
  AdaptiveConcurrency pool = cut_at(10);
  for (int wide = 7; wide < 20; ++wide) {
    EXPECT_EQ(pool.limit(), wide);
    EXPECT_EQ(succeed(pool), wide);
  }
  AdaptiveConcurrency slow = cut_at(10);
  const auto leases = enter(slow, 7);
  for (int i = 0; i < 6; ++i) slow.succeeded(leases[i], kNow);
  EXPECT_EQ(slow.limit(), 7) << "six of seven";
  slow.succeeded(leases[6], kNow);
  EXPECT_EQ(slow.limit(), 8);
}

TEST(AdaptiveConcurrency, AfterTenQuietSecondsItDoublesWithEveryRound) {
  AdaptiveConcurrency pool = cut_at(10);
  for (int i = 0; i < 3; ++i) {
    const auto one = enter(pool, 1);
    pool.throttled(one[0], kNow);
    leave(pool, one);
  }
  ASSERT_EQ(pool.limit(), 1);
  const Instant quiet = kNow + seconds(10);
  auto round = [&](Instant now) {
    const auto leases = enter(pool, 1'000);
    for (const Lease& lease : leases) pool.succeeded(lease, now);
    leave(pool, leases);
  };
  round(quiet - nanoseconds(1));
  EXPECT_EQ(pool.limit(), 2) << "a window of one";
  for (int64_t wanted : {4, 8, 16, 32}) {
    round(quiet);
    EXPECT_EQ(pool.limit(), wanted) << "twice as many with every round";
  }
}

TEST(AdaptiveConcurrency, ARefusalBeginsTheWindowAnew) {
  AdaptiveConcurrency pool = cut_at(10);
  const auto leases = enter(pool, 7);
  for (int i = 0; i < 6; ++i) pool.succeeded(leases[i], kNow);
  pool.throttled(leases[6], kNow);
  leave(pool, leases);
  EXPECT_EQ(pool.limit(), 4);
  EXPECT_EQ(succeed(pool), 4);
  EXPECT_EQ(pool.limit(), 5);
}

TEST(AdaptiveConcurrency, SuccessesFromBeforeTheCutSayNothing) {
  AdaptiveConcurrency pool;
  const auto leases = enter(pool, 10);
  pool.throttled(leases[0], kNow);
  for (int i = 1; i < 10; ++i) pool.succeeded(leases[i], kNow);
  leave(pool, leases);
  EXPECT_EQ(pool.limit(), 7);
  pool.throttled({}, kNow);  // one that was given no place
  EXPECT_EQ(pool.limit(), 7);
}

TEST(AdaptiveConcurrency, AWindowThatIsNotHalfUsedProvesNothing) {
  AdaptiveConcurrency pool = cut_at(10);
  auto in_turn = [&](int together) {
    for (int i = 0; i < 100; ++i) {
      const auto leases = enter(pool, together);
      pool.succeeded(leases[0], kNow);
      leave(pool, leases);
    }
  };
  in_turn(3);
  EXPECT_EQ(pool.limit(), 7);
  in_turn(4);
  EXPECT_EQ(pool.limit(), 9) << "4 of 7 and of 8, not of 9";
}

TEST(AdaptiveConcurrency, APlaceThatIsNeverGivenBackEnds) {
  AdaptiveConcurrency pool = cut_at(1);
  ASSERT_EQ(enter(pool, 5).size(), 1u);
  EXPECT_FALSE(pool.would_allow(kNow));
  EXPECT_TRUE(pool.would_allow(kNow + minutes(1)));
  EXPECT_EQ(pool.share_left(kNow), 0.0);
  EXPECT_EQ(pool.share_left(kNow + minutes(1)), 1.0);
}

}  // namespace
}  // namespace keel::engine
