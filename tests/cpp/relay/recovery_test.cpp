// The way back: who probes an open breaker (SEMANTICS A5), what active checks may do (A12), how
// dead keys return (A2), and what is different for a sole target (A3).

#include "relay/driven.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using State = engine::Breaker::State;

enum : TargetIndex { kNear, kFar };

Config checked() {
  Config config = small_config();
  config.health_check.interval = seconds(600);  // checks of its own stay out of the way
  config.routes[0].targets[1].tier = 1;         // near first, whatever its health
  config.breaker.jitter = 0;
  return config;
}

void open_near(Driven& d) {
  for (int i = 0; i < 10 && d.breaker(kNear) != State::open; ++i) {
    d.ask();
    while (!d.answer) d.send().target == kNear ? d.fail(500) : d.succeed();
  }
  ASSERT_EQ(d.breaker(kNear), State::open);
  d.probes.clear();
}

void until_probe(Driven& d) {
  while (d.probes.empty()) {
    d.now = std::max(d.now, d.relay().wake_at());
    d.feed(Wake{});
  }
}

TEST(Recovery, AnOpenTargetIsNotAskedAndItsFailoverIsFree) {
  Driven d(checked());
  open_near(d);
  for (int i = 0; i < 5; ++i) {
    d.ask();
    EXPECT_EQ(d.send().target, kFar);
    d.succeed();
    EXPECT_EQ(d.answer->sends, 1);
  }
}

TEST(Recovery, AProbeThenOneTrialAtATimeWithFailoverBehindIt) {
  Driven d(checked());
  open_near(d);
  const Instant due = d.engines().targets[kNear].breaker.open_until();
  until_probe(d);
  EXPECT_EQ(d.now, due);
  EXPECT_EQ(d.probes[0].provider, 0u);
  EXPECT_EQ(d.breaker(kNear), State::open) << "until the probe has answered";
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  d.feed(Probed{d.probes[0].probe, true, 200});
  EXPECT_EQ(d.breaker(kNear), State::half_open);

  for (int trial = 0; trial < 3; ++trial) {
    EXPECT_EQ(d.breaker(kNear), State::half_open);
    d.ask();
    EXPECT_EQ(d.send().target, kNear) << "the trial goes first";
    const AttemptId id = d.send().attempt;
    d.ask();
    EXPECT_EQ(d.send().target, kFar) << "one at a time";
    d.succeed();
    d.feed(Sent{id});
    Outcome good;
    good.status = 200;
    good.usage = Usage{.in = 20, .out = 10};
    d.feed(Finished{.attempt = id, .outcome = good});
  }
  EXPECT_EQ(d.breaker(kNear), State::closed);
  EXPECT_TRUE(d.at_rest());
}

TEST(Recovery, ATrialThatFailsIsAnsweredByTheNextAndOpensAgain) {
  Driven d(checked());
  open_near(d);
  until_probe(d);
  d.feed(Probed{d.probes[0].probe, true, 200});
  d.ask();
  EXPECT_EQ(d.send().target, kNear);
  d.fail(500);
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_EQ(d.breaker(kNear), State::open);
  EXPECT_EQ(d.engines().targets[kNear].breaker.open_until() - d.now,
            seconds(10) - milliseconds(400))
      << "twice the wait";
}

TEST(Recovery, ATrialThatNeverReturnsHasFailed) {
  Config config = checked();
  config.routes[0].attempt_timeout = seconds(30);
  Driven d(config);
  open_near(d);
  until_probe(d);
  d.feed(Probed{d.probes[0].probe, true, 200});
  d.ask();
  EXPECT_EQ(d.send().target, kNear);
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.breaker(kNear), State::open);
}

TEST(Recovery, AFailedProbeWaitsTheSameAgain) {
  Driven d(checked());
  open_near(d);
  for (int i = 0; i < 3; ++i) {
    until_probe(d);
    const Instant asked = d.now;
    const ProbeId id = d.probes[0].probe;
    d.probes.clear();
    d.feed(Probed{id, false, 0});
    EXPECT_EQ(d.breaker(kNear), State::open);
    EXPECT_EQ(d.engines().targets[kNear].breaker.open_until(), asked + seconds(5));
  }
}

TEST(Recovery, AProbeThatNeverAnswersIsGivenUpAfterItsLimit) {
  Driven d(checked());
  open_near(d);
  until_probe(d);
  const Instant asked = d.now;
  d.probes.clear();
  until_probe(d);
  EXPECT_EQ(d.now, asked + seconds(2) + seconds(5));
}

TEST(Recovery, WithoutProbesItIsHalfOpenByItself) {
  Config config = checked();
  config.health_check.interval = Duration::zero();
  Driven d(config);
  open_near(d);
  d.wait(seconds(5));
  EXPECT_EQ(d.breaker(kNear), State::half_open);
  EXPECT_TRUE(d.probes.empty());
}

