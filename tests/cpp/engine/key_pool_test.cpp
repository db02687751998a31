#include "engine/key_pool.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Lease = KeyPool::Lease;

Instant at(int64_t s) {
  return {seconds(s).ns};
}
KeyPool equal_keys(size_t n, KeyOrder order = KeyOrder::least_loaded, KeyLimits limits = {}) {
  return KeyPool(std::vector<KeySettings>(n, KeySettings{limits, ""}), order, 1);
}
// Takes a key for model 0, ten tokens.
std::optional<Lease> take(KeyPool& pool, Instant now, std::vector<KeyIndex> excluded = {}) {
  return pool.take(0, 10, excluded, Instant::never(), now);
}
KeyIndex use_once(KeyPool& pool, Instant now) {
  std::optional<Lease> lease = take(pool, now);
  EXPECT_TRUE(lease);
  if (!lease) return UINT32_MAX;
  pool.give_back(*lease, 10, true, now);
  return lease->key;
}
KeyReason reason(const KeyPool& pool, Instant now, KeyPool::ModelId model = 0) {
  return pool.availability(model, 10, {}, now).reason;
}
Instant until(const KeyPool& pool, Instant now, KeyPool::ModelId model = 0) {
  return pool.availability(model, 10, {}, now).until;
}
TEST(KeyPool, WithoutKeysThereIsNone) {
  KeyPool pool({}, KeyOrder::least_loaded, 1);
  EXPECT_FALSE(take(pool, at(0)));
  EXPECT_EQ(reason(pool, at(0)), KeyReason::no_key);
  EXPECT_EQ(until(pool, at(0)), Instant::never());
  EXPECT_EQ(pool.wake_at(), Instant::never());
  EXPECT_FALSE(pool.key_for_probe(at(0)));
  EXPECT_FALSE(pool.revival_due(at(0)));
}

TEST(KeyPool, FewestInFlightThenLeastRecentlyUsed) {
  KeyPool pool = equal_keys(3);
  Lease a = *take(pool, at(0));
  Lease b = *take(pool, at(0));
  Lease c = *take(pool, at(0));
  EXPECT_EQ((std::set<KeyIndex>{a.key, b.key, c.key}).size(), 3u);
  pool.give_back(c, 10, true, at(0));
  EXPECT_EQ(take(pool, at(0))->key, c.key);
  pool.give_back(b, 10, true, at(0));
  pool.give_back(a, 10, true, at(0));
  EXPECT_EQ(take(pool, at(0))->key, a.key);
  EXPECT_EQ(pool.in_flight(at(0)), 2);
}

