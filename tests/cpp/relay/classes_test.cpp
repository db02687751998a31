// What each class of failure lets a request do next, seen from outside: who is asked, and with
// which key (SEMANTICS A2).

#include "relay/driven.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar, kNearBig };

// near/near-model, far/far-model, near/near-big: two providers, the first with two models.
Config three_targets() {
  Config config = small_config();
  ModelConfig big = config.providers[0].models[0];
  big.name = "near-big";
  config.providers[0].models.push_back(big);
  config.targets.push_back({.name = "near/near-big", .provider = 0, .model = 1});
  config.routes[0].targets = {{.target = kNear}, {.target = kNearBig}, {.target = kFar}};
  return config;
}

Config with_keys(std::vector<std::string> accounts) {
  Config config = small_config();
  config.providers[0].keys.clear();
  for (const std::string& account : accounts) {
    KeyConfig key;
    key.label = "key-" + std::to_string(config.providers[0].keys.size());
    key.settings.account = account;
    config.providers[0].keys.push_back(key);
  }
  return config;
}

void reset(Driven& d) {
  Outcome outcome;
  outcome.ended = Ended::broken;
  d.finish(outcome);
}
void refuse_connection(Driven& d) {
  const AttemptId id = d.send().attempt;
  d.last_send.reset();
  Outcome outcome;
  outcome.ended = Ended::not_sent;
  d.feed(Finished{.attempt = id, .outcome = outcome});
}

TEST(Classes, FatalEndsTheRequest) {
  Driven d;
  d.ask();
  d.fail(400, "no such parameter", ErrorCode::invalid_request);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::upstream_error);
  EXPECT_EQ(d.answer->status, 400);
  EXPECT_EQ(d.answer->sends, 1);
  EXPECT_EQ(d.answer->should_retry, false);
  EXPECT_NE(d.answer->body.view().find("no such parameter"), std::string_view::npos);
}

TEST(Classes, ARedirectIsNotFollowed) {
  Driven d;
  d.ask();
  d.fail(302);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 502);
  EXPECT_EQ(d.answer->sends, 1);
}

TEST(Classes, PolicyReachesTheClient) {
  Driven d;
  d.ask();
  d.fail(400, "not that", ErrorCode::content_policy);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 400);
  EXPECT_EQ(d.answer->sends, 1);
}

TEST(Classes, PolicyFallsBackWhereTheRouteSaysSoButNotToTheSameModel) {
  Config config = three_targets();
  config.routes[0].fallback_on_content_policy = true;
  config.providers[0].models[1].name = "far-model";  // two targets serve one model
  Driven d(config);
  d.ask();
  d.fail(400, "not that", ErrorCode::content_policy);
  EXPECT_EQ(d.send().target, kNearBig);
  d.fail(400, "nor that", ErrorCode::content_policy);
  ASSERT_TRUE(d.answer) << "far serves the model that has refused";
  EXPECT_EQ(d.answer->sends, 2);
}