TEST(Recovery, AllOpenFailsFastWithTheEarliestReturn) {
  Config config = checked();
  config.health_check.interval = Duration::zero();
  config.routes[0].patience = seconds(60);
  Driven d(config);
  while (d.breaker(kNear) != State::open || d.breaker(kFar) != State::open) {
    d.ask();
    while (!d.answer) d.fail(500);
  }
  const size_t before = d.tries.size();
  const Instant earliest = std::min(d.engines().targets[kNear].breaker.open_until(),
                                    d.engines().targets[kFar].breaker.open_until());
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 503);
  EXPECT_EQ(d.answer->code, "no_target_available");
  EXPECT_EQ(d.answer->retry_after, earliest - d.now);
  EXPECT_EQ(d.tries.size(), before);
}

// Both open, both half-open by themselves, and the trial of each under way.
Driven both_on_trial(Config config) {
  config.health_check.interval = Duration::zero();
  Driven d(config);
  while (d.breaker(kNear) != State::open || d.breaker(kFar) != State::open) {
    d.ask();
    while (!d.answer) d.fail(500);
  }
  d.wait(seconds(15));
  for (int i = 0; i < 2; ++i) {
    d.ask();
    d.feed(Sent{d.send().attempt});
  }
  EXPECT_EQ(d.breaker(kNear), State::half_open);
  EXPECT_EQ(d.breaker(kFar), State::half_open);
  return d;
}

TEST(Recovery, WithNobodyElseARequestWaitsForTheTrialOfAnother) {
  Driven d = both_on_trial(checked());
  const AttemptId trial = d.last_send->attempt;
  d.ask();
  EXPECT_FALSE(d.answer) << "somebody finds out right now";
  d.wait(seconds(5));
  EXPECT_FALSE(d.last_send) << "one at a time";
  Outcome good;
  good.status = 200;
  good.usage = Usage{.in = 20, .out = 10};
  d.feed(Finished{.attempt = trial, .outcome = good});
  d.answer.reset();
  d.succeed();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 200);
}

TEST(Recovery, ARequestWaitsForATrialHalfOfItsTimeAtMost) {
  Driven d = both_on_trial(checked());
  Request request = d.request();
  request.timeout = seconds(20);
  const Instant asked = d.now;
  d.ask(request);
  while (!d.answer && d.now < asked + seconds(20)) d.wait(milliseconds(100));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 503);
  EXPECT_LE(d.now - asked, seconds(10) + milliseconds(100));
  EXPECT_GT(d.now - asked, seconds(8));
}

// Nobody knows how long they take, so a trial has ten seconds and a bit to show life.
TEST(Recovery, ATrialOfAnUnknownTargetIsSoonFollowedByAnother) {
  Driven d = both_on_trial(checked());
  d.wait(seconds(11));
  EXPECT_EQ(d.breaker(kNear), State::open);
  d.wait(seconds(5));
  d.ask();
  EXPECT_TRUE(d.last_send) << "after the first wait again, though the lost one is still out";
}

// The route's extra sends are spent by others: they come back, so this one waits for its own.
TEST(Recovery, ARequestWaitsForTheRoutesExtraSends) {
  Config config = checked();
  config.routes[0].retry.extra_sends = {.ratio = 0, .floor = 1, .window = seconds(10)};
  Driven d(config);
  d.ask();
  d.fail(504);
  d.succeed();
  ASSERT_EQ(d.answer->status, 200) << "the only extra send there is";
  d.ask();
  const Instant asked = d.now;
  d.fail(504);
  EXPECT_FALSE(d.answer);
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_GT(d.now - asked, seconds(8));
  EXPECT_LT(d.now - asked, seconds(13));
  d.succeed();
  EXPECT_EQ(d.answer->status, 200);
}

// ---- active checks ----

void answer_check(Driven& d, ProviderIndex provider, bool reachable, int status) {
  for (;;) {
    for (size_t i = 0; i < d.probes.size(); ++i) {
      const Probe probe = d.probes[i];
      d.probes.erase(d.probes.begin() + static_cast<std::ptrdiff_t>(i));
      if (probe.provider != provider) {
        d.feed(Probed{probe.probe, true, 200});
        i = static_cast<size_t>(-1);
        continue;
      }
      d.feed(Probed{probe.probe, reachable, status});
      return;
    }
    until_probe(d);
  }
}

TEST(Recovery, ThreeChecksInARowThatReachNobodyOpen) {
  Config config = checked();
  config.health_check.interval = seconds(15);
  Driven d(config);
  answer_check(d, 0, false, 0);
  answer_check(d, 0, false, 0);
  answer_check(d, 0, true, 500);  // an answer, if a bad one
  answer_check(d, 0, false, 0);
  answer_check(d, 0, false, 0);
  EXPECT_EQ(d.breaker(kNear), State::closed);
  answer_check(d, 0, false, 0);
  EXPECT_EQ(d.breaker(kNear), State::open);
  EXPECT_EQ(d.breaker(kFar), State::closed);
}

