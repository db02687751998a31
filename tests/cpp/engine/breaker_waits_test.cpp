// The breaker's waits, who ends them, and the manual states.
#include "base/random.hpp"
#include "engine/breaker.hpp"

#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using State = Breaker::State;
constexpr Duration kLease = seconds(31);

Instant at_ms(int64_t ms) {
  return Instant{} + milliseconds(ms);
}

BreakerSettings exact() {
  BreakerSettings s;
  s.jitter = 0;
  return s;
}

void pass_many(Breaker& breaker, int times, Effect effect, Instant now) {
  for (int i = 0; i < times; ++i) {
    auto permit = breaker.admit(kLease, now);
    ASSERT_TRUE(permit) << name_of(breaker.state());
    breaker.settle(*permit, effect, false, now);
  }
}

TEST(BreakerWait, GrowthEndsAfterBeingClosedForTheLastWait) {
  Breaker breaker(exact());
  breaker.trip(at_ms(0));
  pass_many(breaker, 1, Effect::failure, at_ms(5'000));   // k = 2, 10 s
  pass_many(breaker, 3, Effect::success, at_ms(15'000));  // closed
  breaker.trip(at_ms(25'000));                            // after 10 s: k starts again
  EXPECT_EQ(breaker.open_until(), at_ms(30'000));
}

TEST(BreakerWait, GrowthGoesOnWhenItWasClosedForLess) {
  Breaker breaker(exact());
  breaker.trip(at_ms(0));
  pass_many(breaker, 1, Effect::failure, at_ms(5'000));
  pass_many(breaker, 3, Effect::success, at_ms(15'000));
  breaker.trip(at_ms(24'999));  // k = 3: 20 s, at most 15 s
  EXPECT_EQ(breaker.open_until(), at_ms(39'999));
}

TEST(BreakerWait, JitterStaysInItsBoundsAndComesFromTheSeed) {
  std::set<int64_t> waits;
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    Breaker breaker(BreakerSettings{}, seed), twin(BreakerSettings{}, seed);
    breaker.trip(at_ms(0));
    twin.trip(at_ms(0));
    ASSERT_GE(breaker.open_until(), at_ms(4'500));
    ASSERT_LE(breaker.open_until(), at_ms(5'500));
    ASSERT_EQ(breaker.open_until(), twin.open_until());
    waits.insert(breaker.open_until().ns);
  }
  EXPECT_GT(waits.size(), 1'900u);
  EXPECT_LT(*waits.begin(), 4'510'000'000);
  EXPECT_GT(*waits.rbegin(), 5'490'000'000);
}

TEST(BreakerWait, EndlessReopeningDoesNotOverflow) {
  BreakerSettings settings = exact();
  settings.open_max = Duration::max();
  Breaker breaker(settings);
  breaker.trip(at_ms(0));
  for (int i = 0; i < 200; ++i) {
    breaker.half_open(at_ms(0));
    breaker.trip(at_ms(0));
  }
  EXPECT_GT(breaker.open_until(), at_ms(0) + hours(1'000'000));
}

TEST(BreakerWait, TheArticlesSettingIsSixtySecondsExactly) {
  BreakerSettings settings;
  settings.failure_rate = 2;
  settings.slow_rate = 2;
  settings.open = seconds(60);
  settings.open_max = seconds(60);
  settings.jitter = 0;
  settings.close_after = 1;
  Breaker breaker(settings);
  Instant now = at_ms(0);
  for (int i = 0; i < 100; ++i) {  // four of five fail, again and again: no rate rule
    pass_many(breaker, 4, Effect::failure, now);
    pass_many(breaker, 1, Effect::success, now);
  }
  EXPECT_EQ(breaker.state(), State::closed);
  pass_many(breaker, 5, Effect::failure, now);
  for (int i = 0; i < 5; ++i) {  // no growth
    ASSERT_EQ(breaker.state(), State::open);
    ASSERT_EQ(breaker.open_until(), now + seconds(60));
    ASSERT_FALSE(breaker.would_admit(now + seconds(60) - nanoseconds(1)));
    now = now + seconds(60);
    pass_many(breaker, 1, Effect::failure, now);
  }
  pass_many(breaker, 1, Effect::success, now + seconds(60));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(BreakerWait, AClockThatStepsBackLengthensNothingForGood) {
  Breaker breaker(exact());
  breaker.trip(at_ms(100'000));
  EXPECT_FALSE(breaker.admit(kLease, at_ms(50'000)));
  pass_many(breaker, 3, Effect::success, at_ms(105'000));
  EXPECT_EQ(breaker.state(), State::closed);
  pass_many(breaker, 5, Effect::failure, at_ms(1'000));  // before it was closed: k goes on
  EXPECT_EQ(breaker.open_until(), at_ms(11'000));
}

BreakerSettings probed() {
  BreakerSettings s = exact();
  s.recover_alone = false;
  return s;
}

TEST(BreakerRecovery, WithAProbeItStaysOpenUntilItIsToldOtherwise) {
  Breaker breaker(probed());
  breaker.trip(at_ms(0));
  EXPECT_EQ(breaker.wake_at(), at_ms(5'000));
  EXPECT_FALSE(breaker.recovery_due(at_ms(4'999)));
  EXPECT_TRUE(breaker.recovery_due(at_ms(5'000)));
  breaker.expire(at_ms(60'000));
  EXPECT_FALSE(breaker.admit(kLease, at_ms(60'000)));
  EXPECT_EQ(breaker.state(), State::open);
  breaker.half_open(at_ms(60'000));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_FALSE(breaker.recovery_due(at_ms(60'000)));
  pass_many(breaker, 3, Effect::success, at_ms(60'000));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(BreakerRecovery, AFailedProbeMeansTheSameWaitAgain) {
  Breaker breaker(probed());
  breaker.trip(at_ms(0));
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(breaker.recovery_due(at_ms(6'000 * i)));
    breaker.wait_again(at_ms(6'000 * i));
    ASSERT_FALSE(breaker.recovery_due(at_ms(6'000 * i)));
    ASSERT_EQ(breaker.open_until(), at_ms(6'000 * i + 5'000));
  }
  breaker.half_open(at_ms(40'000));
  pass_many(breaker, 1, Effect::failure, at_ms(40'000));
  EXPECT_EQ(breaker.open_until(), at_ms(50'000));  // k was kept at 1
}

TEST(BreakerRecovery, AloneItIsNeverDueForAProbe) {
  Breaker breaker(exact());
  breaker.trip(at_ms(0));
  EXPECT_FALSE(breaker.recovery_due(at_ms(60'000)));
  breaker.expire(at_ms(5'000));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(BreakerRecovery, ProbeResultsForABreakerThatIsNotOpenAreIgnored) {
  Breaker breaker(probed());
  uint64_t epoch = breaker.epoch();
  breaker.half_open(at_ms(0));
  breaker.wait_again(at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.epoch(), epoch);
}

TEST(BreakerManual, TripOpensOnceFromClosedOrHalfOpen) {
  Breaker breaker(exact());
  breaker.trip(at_ms(0));
  uint64_t epoch = breaker.epoch();
  breaker.trip(at_ms(1'000));
  EXPECT_EQ(breaker.epoch(), epoch);
  EXPECT_EQ(breaker.open_until(), at_ms(5'000));
  breaker.expire(at_ms(5'000));
  breaker.trip(at_ms(5'000));
  EXPECT_EQ(breaker.open_until(), at_ms(15'000));
}

TEST(BreakerManual, ForcedOpenStaysUntilReset) {
  Breaker breaker(exact());
  auto permit = breaker.admit(kLease, at_ms(0));
  breaker.force_open();
  EXPECT_EQ(name_of(breaker.state()), "forced_open");
  EXPECT_FALSE(breaker.would_admit(Instant::never()));
  EXPECT_FALSE(breaker.admit(kLease, at_ms(1'000'000)));
  breaker.settle(*permit, Effect::success, false, at_ms(1));
  breaker.half_open(at_ms(1));
  breaker.trip(at_ms(1));
  EXPECT_EQ(breaker.state(), State::forced_open);
  EXPECT_EQ(breaker.open_until(), Instant::never());
  EXPECT_EQ(breaker.wake_at(), Instant::never());
  EXPECT_EQ(breaker.permits_returned(), 1u);
  breaker.reset(at_ms(2));
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_TRUE(breaker.would_admit(at_ms(2)));
}

TEST(BreakerManual, DisabledAdmitsEverythingAndCountsNothing) {
  Breaker breaker(exact());
  breaker.disable();
  EXPECT_EQ(name_of(breaker.state()), "disabled");
  pass_many(breaker, 1'000, Effect::failure, at_ms(0));
  breaker.trip(at_ms(0));
  EXPECT_EQ(breaker.state(), State::disabled);
  breaker.reset(at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
  pass_many(breaker, 4, Effect::failure, at_ms(0));
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST(BreakerManual, ResetForgetsEverything) {
  Breaker breaker(exact());
  breaker.trip(at_ms(0));
  pass_many(breaker, 1, Effect::failure, at_ms(5'000));  // k = 2
  breaker.reset(at_ms(6'000));
  EXPECT_EQ(breaker.state(), State::closed);
  pass_many(breaker, 5, Effect::failure, at_ms(6'000));
  EXPECT_EQ(breaker.open_until(), at_ms(11'000));  // k = 1
}

TEST(BreakerManual, EveryStateHasItsName) {
  EXPECT_EQ(name_of(State::closed), "closed");
  EXPECT_EQ(name_of(State::half_open), "half_open");
  EXPECT_EQ(name_of(State::open), "open");
}

TEST(BreakerManual, ASettingOutOfRangeIsRefusedByName) {
  auto complaint = [](auto change) -> std::string {
    BreakerSettings s;
    change(s);
    try {
      Breaker breaker(s);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(complaint([](BreakerSettings& s) { s.close_after = 0; }),
            "breaker: close_after is 0, wanted at least 1");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.consecutive = -1; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.min_requests = 0; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.half_open_in_flight = 0; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.failure_rate = 0; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.slow_rate = 0; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.jitter = 1.1; }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.open = Duration::zero(); }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.open_max = Duration::zero(); }), "");
  EXPECT_NE(complaint([](BreakerSettings& s) { s.window = Duration::zero(); }), "");
}

}  // namespace
}  // namespace keel::engine