TEST(Classes, AFilteredAnswerIsABilledSuccess) {
  Driven d;
  d.ask();
  Outcome outcome;
  outcome.status = 200;
  outcome.content_filtered = true;
  outcome.usage = Usage{.in = 20, .out = 10};
  d.finish(outcome, "{}");
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_EQ(d.answer->status, 200);
  EXPECT_EQ(d.answer->cost, NanoUsd{40'000});
  EXPECT_EQ(d.answer->sends, 1);
}

TEST(Classes, ContextGoesOnlyToALargerOrUnknownContext) {
  for (int64_t context : {100'000, 99'999, 100'001, 0}) {
    Config config = small_config();
    config.providers[1].models[0].context_tokens = context;
    Driven d(config);
    d.ask();
    d.fail(400, "too long", ErrorCode::context_length);
    const bool larger = context == 0 || context > 100'000;
    EXPECT_EQ(d.answer.has_value(), !larger) << context;
    if (larger) {
      EXPECT_EQ(d.send().target, kFar);
    }
  }
}

TEST(Classes, ContextNeverGoesToTheSameModel) {
  Config config = small_config();
  config.providers[1].models[0].name = "near-model";
  config.providers[1].models[0].context_tokens = 0;
  Driven d(config);
  d.ask();
  d.fail(413);
  EXPECT_TRUE(d.answer);
}

TEST(Classes, ExhaustedSpendsAllKeysOfTheAccountAndNoOthers) {
  Driven d(with_keys({"team-a", "team-a", "team-b"}));
  d.ask();
  EXPECT_EQ(d.send().key, 0u);
  d.fail(429, "no credit", ErrorCode::exhausted);
  EXPECT_EQ(d.send().target, kNear);
  EXPECT_EQ(d.send().key, 2u);
  d.fail(429, "no credit", ErrorCode::exhausted);
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.told(Notice::Kind::key_benched), 2u);
  d.wait(minutes(14));
  d.ask();
  EXPECT_EQ(d.send().target, kFar) << "both accounts rest for 15 minutes";
  d.succeed();
}

TEST(Classes, ExhaustedEverywhereIsNotToBeRetried) {
  Driven d;
  d.ask();
  d.fail(429, "no credit", ErrorCode::exhausted);
  d.fail(429, "no credit", ErrorCode::exhausted);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->should_retry, false);
}

TEST(Classes, ADeadKeyGetsOneOtherKey) {
  Driven d(with_keys({"", "", ""}));
  d.ask();
  EXPECT_EQ(d.send().key, 0u);
  d.fail(401);
  EXPECT_EQ(d.send().target, kNear);
  EXPECT_EQ(d.send().key, 1u);
  d.fail(401);
  EXPECT_EQ(d.send().target, kFar) << "one other key, not all of them";
  d.succeed();
  EXPECT_TRUE(d.engines().providers[0].keys.dead(0));
  EXPECT_FALSE(d.engines().providers[0].keys.dead(2));
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed);
}

TEST(Classes, ADeniedModelIsLeftForTenMinutes) {
  for (int status : {403, 404}) {
    Driven d(three_targets());
    d.ask();
    d.fail(status);
    EXPECT_EQ(d.send().target, kNearBig) << "the key is good for its other model";
    d.succeed();
    d.wait(minutes(9));
    d.ask();
    EXPECT_NE(d.send().target, kNear);
    d.succeed();
    d.wait(minutes(2));
    d.ask();
    EXPECT_EQ(d.send().target, kNear);
  }
}

TEST(Classes, TheProvidersRefusalOfOurKeyIsNotTheClients) {
  for (int status : {401, 402, 403}) {
    Config config = small_config();
    config.routes[0].targets.resize(1);
    Driven d(config);
    d.ask();
    d.fail(status, "your key is bad");
    ASSERT_TRUE(d.answer) << status;
    EXPECT_EQ(d.answer->status, 502);
    EXPECT_EQ(d.answer->code, "upstream_refused");
    EXPECT_TRUE(d.answer->body.empty());
    EXPECT_NE(d.answer->trace->explain().find("your key is bad"), std::string::npos);
  }
}

TEST(Classes, ShouldRetryFalseStopsThisTargetOnly) {
  Driven d;
  d.ask();
  Outcome outcome;
  outcome.status = 500;
  outcome.hint.should_retry = false;
  d.finish(outcome);
  EXPECT_EQ(d.send().target, kFar);
  d.finish(outcome);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->sends, 2);
}

TEST(Classes, SideEffectsAreRepeatedOnlyWhereSurelyUnbilled) {
  const std::string body = R"({"model":"main","store":true,"max_tokens":100,)"
                           R"("messages":[{"role":"user","content":"x"}]})";
  ASSERT_TRUE(Driven::with_body(body).facts.side_effects);
  {
    Driven d;
    d.ask(Driven::with_body(body));
    d.fail(500);  // a complete error reply: not billed
    EXPECT_EQ(d.send().target, kNear);
    reset(d);  // may have been billed
    ASSERT_TRUE(d.answer);
    EXPECT_EQ(d.answer->sends, 2);
    EXPECT_EQ(d.answer->status, 502);
  }
  for (int status : {502, 504, 408}) {
    Driven d;
    d.ask(Driven::with_body(body));
    d.fail(status);
    EXPECT_TRUE(d.answer) << status;
  }
  Driven d;
  d.ask(Driven::with_body(body));
  refuse_connection(d);
  EXPECT_EQ(d.send().target, kFar);
}

