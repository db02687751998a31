// A request's life cut off at each stage: whatever happens, it is answered once and leaves nothing
// behind.

#include "relay/driven.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar };

Outcome good() {
  Outcome outcome;
  outcome.status = 200;
  outcome.usage = Usage{.in = 20, .out = 10};
  return outcome;
}

Config with_timeout(Duration timeout) {
  Config config = small_config();
  config.routes[0].timeout = timeout;
  return config;
}

// ---- cancel ----

TEST(Life, CancelledBeforeAnythingLeftCostsNothing) {
  Driven d;
  d.ask();
  const AttemptId id = d.send().attempt;
  d.cancel();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::cancelled);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{id});
  EXPECT_EQ(d.answer->sends, 0);
  EXPECT_EQ(d.answer->tries, 1);
  EXPECT_EQ(d.spent(), NanoUsd{0});
  EXPECT_EQ(d.engines().budget->lifetime(0).postings, 0);
  EXPECT_TRUE(d.at_rest());
}

TEST(Life, CancelledAfterItLeftIsPostedInFull) {
  Driven d;
  d.ask();
  const AttemptId id = d.send().attempt;
  const NanoUsd held = d.engines().budget->totals(0, Driven::kUnixNs).held;
  d.feed(Sent{id});
  d.cancel();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::cancelled);
  EXPECT_EQ(d.answer->cost, held);
  EXPECT_TRUE(d.answer->trace->attempts[0].estimated);
  EXPECT_EQ(d.answer->trace->attempts[0].billed, Billed::maybe);
  EXPECT_TRUE(d.at_rest());
  for (int i = 0; i < 10; ++i) {
    d.ask();
    d.feed(Sent{d.send().attempt});
    d.cancel();
  }
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed) << "a cancel is nobody's fault";
}

TEST(Life, CancelledWhileItWaitsNothingFollows) {
  Driven d;
  d.ask();
  d.fail(500);
  ASSERT_FALSE(d.last_send) << "in backoff";
  d.cancel();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::cancelled);
  EXPECT_EQ(d.answer->sends, 1);
  d.wait(minutes(20));
  EXPECT_EQ(d.tries.size(), 1u);
  EXPECT_EQ(d.relay().wake_at(), Instant::never());
  EXPECT_TRUE(d.at_rest());
}

TEST(Life, CancelledWhileThrottledNothingFollows) {
  Driven d;
  d.ask();
  Outcome throttled;
  throttled.status = 429;
  throttled.code = ErrorCode::rate_limited;
  throttled.hint.after = seconds(2);
  d.finish(throttled);
  d.cancel();
  EXPECT_EQ(d.answer->kind, AnswerKind::cancelled);
  d.wait(minutes(20));
  EXPECT_EQ(d.tries.size(), 1u);
}

TEST(Life, CancelledAfterItsAnswerNothingHappens) {
  Driven d;
  d.ask();
  d.succeed();
  d.answer.reset();
  d.cancel();
  EXPECT_FALSE(d.answer);
  d.feed(Cancel{12345});
  EXPECT_TRUE(d.at_rest());
}

// ---- late results ----

TEST(Life, ResultsOfWhatWasGivenUpChangeNothing) {
  Driven d;
  d.ask();
  const AttemptId id = d.send().attempt;
  d.feed(Sent{id});
  d.cancel();
  const NanoUsd spent = d.spent();
  d.answer.reset();
  d.feed(Sent{id});
  d.feed(Finished{.attempt = id, .outcome = good()});
  EXPECT_FALSE(d.answer);
  EXPECT_EQ(d.spent(), spent);
  EXPECT_TRUE(d.at_rest());
}

TEST(Life, ALateResultDoesNotAnswerForTheNextAttempt) {
  Driven d(with_timeout(seconds(20)));
  d.ask();
  const AttemptId first = d.send().attempt;
  d.feed(Sent{first});
  d.last_send.reset();
  EXPECT_EQ(d.send().target, kFar);
  d.feed(Finished{.attempt = first, .outcome = good()});
  EXPECT_FALSE(d.answer);
  d.succeed();
  EXPECT_EQ(d.answer->target, kFar);
}

