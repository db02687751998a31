// Slow start after an outage: a breaker that has closed lets in what has proved good, and more with
// every success.

#include "engine/breaker.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr Duration kLease = seconds(31);

Instant at(int64_t s) {
  return Instant{} + seconds(s);
}

// Bore so many at once, then broke, and has closed again by three trials.
Breaker back_after(int64_t bore, BreakerSettings settings = {}) {
  settings.jitter = 0;
  Breaker breaker(settings);
  std::vector<Breaker::Permit> permits;
  for (int64_t i = 0; i < bore; ++i) permits.push_back(*breaker.admit(kLease, at(0)));
  for (const Breaker::Permit& permit : permits)
    breaker.settle(permit, Effect::failure, false, at(1));
  EXPECT_EQ(breaker.state(), Breaker::State::open);
  for (int i = 0; i < 3; ++i) {
    auto trial = breaker.admit(kLease, at(10));
    EXPECT_TRUE(trial);
    breaker.settle(*trial, Effect::success, false, at(10));
  }
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  return breaker;
}

// As many as it lets in at once.
std::vector<Breaker::Permit> fill(Breaker& breaker) {
  std::vector<Breaker::Permit> out;
  while (out.size() < 1000) {
    auto permit = breaker.admit(kLease, at(11));
    if (!permit) break;
    out.push_back(*permit);
  }
  return out;
}

TEST(BreakerRamp, DoublesWithEveryRound) {
  Breaker breaker = back_after(40);
  for (size_t wanted : {3u, 6u, 12u, 24u}) {
    const auto permits = fill(breaker);
    EXPECT_EQ(permits.size(), wanted);
    EXPECT_FALSE(breaker.would_admit(at(11)));
    for (const auto& permit : permits) breaker.settle(permit, Effect::success, false, at(11));
  }
  EXPECT_EQ(breaker.door(), 48);
}

// Who serves what he can and refuses the rest is not down: five refusals in a row make the door
// narrower, and open the breaker only where it can be no narrower.
TEST(BreakerRamp, ARunOfFailuresNarrowsItBeforeItOpens) {
  Breaker breaker = back_after(40);
  for (int round = 0; round < 2; ++round)
    for (const auto& permit : fill(breaker)) breaker.settle(permit, Effect::success, false, at(11));
  ASSERT_EQ(breaker.door(), 12);
  for (const auto& permit : fill(breaker)) breaker.settle(permit, Effect::failure, false, at(12));
  EXPECT_EQ(breaker.state(), Breaker::State::open) << "12 of 21 failed: the rate";

  Breaker runs = back_after(40);
  for (int round = 0; round < 2; ++round)
    for (const auto& permit : fill(runs)) runs.settle(permit, Effect::success, false, at(11));
  const auto seven = fill(runs);
  for (size_t i = 0; i < 7; ++i) runs.settle(seven[i], Effect::failure, false, at(12));
  EXPECT_EQ(runs.state(), Breaker::State::closed);
  EXPECT_EQ(runs.door(), 6);
}

TEST(BreakerRamp, ReopensAtItsFloorAfterARun) {
  Breaker breaker = back_after(40);
  for (int i = 0; i < 4; ++i) {
    breaker.settle(*breaker.admit(kLease, at(11)), Effect::failure, false, at(11));
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
  }
  breaker.settle(*breaker.admit(kLease, at(11)), Effect::failure, false, at(11));
  EXPECT_EQ(breaker.state(), Breaker::State::open);
}

TEST(BreakerRamp, AFailureHalvesItAndNeutralResultsSayNothing) {
  Breaker breaker = back_after(100);
  auto permits = fill(breaker);
  for (const auto& permit : permits) breaker.settle(permit, Effect::neutral, false, at(11));
  EXPECT_EQ(breaker.door(), 3);
  for (int round = 0; round < 2; ++round)
    for (const auto& permit : fill(breaker)) breaker.settle(permit, Effect::success, false, at(11));
  EXPECT_EQ(breaker.door(), 12);
  breaker.settle(*breaker.admit(kLease, at(11)), Effect::failure, false, at(11));
  EXPECT_EQ(breaker.door(), 6);
  breaker.settle(*breaker.admit(kLease, at(11)), Effect::failure, false, at(11));
  breaker.settle(*breaker.admit(kLease, at(11)), Effect::failure, false, at(11));
  EXPECT_EQ(breaker.door(), 3) << "never less than its trials proved";
}

TEST(BreakerRamp, WhoWasInFlightWhenItOpenedTakesNoPlace) {
  BreakerSettings settings;
  settings.jitter = 0;
  Breaker breaker(settings);
  std::vector<Breaker::Permit> old;
  for (int i = 0; i < 20; ++i) old.push_back(*breaker.admit(kLease, at(0)));
  for (int i = 0; i < 10; ++i)
    breaker.settle(old[static_cast<size_t>(i)], Effect::failure, false, at(1));
  for (int i = 0; i < 3; ++i)
    breaker.settle(*breaker.admit(kLease, at(10)), Effect::success, false, at(10));
  EXPECT_EQ(fill(breaker).size(), 3u);
  for (size_t i = 10; i < 20; ++i) breaker.settle(old[i], Effect::success, false, at(11));
  EXPECT_EQ(breaker.door(), 3) << "results of an earlier epoch are no news";
  EXPECT_EQ(breaker.permits_given(), breaker.permits_returned() + 3);
}

TEST(BreakerRamp, WhatShowsNoLifeIsNotWaitedFor) {
  Breaker breaker = back_after(40);
  const auto guests = fill(breaker);
  ASSERT_EQ(guests.size(), 3u);
  breaker.extend(guests[0], at(60));
  EXPECT_FALSE(breaker.would_admit(at(11) + kLease - nanoseconds(1)));
  EXPECT_TRUE(breaker.would_admit(at(11) + kLease));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(breaker.admit(kLease, at(11) + kLease));
  EXPECT_FALSE(breaker.would_admit(at(11) + kLease)) << "one of them did show life";
  breaker.settle(guests[1], Effect::success, false, at(50));
  EXPECT_EQ(breaker.door(), 4) << "late news is news";
}

TEST(BreakerRamp, WhatNeverBoreMoreThanItsTrialsNeedsNone) {
  BreakerSettings settings;
  settings.jitter = 0;
  Breaker breaker(settings);
  for (int i = 0; i < 5; ++i)
    breaker.settle(*breaker.admit(kLease, at(0)), Effect::failure, false, at(0));
  for (int i = 0; i < 3; ++i)
    breaker.settle(*breaker.admit(kLease, at(10)), Effect::success, false, at(10));
  EXPECT_EQ(breaker.door(), 0);
}

TEST(BreakerRamp, CanBeSwitchedOffAndIsForgottenByAReset) {
  EXPECT_EQ(back_after(40, {.ramp = false}).door(), 0);
  Breaker breaker = back_after(40);
  EXPECT_EQ(breaker.door(), 3);
  breaker.reset(at(12));
  EXPECT_EQ(breaker.door(), 0);
}

TEST(BreakerRamp, ASuccessorGoesOnWithIt) {
  const Breaker before = back_after(40);
  Breaker after{BreakerSettings{}};
  after.take_over(before);
  EXPECT_EQ(after.door(), 3);
  EXPECT_EQ(fill(after).size(), 3u);
}

}  // namespace
}  // namespace keel::engine
