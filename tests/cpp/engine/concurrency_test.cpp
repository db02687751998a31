#include "engine/concurrency.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Lease = Concurrency::Lease;

Instant at(int64_t s) {
  return {seconds(s).ns};
}

TEST(Concurrency, AdmitsUpToItsLimitAndOneMoreForEachThatLeaves) {
  Concurrency places(2);
  const Lease first = places.enter(at(60), at(0));
  EXPECT_TRUE(first);
  EXPECT_TRUE(places.enter(at(60), at(0)));
  EXPECT_FALSE(places.would_allow(at(0)));
  EXPECT_FALSE(places.enter(at(60), at(0)));
  EXPECT_EQ(places.in_flight(at(0)), 2);
  EXPECT_TRUE(places.leave(first, at(1)));
  EXPECT_TRUE(places.enter(at(60), at(1)));
  EXPECT_EQ(places.in_flight(at(1)), 2);
}

TEST(Concurrency, ARefusalCountsNothing) {
  Concurrency places(1);
  const Lease only = places.enter(at(60), at(0));
  ASSERT_TRUE(only);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(places.enter(at(60), at(0)));
  EXPECT_EQ(places.newest(), only.id);
  places.leave(only, at(0));
  EXPECT_EQ(places.in_flight(at(0)), 0);
}

TEST(Concurrency, APlaceIsGivenBackOnce) {
  Concurrency places(1);
  EXPECT_FALSE(places.leave({}, at(0)));
  EXPECT_FALSE(places.leave({1, 0}, at(0)));
  const Lease first = places.enter(at(60), at(0));
  EXPECT_TRUE(places.leave(first, at(1)));
  EXPECT_FALSE(places.leave(first, at(1)));
  const Lease second = places.enter(at(60), at(1));
  EXPECT_FALSE(places.leave(first, at(1))) << "the slot is another's";
  EXPECT_EQ(places.in_flight(at(1)), 1);
  EXPECT_FALSE(places.enter(at(60), at(1)));
  EXPECT_TRUE(places.leave(second, at(1)));
}

// LiteLLM #20256, #28160: a decrement that is lost kept a key locked for good.
TEST(Concurrency, APlaceThatIsNeverGivenBackEnds) {
  Concurrency places(1);
  const Lease lost = places.enter(at(60), at(0));
  EXPECT_FALSE(places.would_allow(at(59)));
  EXPECT_TRUE(places.would_allow(at(60)));
  EXPECT_EQ(places.in_flight(at(60)), 0);
  EXPECT_DOUBLE_EQ(places.share_left(at(60)), 1.0);
  EXPECT_FALSE(places.leave(lost, at(60))) << "whether or not anybody noticed";
  EXPECT_TRUE(places.enter(at(120), at(60)));
  EXPECT_FALSE(places.leave(lost, at(61)));
  EXPECT_EQ(places.in_flight(at(61)), 1);
}

TEST(Concurrency, APlaceIsRenewedWhileItIsHeld) {
  Concurrency places(1);
  const Lease held = places.enter(at(60), at(0));
  EXPECT_TRUE(places.renew(held, at(90), at(59)));
  EXPECT_FALSE(places.enter(at(120), at(89)));
  EXPECT_FALSE(places.renew(held, at(120), at(90))) << "too late";
  EXPECT_TRUE(places.enter(at(120), at(90)));
  EXPECT_FALSE(places.renew(held, at(200), at(91)));
  EXPECT_FALSE(places.renew({}, at(200), at(91)));
}

TEST(Concurrency, AnEndInThePastIsNoPlace) {
  Concurrency places(1);
  EXPECT_FALSE(places.enter(at(5), at(5)));
  EXPECT_EQ(places.in_flight(at(5)), 0);
}

TEST(Concurrency, ShareLeftRunsFromOneToZeroAndALowerLimitLetsNobodyOut) {
  Concurrency places(4);
  EXPECT_DOUBLE_EQ(places.share_left(at(0)), 1.0);
  places.enter(at(60), at(0));
  EXPECT_DOUBLE_EQ(places.share_left(at(0)), 0.75);
  for (int i = 0; i < 3; ++i) places.enter(at(60), at(0));
  EXPECT_DOUBLE_EQ(places.share_left(at(0)), 0.0);
  places.retune(2);
  EXPECT_EQ(places.in_flight(at(0)), 4);
  EXPECT_DOUBLE_EQ(places.share_left(at(0)), 0.0);
  EXPECT_EQ(places.limit(), 2);
}

TEST(Concurrency, TheLargestLimitIsJustALimit) {
  Concurrency places;
  EXPECT_EQ(places.limit(), std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(places.enter(Instant::never(), at(0)));
  EXPECT_GT(places.share_left(at(0)), 0.99);
}

// L3 and L4 against a record kept by hand: whoever enters, leaves, renews or never comes back.
TEST(Concurrency, LiveLeasesAreCountedExactly) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    const int64_t limit = 1 + static_cast<int64_t>(random.below(8));
    Concurrency places(limit);
    struct Held {
      Lease lease;
      Instant until;
    };
    std::vector<Held> held;
    Instant now = at(0);
    for (int step = 0; step < 2'000; ++step) {
      now = now + milliseconds(static_cast<int64_t>(random.below(3'000)));
      const auto live =
          std::count_if(held.begin(), held.end(), [&](const Held& one) { return one.until > now; });
      ASSERT_EQ(places.in_flight(now), live) << "seed " << seed << ", step " << step;
      ASSERT_LE(live, limit);
      ASSERT_EQ(places.would_allow(now), live < limit);
      const Instant until = now + seconds(1 + static_cast<int64_t>(random.below(40)));
      const uint64_t action = random.below(5);
      if (action < 2) {
        const Lease lease = places.enter(until, now);
        ASSERT_EQ(static_cast<bool>(lease), live < limit);
        if (lease) held.push_back({lease, until});
      } else if (!held.empty()) {
        Held& one = held[random.below(held.size())];
        const bool alive = one.until > now;
        if (action == 2) {
          ASSERT_EQ(places.renew(one.lease, until, now), alive);
          if (alive) one.until = until;
        } else if (action == 3) {
          ASSERT_EQ(places.leave(one.lease, now), alive);
          one.until = now;
        }
      }
    }
    ASSERT_EQ(places.in_flight(now + minutes(1)), 0);
  }
}

}  // namespace
}  // namespace keel::engine
