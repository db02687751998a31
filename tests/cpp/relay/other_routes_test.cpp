// Going on elsewhere: models the request itself names, and the route its route names.

#include "relay/driven.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

constexpr TargetIndex kNear = 0;
constexpr TargetIndex kFar = 1;

// Two routes of one target each.
Config two_routes() {
  Config config = small_config();
  config.routes.push_back(config.routes[0]);
  config.routes[0].targets = {{.target = kNear}};
  config.routes[1].name = "spare";
  config.routes[1].targets = {{.target = kFar}};
  return config;
}

Request naming(const std::string& members) {
  return Driven::with_body(R"({"model":"main","max_tokens":100,)" + members +
                           R"(,"messages":[{"role":"user","content":"hello"}]})");
}

Outcome unavailable() {
  Outcome out;
  out.status = 503;
  return out;
}

TEST(OtherRoutes, AModelTheRequestNamesIsAskedOnceItsOwnFailedTwice) {
  for (const char* members : {R"("fallbacks":["spare"])", R"("models":["main","spare"])"}) {
    Driven d(two_routes());
    d.ask(naming(members));
    d.finish(unavailable());
    EXPECT_EQ(d.send().target, kNear) << "once more";
    d.finish(unavailable());
    EXPECT_EQ(d.send().target, kFar) << members;
    EXPECT_EQ(d.last_send->body.flatten().find("spare"), std::string::npos);
    d.succeed();
    EXPECT_EQ(d.answer->kind, AnswerKind::ok);
    EXPECT_EQ(d.answer->sends, 3);
    EXPECT_EQ(d.answer->trace->route, "spare");
  }
}

TEST(OtherRoutes, NobodyWaitsWhereTheRequestNamesAnother) {
  Config config = two_routes();
  config.providers[0].limits.concurrency = 1;
  Driven d(config);
  d.ask("main", "", "busy");
  const Instant before = d.now;
  d.ask(naming(R"("fallbacks":["spare"])"));
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_EQ(d.now, before);
}

TEST(OtherRoutes, TheyAreAskedInOrderAndOnlyOnce) {
  Config config = two_routes();
  config.routes.push_back(config.routes[0]);
  config.routes[2].name = "third";
  config.routes[2].targets = {{.target = kNear}};
  config.routes[0].retry.max_attempts = 8;
  Driven d(config);
  d.ask(naming(R"("fallbacks":["spare","third"])"));
  std::vector<TargetIndex> asked;
  while (!d.answer) {
    asked.push_back(d.send().target);
    d.finish(unavailable());
  }
  EXPECT_EQ(d.answer->status, 503);
  EXPECT_EQ(std::vector<TargetIndex>(asked.begin(), asked.begin() + 4),
            (std::vector<TargetIndex>{kNear, kNear, kFar, kFar}));
}

TEST(OtherRoutes, WhatNoRetryCanHelpGoesNowhere) {
  Driven d(two_routes());
  d.ask(naming(R"("fallbacks":["spare"])"));
  Outcome refused;
  refused.status = 400;
  d.finish(refused);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 400);
  EXPECT_EQ(d.answer->sends, 1);
}

TEST(OtherRoutes, ANameNobodyKnowsIsRefusedBeforeAnythingIsSent) {
  Driven d(two_routes());
  d.ask(naming(R"("fallbacks":["spare","spar"])"));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::unknown_model);
  EXPECT_NE(d.answer->message.find("\"spar\""), std::string::npos) << d.answer->message;
  EXPECT_TRUE(d.tries.empty());
}

TEST(OtherRoutes, TheRouteNamedForExhaustionIsAskedWhenTheTargetsFailToo) {
  Config config = two_routes();
  config.routes[0].on_exhausted = OnExhausted::other_route;
  config.routes[0].exhausted_route = 1;
  Driven d(config);
  d.ask();
  d.finish(unavailable());
  d.send();
  d.finish(unavailable());
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
}

TEST(OtherRoutes, TheLastSendIsKeptForThem) {
  Config config = two_routes();
  config.routes[0].retry.max_attempts = 2;
  Driven d(config);
  d.ask(naming(R"("fallbacks":["spare"])"));
  Outcome throttled;
  throttled.status = 429;
  throttled.hint.after = milliseconds(100);
  d.finish(throttled);
  EXPECT_EQ(d.send().target, kFar);
}

}  // namespace
}  // namespace keel::relay
