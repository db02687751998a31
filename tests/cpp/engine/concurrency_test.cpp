#include "engine/concurrency.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

TEST(Concurrency, AdmitsUpToItsLimitAndOneMoreForEachThatLeaves) {
  Concurrency slots(2);
  EXPECT_TRUE(slots.try_enter());
  EXPECT_TRUE(slots.try_enter());
  EXPECT_FALSE(slots.would_allow());
  EXPECT_FALSE(slots.try_enter());
  EXPECT_EQ(slots.in_flight(), 2);
  slots.leave();
  EXPECT_TRUE(slots.try_enter());
  EXPECT_EQ(slots.in_flight(), 2);
}

TEST(Concurrency, ARefusalCountsNothing) {
  Concurrency slots(1);
  ASSERT_TRUE(slots.try_enter());
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(slots.try_enter());
  slots.leave();
  EXPECT_EQ(slots.in_flight(), 0);
}

TEST(Concurrency, LeavingTooOftenGivesNoRoomThatIsNotThere) {
  Concurrency slots(1);
  slots.leave();
  EXPECT_EQ(slots.in_flight(), 0);
  EXPECT_TRUE(slots.try_enter());
  EXPECT_FALSE(slots.try_enter());
}

TEST(Concurrency, ShareLeftRunsFromOneToZero) {
  Concurrency slots(4);
  EXPECT_DOUBLE_EQ(slots.share_left(), 1.0);
  slots.try_enter();
  EXPECT_DOUBLE_EQ(slots.share_left(), 0.75);
  for (int i = 0; i < 3; ++i) slots.try_enter();
  EXPECT_DOUBLE_EQ(slots.share_left(), 0.0);
  EXPECT_EQ(slots.limit(), 4);
}

TEST(Concurrency, TheLargestLimitIsJustALimit) {
  Concurrency slots(std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(slots.try_enter());
  EXPECT_GT(slots.share_left(), 0.99);
}

}  // namespace
}  // namespace keel::engine