TEST(Life, AResultIsTakenOnce) {
  Driven d;
  d.ask();
  const AttemptId id = d.send().attempt;
  d.feed(Sent{id});
  d.feed(Sent{id});
  d.feed(Finished{.attempt = id, .outcome = good()});
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->sends, 1);
  d.answer.reset();
  d.feed(Finished{.attempt = id, .outcome = good()});
  EXPECT_FALSE(d.answer);
  EXPECT_EQ(d.spent(), NanoUsd{40'000});
}

TEST(Life, AnAnswerWithoutSentCountsAsASend) {
  Driven d;
  d.ask();
  d.feed(Finished{.attempt = d.send().attempt, .outcome = good()});
  EXPECT_EQ(d.answer->sends, 1);
  EXPECT_EQ(d.spent(), NanoUsd{40'000});
}

// ---- deadline ----

TEST(Life, NoTimeAtAllStartsNothing) {
  Driven d;
  Request request = d.request();
  request.timeout = Duration::zero();
  d.ask(request);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::deadline_exceeded);
  EXPECT_EQ(d.answer->status, 504);
  EXPECT_TRUE(d.tries.empty());
  EXPECT_TRUE(d.at_rest());
}

TEST(Life, TheFirstAttemptAlwaysStarts) {
  Driven d;
  Request request = d.request();
  request.timeout = milliseconds(1);
  d.ask(request);
  EXPECT_EQ(d.tries.size(), 1u);
  d.wait(milliseconds(1));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::deadline_exceeded);
  EXPECT_EQ(d.tries.size(), 1u) << "a second one needs a second";
  EXPECT_EQ(d.spent(), NanoUsd{0});
}

TEST(Life, TheDeadlineClosesWhatIsUnderWayAndPostsIt) {
  Driven d(with_timeout(seconds(20)));
  d.ask();
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, Instant{} + seconds(10));
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  d.wait(seconds(10));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::deadline_exceeded);
  EXPECT_EQ(d.now, Instant{} + seconds(20));
  EXPECT_EQ(d.aborted.size(), 2u);
  EXPECT_EQ(d.answer->sends, 2);
  EXPECT_EQ(d.answer->cost, d.spent());
  EXPECT_TRUE(d.at_rest());
}

TEST(Life, AnAnswerAtTheVeryDeadlineCounts) {
  Driven d(with_timeout(seconds(20)));
  Request request = d.request();
  request.timeout = seconds(1);
  d.ask(request);
  const AttemptId id = d.send().attempt;
  d.feed(Sent{id});
  d.now = Instant{} + seconds(1);
  d.feed(Finished{.attempt = id, .outcome = good()});
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
}

// With a deadline that leaves nothing of use to another attempt, the first may take it all.
TEST(Life, AShortDeadlineIsNotHalved) {
  Driven d;
  Request request = d.request();
  request.timeout = milliseconds(1900);
  d.ask(request);
  d.finish(good(), "{}", milliseconds(1800));
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  request.timeout = milliseconds(2100);
  d.ask(request);
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  const Instant asked = d.now;
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, asked + milliseconds(1050));
}

// Many clients with small deadlines: nothing left, because connecting takes longer than they wait.
// That says nothing about the target.
TEST(Life, ADeadlineBeforeTheConnectLimitIsNoFaultOfTheTarget) {
  Driven d;
  for (int i = 0; i < 10; ++i) {
    Request request = d.request();
    request.timeout = milliseconds(20);
    d.ask(request);
    d.wait(milliseconds(20));
    ASSERT_EQ(d.answer->kind, AnswerKind::deadline_exceeded);
  }
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed);
  EXPECT_EQ(d.engines().targets[kNear].health.error_rate(d.now), 0.0);
}

TEST(Life, TheConnectLimitIsAFaultAndCostsNothing) {
  Driven d;
  d.ask();
  d.send();
  d.last_send.reset();
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, Instant{} + seconds(5));
  EXPECT_EQ(d.spent(), NanoUsd{0});
  EXPECT_GT(d.engines().targets[kNear].health.error_rate(d.now), 0.0);
}

TEST(Life, TheLastTargetMayTakeAllThatRemains) {
  Config config = with_timeout(seconds(600));
  config.routes[0].targets.resize(1);
  Driven d(config);
  d.ask();
  d.feed(Sent{d.send().attempt});
  d.wait(seconds(599));
  EXPECT_FALSE(d.answer);
  d.wait(seconds(1));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::deadline_exceeded);
}

TEST(Life, AnotherTargetLeftLimitsAnAttemptTo60Seconds) {
  Driven d(with_timeout(seconds(600)));
  d.ask();
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  d.send();
  EXPECT_EQ(d.now, Instant{} + seconds(60));
}

// ---- the clock ----

TEST(Life, AClockThatStepsBackLetsNoTimePass) {
  Driven d(with_timeout(seconds(20)));
  d.now = Instant{} + seconds(100);
  d.ask();
  const AttemptId id = d.send().attempt;
  d.now = Instant{} + seconds(50);
  d.feed(Sent{id});
  d.feed(Finished{.attempt = id, .outcome = good()});
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->trace->ended, Instant{} + seconds(100));
}

}  // namespace
}  // namespace keel::relay
