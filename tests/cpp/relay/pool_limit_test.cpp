// What a provider's pool bears (SEMANTICS A2, THROTTLED_POOL): it says that it is too much, and
// fewer are sent there at once, with no other key, until it has shown that it bears more.

#include "relay/driven.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar };

// Two keys for near, patience for nobody.
Config two_keys(size_t targets = 2) {
  Config config = small_config();
  KeyConfig second;
  second.secret = Secret(std::string(kCanary) + "second");
  second.label = "label-second";
  config.providers[kNear].keys.push_back(second);
  config.routes[0].targets.resize(targets);
  config.routes[0].patience = Duration::zero();
  return config;
}
void slow_down(Driven& d, AttemptId attempt, std::optional<Duration> after = {}) {
  Outcome outcome;
  outcome.status = 429;
  outcome.code = ErrorCode::slow_down;
  outcome.hint.after = after;
  d.feed(Sent{attempt});
  d.feed(Finished{.attempt = attempt, .outcome = std::move(outcome)});
}
void answer(Driven& d, AttemptId attempt) {
  Outcome outcome;
  outcome.status = 200;
  outcome.usage = Usage{.in = 20, .out = 10};
  d.feed(Sent{attempt});
  d.feed(Finished{.attempt = attempt, .outcome = std::move(outcome), .reply = Body::take("{}")});
}
// Asks until somebody other than near is sent to; the attempts at near.
std::vector<AttemptId> fill(Driven& d, size_t most = 100) {
  std::vector<AttemptId> out;
  while (out.size() < most) {
    d.ask();
    if (!d.last_send || d.last_send->target != kNear) {
      d.cancel();
      break;
    }
    out.push_back(d.last_send->attempt);
  }
  return out;
}
std::optional<int64_t> limit(const Driven& d) {
  return d.engines().targets[kNear].pool->limit();
}

TEST(PoolLimit, FewerAtOnceWithNoOtherKeyAndTheRestGoElsewhere) {
  Driven d(two_keys());
  const std::vector<AttemptId> asked = fill(d, 10);
  slow_down(d, asked[0]);
  EXPECT_EQ(limit(d), 7);
  EXPECT_EQ(d.tries.back().target, kFar) << "not with the other key";
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed);
  d.ask();
  EXPECT_EQ(d.last_send->target, kFar) << "nine are in flight at near";
  for (size_t i = 1; i < asked.size(); ++i) slow_down(d, asked[i]);
  EXPECT_EQ(limit(d), 7) << "they were under way together";
  EXPECT_EQ(fill(d).size(), 7u);
}

TEST(PoolLimit, OneMoreForEachWindowThatGoesWell) {
  Driven d(two_keys());
  slow_down(d, fill(d, 3)[0]);
  ASSERT_EQ(limit(d), 2);
  std::vector<AttemptId> asked;
  for (const auto& [call, attempts] : d.asked)
    if (call > 1) asked.insert(asked.end(), attempts.begin(), attempts.end());
  for (AttemptId attempt : asked) answer(d, attempt);
  EXPECT_EQ(limit(d), 2) << "those were sent before";
  for (int64_t wide = 2; wide < 6; ++wide) {
    EXPECT_EQ(limit(d), wide);
    const std::vector<AttemptId> window = fill(d);
    ASSERT_EQ(window.size(), static_cast<size_t>(wide));
    for (AttemptId attempt : window) answer(d, attempt);
  }
}

TEST(PoolLimit, ASoleTargetIsWaitedForAndTheLastRefusalReachesTheClient) {
  Config config = two_keys(1);
  config.targets[kNear].sole = true;
  config.routes[0].patience = seconds(3);
  Driven d(config);
  d.ask();
  for (int i = 0; i < 3; ++i) {
    const AttemptId attempt = d.send().attempt;
    d.last_send.reset();
    slow_down(d, attempt, milliseconds(100));
    EXPECT_EQ(limit(d), 1);
    EXPECT_FALSE(d.answer);
  }
  slow_down(d, d.send().attempt, milliseconds(100));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->sends, 4);
}

TEST(PoolLimit, WithNobodyElseItSaysWhyAndWhenToAskAgain) {
  Driven d(two_keys(1));
  d.ask();
  slow_down(d, d.send().attempt);
  ASSERT_TRUE(d.answer);
  d.ask();
  ASSERT_TRUE(d.last_send) << "one at a time is always allowed";
  Request request = d.request();
  request.timeout = seconds(10);
  d.ask(request);
  EXPECT_FALSE(d.answer) << "it may be let in once the other is answered";
  d.wait(seconds(6));
  ASSERT_TRUE(d.answer) << "half of its time at most";
  EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->retry_after, seconds(1));
  EXPECT_NE(d.answer->message.find("near/near-model: as many in flight as the provider bears"),
            std::string::npos)
      << d.answer->message;
}

TEST(PoolLimit, TheOtherModelOfTheProviderIsNotSlowed) {
  Config config = two_keys();
  config.providers[kNear].models.push_back(config.providers[kNear].models[0]);
  config.providers[kNear].models[1].name = "other";
  config.targets[1] = {.name = "near/other", .provider = kNear, .model = 1};
  Driven d(config);
  slow_down(d, fill(d, 1)[0]);
  EXPECT_EQ(limit(d), 1);
  EXPECT_FALSE(d.engines().targets[1].pool->limit());
  EXPECT_EQ(d.last_send->target, 1u);
}

TEST(PoolLimit, IsInTheMetricsOnceThereIsOne) {
  Driven d(two_keys());
  const std::string sample = "keel_concurrency_limit{provider=\"near\",model=\"near-model\"} ";
  EXPECT_EQ(d.metrics().find(sample), std::string::npos);
  slow_down(d, fill(d, 3)[0]);
  EXPECT_NE(d.metrics().find(sample + "2\n"), std::string::npos) << d.metrics();
  EXPECT_NE(d.metrics().find("keel_provider_up{provider=\"near\"} 1\n"), std::string::npos);
}

TEST(PoolLimit, OutlivesAReloadAndCountsWhoIsStillInFlightThere) {
  Driven before(two_keys());
  const std::vector<AttemptId> asked = fill(before, 5);
  slow_down(before, asked[0]);
  ASSERT_EQ(limit(before), 3);
  Driven after(two_keys());
  after.follow(before);
  EXPECT_EQ(limit(after), 3);
  EXPECT_TRUE(fill(after).empty()) << "four are in flight still";
  for (int i : {1, 2, 3}) answer(before, asked[i]);
  EXPECT_EQ(fill(after).size(), 2u);
}

TEST(PoolLimit, EverythingIsGivenBack) {
  Driven d(two_keys());
  const std::vector<AttemptId> asked = fill(d, 10);
  for (size_t i = 0; i < asked.size(); i += 2) slow_down(d, asked[i]);
  for (CallId call = 1; call <= d.last_call(); ++call) d.feed(Cancel{call});
  EXPECT_TRUE(d.at_rest());
}

}  // namespace
}  // namespace keel::relay