TEST(Classes, ASilentTargetIsNotAskedAgain) {
  Config config = small_config();
  config.routes[0].timeout = seconds(100);
  Driven d(config);
  d.ask();
  d.feed(Sent{d.send().attempt});
  d.last_send.reset();
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, Instant{} + seconds(50)) << "half of what is left, as another is eligible";
  d.fail(504);  // as silence
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 504);
  EXPECT_EQ(d.answer->sends, 2);
}

TEST(Classes, UnsupportedIsNeutralForTheBreakerAndOverForTheRequest) {
  Driven d;
  for (int i = 0; i < 7; ++i) {
    d.ask();
    EXPECT_EQ(d.send().target, kNear);
    d.fail(501);
    EXPECT_EQ(d.send().target, kFar);
    d.succeed();
    d.wait(seconds(10));
  }
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed);
}

TEST(Classes, LeavingWhatIsUnsupportedIsNoExtraLoad) {
  Config config = small_config();
  config.routes[0].retry.extra_sends = {.ratio = 0, .floor = 0, .window = seconds(10)};
  Driven d(config);
  d.ask();
  d.fail(501);
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_TRUE(d.answer->trace->attempts[1].free);
  EXPECT_FALSE(d.answer->trace->attempts[0].free) << "no extra load at all";
}

TEST(Classes, OverloadGoesToAnotherProvider) {
  Driven d(three_targets());
  d.ask();
  d.fail(529);
  EXPECT_EQ(d.send().target, kFar);
}

TEST(Classes, OverloadOnAOneProviderRouteGoesToAnotherModel) {
  Config config = three_targets();
  config.routes[0].targets.resize(2);
  Driven d(config);
  d.ask();
  d.fail(529);
  EXPECT_EQ(d.send().target, kNearBig);
  d.fail(529);
  EXPECT_TRUE(d.answer);
}

TEST(Classes, AThrottledKeyGivesWayToAnotherAndIsNoBreakerFailure) {
  Driven d(with_keys({"", ""}));
  for (int i = 0; i < 8; ++i) {
    d.ask();
    const KeyIndex first = *d.send().key;
    Outcome outcome;
    outcome.status = 429;
    outcome.code = ErrorCode::rate_limited;
    outcome.hint.after = seconds(5);
    d.finish(outcome);
    EXPECT_EQ(d.send().target, kNear);
    EXPECT_NE(d.send().key, first);
    d.succeed();
    d.wait(seconds(20));  // a delay that proves too short again and again counts for more
  }
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::closed);
}

TEST(Classes, AThrottledTargetWhoseBreakerOpensIsNotWaitedFor) {
  Config config = small_config();
  config.breaker.consecutive = 1;
  Driven d(config);
  d.ask();
  Outcome outcome;
  outcome.status = 503;
  outcome.hint.after = seconds(2);  // within patience
  d.finish(outcome);
  EXPECT_EQ(d.breaker(kNear), engine::Breaker::State::open);
  const Instant failed = d.now;
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, failed);
}

TEST(Classes, NothingSentIsATryAndNoSend) {
  Driven d;
  d.ask();
  refuse_connection(d);
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.tries[1].at, d.tries[0].at);
  d.succeed();
  EXPECT_EQ(d.answer->sends, 1);
  EXPECT_EQ(d.answer->tries, 2);
}

TEST(Classes, TriesEndAtTwiceTheSends) {
  Driven d;
  d.ask();
  while (!d.answer) {
    refuse_connection(d);
    if (!d.answer) d.send();
  }
  EXPECT_EQ(d.answer->sends, 0);
  EXPECT_EQ(d.answer->tries, 8);
  EXPECT_EQ(d.spent(), NanoUsd{0});
}

TEST(Classes, SendsEndAtMaxAttempts) {
  Driven d;
  d.ask();
  while (!d.answer) d.fail(500);
  EXPECT_EQ(d.answer->sends, 4);
  EXPECT_EQ(d.answer->status, 500);
  EXPECT_EQ(d.answer->should_retry, false);
  const std::vector<TargetIndex> order = {d.tries[0].target, d.tries[1].target, d.tries[2].target,
                                          d.tries[3].target};
  EXPECT_EQ(order, (std::vector<TargetIndex>{kNear, kNear, kFar, kFar}));
  EXPECT_EQ(d.tries[2].at, d.tries[1].at + milliseconds(400)) << "another target costs no wait";
}

}  // namespace
}  // namespace keel::relay