TEST(Recovery, ASoleTargetIsNotOpenedByChecks) {
  Config config = checked();
  config.health_check.interval = seconds(15);
  config.routes[0].targets.resize(1);
  config.targets[0].sole = true;
  Driven d(config);
  for (int i = 0; i < 5; ++i) answer_check(d, 0, false, 0);
  EXPECT_EQ(d.breaker(kNear), State::closed);
}

TEST(Recovery, A401OfACheckMakesTheKeySuspectNotDead) {
  Config config = checked();
  config.health_check.interval = seconds(15);
  KeyConfig second;
  second.label = "second";
  config.providers[0].keys.push_back(second);
  Driven d(config);
  answer_check(d, 0, true, 401);
  EXPECT_FALSE(d.engines().providers[0].keys.dead(0));
  for (int i = 0; i < 3; ++i) {
    d.ask();
    EXPECT_EQ(d.send().key, 1u) << "the suspect is used last";
    d.succeed();
  }
}

// ---- dead keys ----

TEST(Recovery, ADeadKeyComesBackByAFreeCallAfter1Then5Then15Minutes) {
  Driven d(checked());
  d.ask();
  d.fail(401);
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  const Instant died = d.now - milliseconds(400);
  Instant expected = died + minutes(1);
  for (Duration next : {minutes(5), minutes(15), minutes(15)}) {
    d.probes.clear();
    while (d.probes.empty() || d.probes.back().provider != 0) {
      d.probes.clear();
      until_probe(d);
    }
    EXPECT_EQ(d.now, expected);
    EXPECT_EQ(d.probes.back().key, 0u);
    d.feed(Probed{d.probes.back().probe, true, 401});
    EXPECT_TRUE(d.engines().providers[0].keys.dead(0));
    expected = d.now + next;
  }
  d.probes.clear();
  while (d.probes.empty() || d.probes.back().provider != 0) {
    d.probes.clear();
    until_probe(d);
  }
  d.feed(Probed{d.probes.back().probe, true, 403});  // restricted, but known again
  EXPECT_FALSE(d.engines().providers[0].keys.dead(0));
  EXPECT_EQ(d.told(Notice::Kind::key_back), 1u);
  d.ask();
  EXPECT_EQ(d.send().target, kNear);
}

// ---- a sole target ----

Config sole() {
  Config config = small_config();
  config.routes[0].targets.resize(1);
  config.targets[0].sole = true;
  config.breaker.jitter = 0;
  return config;
}

TEST(Sole, OneBreakerResultPerRequestAndNoConsecutiveRule) {
  Driven d(sole());
  for (int i = 0; i < 9; ++i) {
    d.ask();
    while (!d.answer) d.fail(500);
    EXPECT_EQ(d.breaker(kNear), State::closed) << "after " << i + 1;
  }
  EXPECT_GT(d.tries.size(), 15u);
  d.ask();
  while (!d.answer) d.fail(500);
  EXPECT_EQ(d.breaker(kNear), State::open) << "10 requests of 10 failed";
}

TEST(Sole, TheLastResultIsTheOneThatCounts) {
  Driven d(sole());
  for (int i = 0; i < 12; ++i) {
    d.ask();
    d.fail(500);
    d.succeed();
    d.wait(seconds(2));
  }
  EXPECT_EQ(d.breaker(kNear), State::closed);
}

TEST(Sole, ItsWaitStaysTheSame) {
  Driven d(sole());
  while (d.breaker(kNear) != State::open) {
    d.ask();
    while (!d.answer) d.fail(500);
  }
  for (int i = 0; i < 3; ++i) {
    d.wait(seconds(5));
    ASSERT_EQ(d.breaker(kNear), State::half_open);
    d.ask();
    while (!d.answer) d.fail(500);
    EXPECT_EQ(d.breaker(kNear), State::open);
    EXPECT_EQ(d.engines().targets[kNear].breaker.open_until() - d.now, seconds(5));
  }
}

TEST(Sole, AConsecutiveRuleThatIsNamedHolds) {
  Config config = sole();
  config.breaker_consecutive_named = true;
  Driven d(config);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(d.breaker(kNear), State::closed);
    d.ask();
    while (!d.answer) d.fail(500);
  }
  EXPECT_EQ(d.breaker(kNear), State::open);
}

TEST(Sole, APersistent429ReachesTheClientAs429) {
  Driven d(sole());
  d.ask();
  Outcome throttled;
  throttled.status = 429;
  throttled.code = ErrorCode::rate_limited;
  throttled.hint.after = seconds(1);
  while (!d.answer) d.finish(throttled, R"({"error":{"message":"slow"}})");
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->retry_after, seconds(1));
  EXPECT_EQ(d.answer->sends, 3) << "1 s and 1 s of 3 s of patience, then a third does not fit";
}

}  // namespace
}  // namespace keel::relay
