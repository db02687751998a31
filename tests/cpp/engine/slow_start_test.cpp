#include "engine/slow_start.hpp"

#include <algorithm>
#include <cstdint>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr Duration kLong = seconds(60);

Instant at(int64_t s) {
  return Instant{} + seconds(s);
}

// Lets in as many as it may, then they all end so.
class SlowStartTest : public testing::Test {
 protected:
  uint64_t fill(Instant now) {
    const uint64_t first = next_;
    while (start_.would_admit(now) && next_ - first < 1'000)
      start_.enter(next_++, now + kLong, now);
    return next_ - first;
  }
  void all_leave(uint64_t count, Effect effect, Instant now, bool drags = false) {
    for (uint64_t id = next_ - count; id < next_; ++id) {
      if (drags) start_.drags(id);
      start_.leave(id, effect, now);
    }
  }
  int64_t after_a_round(Effect effect, Instant began, Instant ended, bool drags = false) {
    all_leave(fill(began), effect, ended, drags);
    return start_.width();
  }

  SlowStart start_{3};
  uint64_t next_ = 1;
};

TEST_F(SlowStartTest, LetsInEverybodyUntilItBegins) {
  EXPECT_FALSE(start_.under_way());
  EXPECT_EQ(fill(at(0)), 1'000u);
}

TEST_F(SlowStartTest, WhatNeverBoreMoreThanTheFloorNeedsNone) {
  start_.begin(3);
  EXPECT_FALSE(start_.under_way());
  start_.begin(4);
  EXPECT_TRUE(start_.under_way());
  EXPECT_TRUE(start_.at_the_floor());
}

TEST_F(SlowStartTest, EveryRoundIsTwiceAsWide) {
  start_.begin(40);
  for (int64_t wanted : {6, 12, 24, 48, 96})
    EXPECT_EQ(after_a_round(Effect::success, at(0), at(1)), wanted);
  EXPECT_TRUE(start_.under_way()) << "somebody stood before it a moment ago";
}

TEST_F(SlowStartTest, IsOverWhereItBoreAsMuchAndNobodyWaits) {
  start_.begin(5);
  all_leave(fill(at(0)), Effect::success, at(1));
  EXPECT_EQ(start_.width(), 6);
  start_.enter(next_++, at(60), at(9));
  all_leave(1, Effect::success, at(9));
  EXPECT_EQ(start_.width(), 7) << "nine seconds are too few";
  start_.enter(next_++, at(60), at(10));
  all_leave(1, Effect::success, at(10));
  EXPECT_FALSE(start_.under_way());
}

TEST_F(SlowStartTest, AFailureHalvesItOncePerRound) {
  start_.begin(1'000);
  for (int i = 0; i < 5; ++i) after_a_round(Effect::success, at(0), at(1));
  ASSERT_EQ(start_.width(), 96);
  EXPECT_EQ(after_a_round(Effect::failure, at(2), at(3)), 48) << "they met one wall together";
  EXPECT_EQ(after_a_round(Effect::failure, at(4), at(5)), 24);
  for (int i = 0; i < 9; ++i) after_a_round(Effect::failure, at(6 + i), at(7 + i));
  EXPECT_EQ(start_.width(), 3) << "never less than the floor";
  EXPECT_TRUE(start_.at_the_floor());
}

TEST_F(SlowStartTest, WhatDragsNarrowsItAndIsNoSuccess) {
  start_.begin(1'000);
  for (int i = 0; i < 5; ++i) after_a_round(Effect::success, at(0), at(1));
  EXPECT_EQ(after_a_round(Effect::success, at(2), at(8), true), 67) << "0.7 of 96";
}

TEST_F(SlowStartTest, NeutralEndsSayNothing) {
  start_.begin(10);
  EXPECT_EQ(after_a_round(Effect::neutral, at(0), at(1)), 3);
}

TEST_F(SlowStartTest, WhoIsOverdueNoLongerStandsInTheDoor) {
  start_.begin(10);
  ASSERT_EQ(fill(at(0)), 3u);
  start_.extend(next_ - 1, at(100));
  EXPECT_FALSE(start_.would_admit(at(59)));
  EXPECT_TRUE(start_.would_admit(at(60)));
  EXPECT_EQ(fill(at(60)), 2u) << "one of them has shown life";
  start_.leave(1, Effect::success, at(61));
  EXPECT_EQ(start_.width(), 4) << "late news is news";
}

TEST_F(SlowStartTest, OneThatWasGoneBeforeItWasKnownHowItEndedIsHeard) {
  start_.begin(10);
  start_.hear(Effect::success, at(1));
  EXPECT_EQ(start_.width(), 4);
  start_.hear(Effect::neutral, at(1));
  start_.hear(Effect::failure, at(2));
  EXPECT_EQ(start_.width(), 3);
}

TEST_F(SlowStartTest, ASuccessorGoesOnWithItButNotWithItsGuests) {
  start_.begin(10);
  all_leave(fill(at(0)), Effect::success, at(1));
  fill(at(2));
  SlowStart after(3);
  after.take_over(start_);
  EXPECT_EQ(after.width(), 6);
  EXPECT_TRUE(after.would_admit(at(2)));
}

TEST_F(SlowStartTest, AnEndLetsInEverybody) {
  start_.begin(10);
  fill(at(0));
  start_.end();
  EXPECT_TRUE(start_.would_admit(at(0)));
}

}  // namespace
}  // namespace keel::engine