TEST(KeyPool, TheLeastLoadedGoesFirst) {
  KeyPool pool({{{.requests_per_minute = 60}, ""}, {{.requests_per_minute = 600}, ""}},
               KeyOrder::least_loaded, 1);
  EXPECT_EQ(use_once(pool, at(0)), 0u);
  EXPECT_EQ(use_once(pool, at(0)), 1u);
  EXPECT_EQ(use_once(pool, at(0)), 1u);  // 1/101 is less than 1/11
  EXPECT_GT(pool.load(0, at(0)), pool.load(1, at(0)));
  EXPECT_EQ(pool.load(0, at(3'600)), 0);
}

TEST(KeyPool, ExcludedKeysStayOut) {
  KeyPool pool = equal_keys(2);
  EXPECT_EQ(take(pool, at(0), {0})->key, 1u);
  EXPECT_EQ(take(pool, at(0), {1, 9})->key, 0u);
  EXPECT_FALSE(take(pool, at(0), {1, 0, 1}));
  EXPECT_EQ(pool.availability(0, 10, {0, 1}, at(0)).reason, KeyReason::excluded);
  pool.kill(0, at(0));
  EXPECT_EQ(pool.availability(0, 10, {1}, at(0)).reason, KeyReason::dead);
}

TEST(KeyPool, LimitsAreTakenAllOrNothing) {
  KeyPool pool = equal_keys(1, KeyOrder::least_loaded,
                            {.requests_per_minute = 6'000, .tokens_per_minute = 100});
  EXPECT_TRUE(pool.take(0, 60, {}, Instant::never(), at(0)));
  double load = pool.load(0, at(0));
  EXPECT_FALSE(pool.take(0, 60, {}, Instant::never(), at(0)));
  EXPECT_EQ(pool.load(0, at(0)), load);
  KeyPool::Availability later = pool.availability(0, 60, {}, at(0));
  EXPECT_EQ(later.reason, KeyReason::limited);
  EXPECT_FALSE(pool.take(0, 60, {}, Instant::never(), Instant{later.until.ns - 1}));
  EXPECT_TRUE(pool.take(0, 60, {}, Instant::never(), later.until));
  EXPECT_EQ(pool.availability(0, 1'000, {}, at(0)).until, Instant::never());  // it never fits
  EXPECT_TRUE(pool.take(0, -5, {}, Instant::never(), at(3'600)));
}

TEST(KeyPool, WhatWasNotUsedIsGivenBack) {
  KeyPool pool =
      equal_keys(1, KeyOrder::least_loaded,
                 {.requests_per_minute = 60, .tokens_per_minute = 100, .concurrency = 1});
  Lease lease = *pool.take(0, 80, {}, Instant::never(), at(0));
  EXPECT_EQ(reason(pool, at(0)), KeyReason::limited);
  EXPECT_EQ(pool.load(0, at(0)), 1);
  pool.give_back(lease, 80, false, at(0));
  EXPECT_EQ(pool.load(0, at(0)), 0);
  lease = *pool.take(0, 80, {}, Instant::never(), at(0));
  pool.give_back(lease, 8, true, at(0));
  EXPECT_LT(pool.load(0, at(0)), 0.2);
  EXPECT_TRUE(pool.take(0, 80, {}, Instant::never(), at(0)));
}

TEST(KeyPool, ALeaseComesBackOnce) {
  KeyPool pool = equal_keys(1, KeyOrder::least_loaded, {.concurrency = 2});
  Lease first = *take(pool, at(0));
  take(pool, at(0));
  pool.give_back(first, 10, true, at(0));
  pool.give_back(first, 10, true, at(0));
  pool.give_back(Lease{}, 10, true, at(0));
  pool.give_back(Lease{0, 0, 0, {99, 0}}, 10, true, at(0));
  pool.give_back(Lease{7, 0, 0, first.place}, 10, true, at(0));
  EXPECT_EQ(pool.in_flight(at(0)), 1);
  EXPECT_EQ(pool.in_flight(0, at(0)), 1);
  EXPECT_TRUE(take(pool, at(0)));
  EXPECT_FALSE(take(pool, at(0)));
}

// LiteLLM #20256: a give-back that is lost must not lock the key.
TEST(KeyPool, ALeaseThatIsNeverGivenBackEnds) {
  KeyPool pool = equal_keys(1, KeyOrder::least_loaded, {.concurrency = 1});
  Lease lost = *pool.take(0, 10, {}, at(60), at(0));
  EXPECT_FALSE(take(pool, at(59)));
  EXPECT_EQ(reason(pool, at(60)), KeyReason::none);
  EXPECT_EQ(pool.in_flight(at(60)), 0);
  Lease next = *take(pool, at(60));
  pool.give_back(lost, 10, true, at(61));  // late: it is another's place now
  EXPECT_EQ(pool.in_flight(at(61)), 1);
  EXPECT_FALSE(take(pool, at(61)));
  pool.give_back(next, 10, true, at(62));
  EXPECT_EQ(pool.in_flight(at(62)), 0);
}

TEST(KeyPool, ATrialThatIsLostDoesNotBenchForEver) {
  KeyPool pool = equal_keys(2);
  pool.bench(0, seconds(1), at(0));
  ASSERT_TRUE(pool.take(0, 10, {}, at(30), at(1)));
  EXPECT_FALSE(take(pool, at(29)));
  EXPECT_TRUE(take(pool, at(30)));
  EXPECT_FALSE(take(pool, at(30))) << "again one at a time";
}

TEST(KeyPool, AThrottledPairCoolsAndTheKeyServesOtherModels) {
  KeyPool pool = equal_keys(1);
  EXPECT_EQ(pool.throttle(0, 0, seconds(7), at(10)), seconds(7));
  EXPECT_EQ(reason(pool, at(10)), KeyReason::cooling);
  EXPECT_EQ(until(pool, at(10)), at(17));
  EXPECT_EQ(reason(pool, at(10), 1), KeyReason::none);
  EXPECT_EQ(reason(pool, at(5)), KeyReason::cooling);  // the clock stepped back
  EXPECT_EQ(reason(pool, at(17)), KeyReason::none);
}

TEST(KeyPool, WithoutADelayTheCooldownDoubles) {
  KeyPool pool = equal_keys(1);
  int64_t now = 0;
  for (int64_t expected : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(pool.throttle(0, 0, std::nullopt, at(now)), seconds(expected));
    now += expected;
  }
  EXPECT_EQ(pool.throttle(0, 1, std::nullopt, at(now)), seconds(1));
  EXPECT_EQ(pool.throttle(0, 0, std::nullopt, at(now)), seconds(60));
  pool.succeed(0, 0);
  EXPECT_EQ(reason(pool, at(now + 59)), KeyReason::cooling);  // a late success ends the run only
  EXPECT_EQ(pool.throttle(0, 0, std::nullopt, at(now + 60)), seconds(1));
}

TEST(KeyPool, RequestsUnderWayTogetherMeetOneThrottling) {
  KeyPool pool = equal_keys(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.throttle(0, 0, std::nullopt, at(0)), seconds(1));
  EXPECT_EQ(reason(pool, at(1)), KeyReason::none);
  EXPECT_EQ(pool.throttle(0, 0, std::nullopt, at(1)), seconds(2));
}

TEST(KeyPool, AServersDelayIsBoundedAndNeverShortensACooldown) {
  KeyPool pool = equal_keys(1);
  EXPECT_EQ(pool.throttle(0, 0, Duration::max(), at(0)), minutes(10));
  EXPECT_EQ(pool.throttle(0, 0, seconds(-3), at(0)), Duration::zero());
  EXPECT_EQ(until(pool, at(0)), at(600));
}

TEST(KeyPool, ADeniedPairRestsTenMinutes) {
  KeyPool pool = equal_keys(1);
  pool.deny(0, 0, at(0));
  pool.throttle(0, 0, seconds(1), at(0));
  EXPECT_EQ(reason(pool, at(0)), KeyReason::denied);
  EXPECT_EQ(until(pool, at(0)), at(600));
  EXPECT_EQ(reason(pool, at(0), 1), KeyReason::none);
  EXPECT_EQ(reason(pool, at(600)), KeyReason::none);
}

TEST(KeyPool, ADeadKeyComesBackByAFreeCallOnly) {
  KeyPool pool = equal_keys(2);
  pool.kill(0, at(0));
  pool.kill(0, at(30));  // a second 401 does not put the way back off
  EXPECT_TRUE(pool.dead(0));
  EXPECT_EQ(pool.wake_at(), at(60));
  EXPECT_FALSE(pool.revival_due(at(59)));
  EXPECT_EQ(pool.revival_due(at(60)), 0u);
  pool.revival_failed(0, at(60));
  EXPECT_EQ(pool.wake_at(), at(360));
  pool.revival_failed(0, at(360));
  EXPECT_EQ(pool.wake_at(), at(1'260));
  pool.revival_failed(0, at(1'260));
  EXPECT_EQ(pool.wake_at(), at(2'160));
  pool.succeed(0, 0);  // a late success of a request sent before
  EXPECT_EQ(use_once(pool, at(1'000'000)), 1u);
  EXPECT_EQ(use_once(pool, at(1'000'000)), 1u);
  pool.revive(0);
  EXPECT_FALSE(pool.dead(0));
  EXPECT_EQ(pool.wake_at(), Instant::never());
  EXPECT_EQ(use_once(pool, at(1'000'000)), 0u);
  pool.revival_failed(0, at(0));  // a late answer about a key that lives
  EXPECT_EQ(pool.wake_at(), Instant::never());
}

TEST(KeyPool, TheEarliestDeadKeyIsDueFirst) {
  KeyPool pool = equal_keys(3);
  pool.kill(2, at(0));
  pool.kill(0, at(10));
  EXPECT_EQ(pool.revival_due(at(100)), 2u);
  EXPECT_EQ(pool.key_for_probe(at(0)), 1u);
  pool.kill(1, at(20));
  EXPECT_FALSE(pool.key_for_probe(at(0)));
  EXPECT_EQ(reason(pool, at(0)), KeyReason::dead);
  EXPECT_EQ(until(pool, at(0)), Instant::never());
}

TEST(KeyPool, ASuspectIsUsedLast) {
  for (KeyOrder order : {KeyOrder::least_loaded, KeyOrder::least_used_random}) {
    KeyPool pool = equal_keys(2, order, {.concurrency = 3});
    pool.suspect(0);
    EXPECT_EQ(pool.key_for_probe(at(0)), 1u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(take(pool, at(0))->key, 1u);
    EXPECT_EQ(take(pool, at(0))->key, 0u);
    pool.succeed(0, 0);
    EXPECT_EQ(pool.key_for_probe(at(0)), 0u);
  }
}

TEST(KeyPool, ABenchIsTheAccounts) {
  KeyPool pool({{{}, "a"}, {{}, "a"}, {{}, "b"}}, KeyOrder::least_loaded, 1);
  pool.bench(0, seconds(30), at(0));
  EXPECT_EQ(pool.barred(1, 5, at(0)), KeyReason::exhausted);
  EXPECT_EQ(pool.barred(2, 5, at(0)), KeyReason::none);
  EXPECT_EQ(use_once(pool, at(0)), 2u);
  EXPECT_EQ(use_once(pool, at(0)), 2u);
  pool.bench(1, seconds(10), at(5));  // an earlier end does not shorten it
  Instant end{};
  EXPECT_EQ(pool.barred(0, 5, at(5), &end), KeyReason::exhausted);
  EXPECT_EQ(end, at(30));
  EXPECT_EQ(pool.barred(0, 5, at(30)), KeyReason::none);
}

TEST(KeyPool, AfterTheBenchOneRequestAtATimeUntilOneSucceeds) {
  KeyPool pool = equal_keys(2);
  pool.bench(0, std::nullopt, at(0));
  EXPECT_EQ(until(pool, at(0)), at(900));
  EXPECT_FALSE(take(pool, at(899)));
  Lease trial = *take(pool, at(900));
  EXPECT_EQ(pool.barred(trial.key, 0, at(900)), KeyReason::none);  // K1 allows the trial itself
  EXPECT_FALSE(take(pool, at(901)));
  EXPECT_EQ(reason(pool, at(901)), KeyReason::exhausted);
  EXPECT_EQ(until(pool, at(901)), Instant::never());
  pool.give_back(trial, 10, true, at(902));  // came to nothing: the next one may try
  trial = *take(pool, at(902));
  EXPECT_FALSE(take(pool, at(902)));
  pool.succeed(trial.key, 0);
  EXPECT_TRUE(take(pool, at(903)));
  EXPECT_TRUE(take(pool, at(903)));
}

TEST(KeyPool, ATrialsSuccessMayBeToldAfterItsLeaseCameBack) {
  KeyPool pool = equal_keys(1);
  pool.bench(0, seconds(1), at(0));
  Lease trial = *take(pool, at(1));
  pool.give_back(trial, 10, true, at(2));
  pool.succeed(0, 0);
  EXPECT_TRUE(take(pool, at(2)));
  EXPECT_TRUE(take(pool, at(2)));
}

TEST(KeyPool, AnEarlierRequestsSuccessDoesNotEndABench) {
  KeyPool pool = equal_keys(1);
  Lease early = *take(pool, at(0));
  Lease refused = *take(pool, at(0));
  pool.give_back(refused, 0, true, at(1));
  pool.bench(0, seconds(10), at(1));
  EXPECT_FALSE(take(pool, at(11)));  // the early one is still out
  pool.succeed(0, 0);
  pool.give_back(early, 10, true, at(12));
  EXPECT_TRUE(take(pool, at(12)));
  EXPECT_FALSE(take(pool, at(12)));
}

TEST(KeyPool, ATrialThatIsRefusedBenchesAgain) {
  KeyPool pool = equal_keys(1);
  pool.bench(0, seconds(10), at(0));
  Lease trial = *take(pool, at(10));
  pool.give_back(trial, 0, true, at(11));
  pool.bench(0, std::nullopt, at(11));
  EXPECT_EQ(until(pool, at(11)), at(911));
  EXPECT_FALSE(take(pool, at(910)));
  pool.bench(0, seconds(-1), at(911));  // a reset in the past: on trial at once
  EXPECT_TRUE(take(pool, at(911)));
}

TEST(KeyPool, TheArticlesPoolIsEvenWithinEachMinute) {
  KeyPool pool = equal_keys(3, KeyOrder::least_used_random);
  std::set<KeyIndex> firsts;
  for (int64_t minute = 0; minute < 50; ++minute) {
    std::map<KeyIndex, int> uses{{0, 0}, {1, 0}, {2, 0}};
    for (int i = 0; i < 7; ++i) {
      KeyIndex key = take(pool, at(60 * minute + i))->key;  // in flight plays no part
      if (i == 0) firsts.insert(key);
      ++uses[key];
      auto [least, most] = std::minmax({uses[0], uses[1], uses[2]});
      ASSERT_LE(most - least, 1);
    }
  }
  EXPECT_EQ(firsts.size(), 3u);  // ties are drawn
}

TEST(KeyPool, EqualKeysAreDrawnEquallyOftenBehindWorseOnes) {
  KeyPool pool = equal_keys(4, KeyOrder::least_used_random);
  pool.suspect(0);
  pool.suspect(1);
  std::array<int, 4> drawn{};
  for (int64_t minute = 1; minute <= 4'000; ++minute) ++drawn[take(pool, at(60 * minute))->key];
  EXPECT_EQ(drawn[0] + drawn[1], 0);
  EXPECT_NEAR(drawn[2], drawn[3], 200);
}

TEST(KeyPool, TheSeedDecidesTheDraw) {
  auto run = [](uint64_t seed) {
    KeyPool pool(std::vector<KeySettings>(4), KeyOrder::least_used_random, seed);
    std::vector<KeyIndex> keys;
    for (int i = 0; i < 40; ++i) keys.push_back(use_once(pool, at(i)));
    return keys;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(KeyPool, AMinuteThatComesBackIsNotCountedAnew) {
  KeyPool pool = equal_keys(2, KeyOrder::least_used_random);
  KeyIndex first = use_once(pool, at(120));
  EXPECT_NE(use_once(pool, at(30)), first);
}

}  // namespace
}  // namespace keel::engine
