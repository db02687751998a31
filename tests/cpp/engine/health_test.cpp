#include "engine/health.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using State = Breaker::State;

Instant at_s(int64_t s) {
  return Instant{} + seconds(s);
}

TEST(Latency, NothingIsKnownBeforeTheFirstSample) {
  Latency latency;
  EXPECT_FALSE(latency.mean(at_s(0)));
  EXPECT_FALSE(latency.quantile(0.99, at_s(0)));
  latency.add(milliseconds(400), at_s(1));
  EXPECT_EQ(latency.mean(at_s(1)), milliseconds(400));
  EXPECT_FALSE(latency.quantile(0.99, at_s(1)));
}

TEST(Latency, TheMeanWeighsTheRecentMore) {
  Latency latency;
  latency.add(seconds(1), at_s(0));
  latency.add(seconds(2), at_s(60));
  double old = std::exp(-1);
  EXPECT_NEAR(latency.mean(at_s(60))->seconds(), (old * 1 + 2) / (old + 1), 1e-6);
}

TEST(Latency, TheMeanOutlivesItsWeight) {
  Latency latency;
  latency.add(seconds(3), at_s(0));
  EXPECT_EQ(latency.mean(at_s(1'000'000'000)), seconds(3));
  latency.add(seconds(1), at_s(1'000'000'000));
  EXPECT_EQ(latency.mean(at_s(1'000'000'000)), seconds(1));
}

TEST(Latency, TheQuantileIsAtMostFivePercentHigh) {
  Latency latency;
  for (int i = 1; i <= 100; ++i) latency.add(milliseconds(10 * i), at_s(1));
  Duration p99 = *latency.quantile(0.99, at_s(1));
  EXPECT_GE(p99, milliseconds(990));
  EXPECT_LE(p99, milliseconds(1040));
}

TEST(Health, WithoutHistoryEverythingIsAssumedWell) {
  Health health;
  EXPECT_DOUBLE_EQ(health.availability(State::closed, at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.error_rate(at_s(0)), 0);
  EXPECT_DOUBLE_EQ(health.success_rate(at_s(0)), 1);
  EXPECT_FALSE(health.typical_latency(at_s(0)));
  EXPECT_DOUBLE_EQ(health.score(State::closed, {}, at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.score(State::closed, milliseconds(100), at_s(0)), 1);
}

TEST(Health, TheBreakerScalesAvailability) {
  Health health;
  EXPECT_DOUBLE_EQ(health.availability(State::half_open, at_s(0)), 0.5);
  EXPECT_DOUBLE_EQ(health.availability(State::open, at_s(0)), 0);
  EXPECT_DOUBLE_EQ(health.availability(State::forced_open, at_s(0)), 0);
  EXPECT_DOUBLE_EQ(health.availability(State::disabled, at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.score(State::open, {}, at_s(0)), 0.5);
}

TEST(Health, ProbesShareAvailabilityWithTheirPrior) {
  Health health;
  health.record_probe(false, Duration::zero(), at_s(0));
  EXPECT_DOUBLE_EQ(health.availability(State::closed, at_s(0)), 0.5);
  health.record_probe(true, milliseconds(20), at_s(0));
  EXPECT_DOUBLE_EQ(health.availability(State::closed, at_s(0)), 2.0 / 3);
  EXPECT_NEAR(health.availability(State::closed, at_s(6000)), 1, 1e-9);
}

TEST(Health, AFailedProbeSaysNothingAboutLatency) {
  Health health;
  health.record_probe(false, seconds(2), at_s(0));
  EXPECT_FALSE(health.probe_round_trip().mean(at_s(0)));
}

TEST(Health, TheErrorRateCreditsFiveResults) {
  Health health;
  for (int i = 0; i < 5; ++i) health.record_result(true, at_s(0));
  EXPECT_DOUBLE_EQ(health.error_rate(at_s(0)), 0.5);
  EXPECT_DOUBLE_EQ(health.success_rate(at_s(0)), 0);
  for (int i = 0; i < 15; ++i) health.record_result(false, at_s(0));
  EXPECT_DOUBLE_EQ(health.error_rate(at_s(0)), 0.2);
  EXPECT_DOUBLE_EQ(health.success_rate(at_s(0)), 0.75);
  EXPECT_DOUBLE_EQ(health.score(State::closed, {}, at_s(0)), 0.5 + 0.3 * 0.8 + 0.2);
}

TEST(Health, FailuresFade) {
  Health health;
  for (int i = 0; i < 50; ++i) health.record_result(true, at_s(0));
  double fresh = health.error_rate(at_s(0));
  double later = health.error_rate(at_s(180));
  EXPECT_LT(later, fresh);
  EXPECT_NEAR(later, 50 * std::exp(-3) / (50 * std::exp(-3) + 5), 1e-9);
  EXPECT_DOUBLE_EQ(health.success_rate(at_s(100'000)), 1);
}

TEST(Health, AClockThatStepsBackChangesNoRate) {
  Health health;
  health.record_result(true, at_s(100));
  double rate = health.error_rate(at_s(100));
  EXPECT_DOUBLE_EQ(health.error_rate(at_s(0)), rate);
}

TEST(Health, LatencyIsFirstTokenElsePerTokenElseTheProbe) {
  Health health;
  health.record_probe(true, milliseconds(30), at_s(0));
  EXPECT_EQ(health.typical_latency(at_s(0)), milliseconds(30));
  health.record_per_output_token(milliseconds(20), at_s(0));
  EXPECT_EQ(health.typical_latency(at_s(0)), milliseconds(20));
  health.record_first_token(milliseconds(400), at_s(0));
  EXPECT_EQ(health.typical_latency(at_s(0)), milliseconds(400));
}

TEST(Health, TheScoreTakesTheBestLatencyOverItsOwn) {
  Health health;
  health.record_first_token(milliseconds(400), at_s(0));
  EXPECT_DOUBLE_EQ(health.score(State::closed, milliseconds(100), at_s(0)), 0.8 + 0.2 * 0.25);
  EXPECT_DOUBLE_EQ(health.score(State::closed, milliseconds(400), at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.score(State::closed, milliseconds(900), at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.score(State::closed, {}, at_s(0)), 1);
}

TEST(Health, ALatencyOfNothingDividesByNothing) {
  Health health;
  health.record_first_token(Duration::zero(), at_s(0));
  EXPECT_DOUBLE_EQ(health.score(State::closed, Duration::zero(), at_s(0)), 1);
  EXPECT_DOUBLE_EQ(health.score(State::closed, milliseconds(1), at_s(0)), 1);
}

// A target that answers is known by its time per output token, an idle one by its probes: neither
// is slow for that.
TEST(BestLatency, ComparesLikeWithLike) {
  const Instant now{};
  Health used, used_slower, idle, unknown;
  used.record_per_output_token(milliseconds(40), now);
  used_slower.record_per_output_token(milliseconds(80), now);
  idle.record_probe(true, milliseconds(10), now);
  BestLatency best;
  EXPECT_EQ(best.like(used, now), std::nullopt);
  for (const Health* health : {&used, &used_slower, &idle, &unknown}) best.consider(*health, now);
  EXPECT_EQ(best.like(used, now), milliseconds(40));
  EXPECT_EQ(best.like(used_slower, now), milliseconds(40));
  EXPECT_EQ(best.like(idle, now), milliseconds(10));
  EXPECT_EQ(best.like(unknown, now), std::nullopt);
  EXPECT_EQ(used.score(Breaker::State::closed, best.like(used, now), now), 1.0);
  EXPECT_NEAR(used_slower.score(Breaker::State::closed, best.like(used_slower, now), now), 0.9,
              1e-9);
}

}  // namespace
}  // namespace keel::engine
