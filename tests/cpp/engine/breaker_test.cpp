#include "engine/breaker.hpp"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using State = Breaker::State;
constexpr Duration kLease = seconds(31);

Instant at_ms(int64_t ms) {
  return Instant{} + milliseconds(ms);
}

// Exact waits, and no rule but the run of failures.
BreakerSettings plain() {
  BreakerSettings s;
  s.jitter = 0;
  s.failure_rate = 2;
  s.slow_rate = 2;
  return s;
}

void pass(Breaker& breaker, Effect effect, Instant now, bool slow = false) {
  auto permit = breaker.admit(kLease, now);
  ASSERT_TRUE(permit) << name_of(breaker.state());
  breaker.settle(*permit, effect, slow, now);
}

void pass_many(Breaker& breaker, int times, Effect effect, Instant now, bool slow = false) {
  for (int i = 0; i < times; ++i) pass(breaker, effect, now, slow);
}

// A plain breaker opened at 0: its first wait ends at 5 s.
Breaker opened(BreakerSettings settings = plain()) {
  Breaker breaker(settings);
  pass_many(breaker, settings.consecutive, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
  return breaker;
}

TEST(Breaker, ClosedAdmitsAnyNumberAtOnce) {
  Breaker breaker(plain());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(breaker.admit(kLease, at_ms(0)));
  EXPECT_EQ(breaker.trials_in_flight(), 0);
  EXPECT_EQ(breaker.wake_at(), Instant::never());
}

TEST(Breaker, FiveFailuresInARowOpenIt) {
  Breaker breaker(plain());
  pass_many(breaker, 4, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, ASuccessEndsTheRun) {
  Breaker breaker(plain());
  for (int i = 0; i < 10; ++i) {
    pass_many(breaker, 4, Effect::failure, at_ms(i));
    pass(breaker, Effect::success, at_ms(i));
  }
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, ANeutralResultNeitherEndsARunNorCounts) {
  BreakerSettings settings;
  Breaker breaker(settings);
  pass_many(breaker, 4, Effect::failure, at_ms(0));
  pass_many(breaker, 100, Effect::neutral, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, TheRunRuleCanBeSwitchedOff) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  Breaker breaker(settings);
  pass_many(breaker, 1000, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, HalfOfTenResultsFailingOpensIt) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.failure_rate = 0.5;
  Breaker breaker(settings);
  for (int i = 0; i < 4; ++i) {
    pass(breaker, Effect::success, at_ms(i));
    pass(breaker, Effect::failure, at_ms(i));
  }
  pass(breaker, Effect::success, at_ms(5));
  EXPECT_EQ(breaker.state(), State::closed);  // 4 of 9: too few results, too few failures
  pass(breaker, Effect::failure, at_ms(6));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, NineFailuresAreTooFewForARate) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.failure_rate = 0.5;
  Breaker breaker(settings);
  pass_many(breaker, 9, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, FailuresOlderThanTheWindowAreForgotten) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.failure_rate = 0.5;
  Breaker breaker(settings);
  pass_many(breaker, 9, Effect::failure, at_ms(0));
  pass_many(breaker, 9, Effect::failure, at_ms(31'500));
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::failure, at_ms(61'000));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, SlowSuccessesAloneOpenIt) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.slow_rate = 0.8;
  Breaker breaker(settings);
  pass_many(breaker, 2, Effect::success, at_ms(0));
  pass_many(breaker, 7, Effect::success, at_ms(0), true);
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::success, at_ms(0), true);
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, OnlyASuccessCanBeSlow) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.slow_rate = 0.1;
  Breaker breaker(settings);
  pass_many(breaker, 100, Effect::failure, at_ms(0), true);
  pass_many(breaker, 100, Effect::neutral, at_ms(0), true);
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, AShareThatNoDoubleHoldsIsReachedAtTheWholeNumber) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.min_requests = 25;
  settings.failure_rate = 0.28;  // 0.28 * 25 is a little more than 7 in doubles
  Breaker breaker(settings);
  pass_many(breaker, 18, Effect::success, at_ms(0));
  pass_many(breaker, 6, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  pass(breaker, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, TheResultsThatOpenedItAreForgottenWhenItCloses) {
  BreakerSettings settings = plain();
  settings.consecutive = 0;
  settings.failure_rate = 0.5;
  Breaker breaker(settings);
  pass_many(breaker, 10, Effect::failure, at_ms(0));
  pass_many(breaker, 3, Effect::success, at_ms(5'000));
  pass_many(breaker, 9, Effect::failure, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, OpenAdmitsNothingUntilItsWaitIsOver) {
  Breaker breaker = opened();
  EXPECT_EQ(breaker.open_until(), at_ms(5'000));
  EXPECT_EQ(breaker.wake_at(), at_ms(5'000));
  EXPECT_FALSE(breaker.would_admit(at_ms(4'999)));
  EXPECT_FALSE(breaker.admit(kLease, at_ms(4'999)));
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_TRUE(breaker.would_admit(at_ms(5'000)));
  EXPECT_TRUE(breaker.admit(kLease, at_ms(5'000)));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(Breaker, ThreeTrialSuccessesClose) {
  Breaker breaker = opened();
  pass_many(breaker, 2, Effect::success, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  pass(breaker, Effect::success, at_ms(5'000), true);  // slow, but a success
  EXPECT_EQ(breaker.state(), State::closed);
  pass_many(breaker, 4, Effect::failure, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::closed);  // the old run is forgotten
}

TEST(Breaker, OneTrialAtATime) {
  Breaker breaker = opened();
  auto permit = breaker.admit(kLease, at_ms(5'000));
  EXPECT_FALSE(breaker.would_admit(at_ms(5'000)));
  EXPECT_FALSE(breaker.admit(kLease, at_ms(5'000)));
  EXPECT_EQ(breaker.trials_in_flight(), 1);
  breaker.settle(*permit, Effect::success, false, at_ms(5'100));
  EXPECT_EQ(breaker.trials_in_flight(), 0);
  EXPECT_TRUE(breaker.admit(kLease, at_ms(5'100)));
}

TEST(Breaker, AFailedTrialReopensForTwiceAsLongUpToTheMost) {
  Breaker breaker = opened();
  pass(breaker, Effect::failure, at_ms(5'000));
  EXPECT_EQ(breaker.open_until(), at_ms(15'000));
  pass_many(breaker, 2, Effect::success, at_ms(15'000));
  pass(breaker, Effect::failure, at_ms(15'000));
  EXPECT_EQ(breaker.open_until(), at_ms(30'000));
  pass(breaker, Effect::failure, at_ms(30'000));
  EXPECT_EQ(breaker.open_until(), at_ms(45'000));
}

TEST(Breaker, TrialSuccessesCountFromTheLatestHalfOpen) {
  Breaker breaker = opened();
  pass_many(breaker, 2, Effect::success, at_ms(5'000));
  pass(breaker, Effect::failure, at_ms(5'000));
  pass_many(breaker, 2, Effect::success, at_ms(15'000));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(Breaker, ACancelledTrialReturnsItsPermitOnly) {
  Breaker breaker = opened();
  pass_many(breaker, 2, Effect::success, at_ms(5'000));
  pass_many(breaker, 10, Effect::neutral, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_EQ(breaker.trials_in_flight(), 0);
  pass(breaker, Effect::success, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, WithNoPermitOutHalfOpenStays) {
  Breaker breaker = opened();
  breaker.expire(at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_EQ(breaker.wake_at(), Instant::never());
  breaker.expire(Instant::never() - seconds(100));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_TRUE(breaker.would_admit(Instant::never() - seconds(100)));
}

TEST(Breaker, ALeaseThatRunsOutOpensItForTheFirstWaitAgain) {
  Breaker breaker = opened();
  auto permit = breaker.admit(seconds(2), at_ms(5'000));
  EXPECT_EQ(breaker.wake_at(), at_ms(7'000));
  breaker.expire(at_ms(6'999));
  EXPECT_EQ(breaker.state(), State::half_open);
  breaker.expire(at_ms(7'000));
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_EQ(breaker.open_until(), at_ms(12'000));  // 5 s, not 10
  EXPECT_EQ(breaker.trials_in_flight(), 0);
  breaker.settle(*permit, Effect::success, false, at_ms(7'001));  // too late to matter
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_EQ(breaker.permits_given(), breaker.permits_returned());
}

TEST(Breaker, ATrialThatShowsLifeMayLastLonger) {
  Breaker breaker = opened();
  auto permit = breaker.admit(seconds(2), at_ms(5'000));
  breaker.extend(*permit, at_ms(60'000));
  breaker.extend(*permit, at_ms(30'000));  // never shorter
  breaker.expire(at_ms(59'999));
  EXPECT_EQ(breaker.state(), State::half_open);
  breaker.settle(*permit, Effect::success, false, at_ms(59'999));
  breaker.extend(*permit, at_ms(100'000));  // over: nothing happens
  EXPECT_EQ(breaker.wake_at(), Instant::never());
  pass_many(breaker, 2, Effect::success, at_ms(60'000));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(Breaker, ATrialThatReturnsAfterItsLeaseHasFailedThoughNobodyLooked) {
  Breaker breaker = opened();
  auto permit = breaker.admit(seconds(2), at_ms(5'000));
  EXPECT_FALSE(breaker.would_admit(at_ms(7'000)));
  breaker.settle(*permit, Effect::success, false, at_ms(7'000));
  EXPECT_EQ(breaker.state(), State::open);
}

TEST(Breaker, ALeaseMattersInHalfOpenOnly) {
  Breaker breaker(plain());
  auto permit = breaker.admit(seconds(2), at_ms(0));
  breaker.expire(at_ms(100'000));
  EXPECT_EQ(breaker.permits_returned(), 0u);
  breaker.settle(*permit, Effect::success, false, at_ms(100'000));
  EXPECT_EQ(breaker.permits_returned(), 1u);
}

TEST(Breaker, AStaleEpochChangesNothing) {
  Breaker breaker(plain());
  std::vector<Breaker::Permit> late;
  for (int i = 0; i < 30; ++i) late.push_back(*breaker.admit(kLease, at_ms(0)));
  uint64_t closed_epoch = breaker.epoch();
  breaker.trip(at_ms(0));
  breaker.settle(late[0], Effect::success, false, at_ms(1));
  EXPECT_EQ(breaker.state(), State::open);

  auto trial = breaker.admit(kLease, at_ms(5'000));
  for (int i = 1; i < 10; ++i) breaker.settle(late[i], Effect::success, false, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  for (int i = 10; i < 20; ++i) breaker.settle(late[i], Effect::failure, false, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_EQ(breaker.trials_in_flight(), 1);
  for (int i = 0; i < 9; ++i) breaker.record(closed_epoch, Effect::failure, false, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);

  breaker.settle(*trial, Effect::success, false, at_ms(5'000));
  pass_many(breaker, 2, Effect::success, at_ms(5'000));
  for (int i = 20; i < 30; ++i) breaker.settle(late[i], Effect::failure, false, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.permits_given(), breaker.permits_returned());
}

TEST(Breaker, ASecondSettleIsIgnored) {
  Breaker breaker(plain());
  auto permit = breaker.admit(kLease, at_ms(0));
  for (int i = 0; i < 10; ++i) breaker.settle(*permit, Effect::failure, false, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.permits_returned(), 1u);
  auto other = breaker.admit(kLease, at_ms(0));  // perhaps in the same place
  breaker.settle(*permit, Effect::failure, false, at_ms(0));
  EXPECT_EQ(breaker.permits_returned(), 1u);
  breaker.settle(*other, Effect::success, false, at_ms(0));
  EXPECT_EQ(breaker.permits_returned(), 2u);
  breaker.settle({}, Effect::failure, false, at_ms(0));
  breaker.settle({breaker.epoch(), 12345}, Effect::failure, false, at_ms(0));
  EXPECT_EQ(breaker.permits_returned(), 2u);
}

TEST(Breaker, ASecondSettleInHalfOpenIsNoSecondSuccess) {
  Breaker breaker = opened();
  auto permit = breaker.admit(kLease, at_ms(5'000));
  for (int i = 0; i < 5; ++i) breaker.settle(*permit, Effect::success, false, at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(Breaker, ASoleTargetRecordsOneResultPerRequest) {
  Breaker breaker(plain());
  for (int request = 0; request < 4; ++request) {
    uint64_t epoch = breaker.epoch();
    pass_many(breaker, 4, Effect::neutral, at_ms(0));
    breaker.record(epoch, Effect::failure, false, at_ms(0));
  }
  EXPECT_EQ(breaker.state(), State::closed);
  breaker.record(breaker.epoch(), Effect::failure, false, at_ms(0));
  EXPECT_EQ(breaker.state(), State::open);
  breaker.record(breaker.epoch(), Effect::failure, false, at_ms(0));
  EXPECT_EQ(breaker.open_until(), at_ms(5'000));
}

TEST(Breaker, ATrialOfAnEarlierHalfOpenStillTakesItsPlace) {
  BreakerSettings settings = plain();
  settings.half_open_in_flight = 2;
  Breaker breaker = opened(settings);
  auto straggler = breaker.admit(seconds(20), at_ms(5'000));
  pass(breaker, Effect::failure, at_ms(5'000));
  EXPECT_TRUE(breaker.admit(kLease, at_ms(15'000)));
  EXPECT_EQ(breaker.trials_in_flight(), 2);
  EXPECT_FALSE(breaker.admit(kLease, at_ms(15'000)));
  breaker.expire(at_ms(25'000));  // the straggler's lease: its place is free, nothing else
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_EQ(breaker.trials_in_flight(), 1);
  breaker.settle(*straggler, Effect::failure, false, at_ms(25'000));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(Breaker, SeveralLeasesRunningOutAreOneFailure) {
  BreakerSettings settings = plain();
  settings.half_open_in_flight = 3;
  Breaker breaker = opened(settings);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(breaker.admit(seconds(1), at_ms(5'000)));
  breaker.expire(at_ms(6'000));
  EXPECT_EQ(breaker.open_until(), at_ms(11'000));
  EXPECT_EQ(breaker.permits_given(), breaker.permits_returned());
}

}  // namespace
}  // namespace keel::engine
