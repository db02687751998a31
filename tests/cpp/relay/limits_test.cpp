// Who may send now (SEMANTICS A7) and what the cache does about it (A9): every ancestor must agree,
// a refusal touches nothing, and what is not used is given back.

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar };
enum : AccountIndex { kRelay, kRetail, kShop };

// relay <- retail <- shop; retail may send two at once.
Config tree() {
  Config config = small_config();
  config.accounts[1].name = "retail";
  config.accounts[1].limits = {.requests_per_minute = 6};
  AccountConfig shop{.name = "shop"};
  shop.parent = kRetail;
  shop.limits = {.requests_per_minute = 600, .tokens_per_minute = 10'000, .concurrency = 5};
  config.accounts.push_back(shop);
  config.accounts[0].limits = {.requests_per_minute = 600, .tokens_per_minute = 100'000};
  return config;
}

double requests_left(const Driven& d, AccountIndex account) {
  return d.engines().accounts[account].limits.requests->share_left(d.now);
}
double tokens_left(const Driven& d, AccountIndex account) {
  return d.engines().accounts[account].limits.tokens->share_left(d.now);
}
int64_t in_flight(const Driven& d, AccountIndex account) {
  return d.engines().accounts[account].limits.concurrency->in_flight(d.now);
}

TEST(Limits, EveryAncestorMustAgreeAndARefusalTouchesNothing) {
  Driven d(tree());
  for (int i = 0; i < 2; ++i) {
    d.ask("main", "shop");
    d.succeed({.in = 20, .out = 10}, Duration::zero());
  }
  const double relay = requests_left(d, kRelay), shop = requests_left(d, kShop);
  const double relay_tokens = tokens_left(d, kRelay), shop_tokens = tokens_left(d, kShop);
  EXPECT_LT(relay, 1.0) << "charged too";
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::rate_limited);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_NE(d.answer->message.find("account \"retail\""), std::string::npos);
  EXPECT_EQ(d.answer->retry_after, seconds(10));
  EXPECT_EQ(requests_left(d, kRelay), relay);
  EXPECT_EQ(requests_left(d, kShop), shop);
  EXPECT_EQ(tokens_left(d, kRelay), relay_tokens);
  EXPECT_EQ(tokens_left(d, kShop), shop_tokens);
  EXPECT_EQ(in_flight(d, kShop), 0);
  d.wait(seconds(10));
  d.ask("main", "shop");
  EXPECT_TRUE(d.last_send);
}

TEST(Limits, AFrozenAncestorRefuses) {
  Config config = tree();
  config.accounts[kRetail].enabled = false;
  Driven d(config);
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 403);
  EXPECT_NE(d.answer->message.find("retail"), std::string::npos);
  d.ask("main");
  EXPECT_TRUE(d.last_send) << "the relay's own requests go on";
}

TEST(Limits, UnknownTenants) {
  Driven d(tree());
  for (const char* name : {"nobody", "relay"}) {
    d.ask("main", name);
    ASSERT_TRUE(d.answer);
    EXPECT_EQ(d.answer->status, 401) << name;
  }
}

TEST(Limits, WhatNeverFitsIsTooLarge) {
  Config config = tree();
  config.accounts[kShop].limits.tokens_per_minute = 50;  // 100 output tokens are asked for
  Driven d(config);
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 413);
  EXPECT_FALSE(d.answer->retry_after);
}

TEST(Limits, ARequestRefusedLaterReturnsWhatAdmitTook) {
  Config config = tree();
  config.accounts[0].budget->limit = {5};
  Driven d(config);
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
  for (AccountIndex account : {kRelay, kRetail, kShop}) EXPECT_EQ(requests_left(d, account), 1.0);
  EXPECT_EQ(tokens_left(d, kShop), 1.0);
  EXPECT_EQ(in_flight(d, kShop), 0);
}

TEST(Limits, NothingSentReturnsAllAndASendSettlesItsTokens) {
  Config config = tree();
  config.providers[0].limits = {
      .requests_per_minute = 60, .tokens_per_minute = 1'000, .concurrency = 1};
  config.routes[0].targets.resize(1);
  Driven d(config);
  d.ask("main", "shop");
  EXPECT_EQ(in_flight(d, kShop), 1);
  d.cancel();
  EXPECT_EQ(requests_left(d, kShop), 1.0);
  EXPECT_EQ(tokens_left(d, kShop), 1.0);
  const LimitSet& near = d.engines().providers[0].limits;
  EXPECT_EQ(near.requests->share_left(d.now), 1.0);
  EXPECT_EQ(near.tokens->share_left(d.now), 1.0);

  d.ask("main", "shop");
  d.succeed({.in = 60, .out = 40}, Duration::zero());
  EXPECT_NEAR(tokens_left(d, kShop), 1.0 - 100.0 / 10'001, 1e-9);
  EXPECT_NEAR(near.tokens->share_left(d.now), 1.0 - 100.0 / 1'001, 1e-9);
  EXPECT_LT(requests_left(d, kShop), 1.0);
}

TEST(Limits, AFullProviderIsPassedOver) {
  Config config = tree();
  config.providers[0].limits.concurrency = 1;
  Driven d(config);
  d.ask();
  EXPECT_EQ(d.send().target, kNear);
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
}

TEST(Limits, AKeyThatMayNotUseAModelIsNoThrottling) {
  Config config = tree();
  config.routes[0].targets.resize(1);
  Driven d(config);
  d.ask();
  d.fail(404, "no such model", ErrorCode::not_found);
  EXPECT_EQ(d.answer->status, 404);
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
  EXPECT_EQ(d.answer->status, 503);
  EXPECT_EQ(d.answer->code, "no_target_available");
}

TEST(Limits, OnExhaustedWaitAndRejectAnd429) {
  Config config = tree();
  config.routes[0].targets.resize(1);
  config.routes[0].patience = Duration::zero();
  config.providers[0].limits.requests_per_minute = 6;  // two at once, then one in ten seconds
  Driven d(config);
  for (int i = 0; i < 2; ++i) {
    d.ask();
    d.succeed({.in = 20, .out = 10}, Duration::zero());
  }
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->retry_after, seconds(10));
  EXPECT_FALSE(d.answer->should_retry);

  config.routes[0].on_exhausted = OnExhausted::wait;
  config.routes[0].exhausted_wait = seconds(10);
  Driven patient(config);
  for (int i = 0; i < 2; ++i) {
    patient.ask();
    patient.succeed({.in = 20, .out = 10}, Duration::zero());
  }
  patient.ask();
  EXPECT_FALSE(patient.answer);
  patient.send();
  EXPECT_GE(patient.now, Instant{} + seconds(10));
  EXPECT_LE(patient.now, Instant{} + seconds(11));
}

TEST(Limits, ADelayBeyondAMinuteSaysNotToRetry) {
  Config config = tree();
  config.routes[0].targets.resize(1);
  Driven d(config);
  d.ask();
  d.fail(429, "no credit", ErrorCode::exhausted);
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
  EXPECT_GT(d.answer->retry_after, minutes(14));
  EXPECT_EQ(d.answer->should_retry, false);
}

// ---- cache ----

Config caching() {
  Config config = tree();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always, .jitter = 0};
  return config;
}
PolicySet keeping(size_t routes = 1, Duration ttl = seconds(60)) {
  PolicySet set(routes);
  set[0].ttl = std::make_unique<FakeTtl>(ttl.ns);
  return set;
}

TEST(Caching, AHitKeepsItsRequestAndReturnsItsTokens) {
  Driven d(caching(), keeping());
  d.ask("main", "shop");
  d.succeed({.in = 20, .out = 10}, Duration::zero());
  const double requests = requests_left(d, kShop), tokens = tokens_left(d, kShop);
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_TRUE(d.answer->cached);
  EXPECT_EQ(d.answer->sends, 0);
  EXPECT_EQ(d.answer->cost, NanoUsd{0});
  EXPECT_LT(requests_left(d, kShop), requests);
  EXPECT_EQ(tokens_left(d, kShop), tokens);
  EXPECT_EQ(in_flight(d, kShop), 0);
}

TEST(Caching, NeverPastItsTimeNorOlderThanAskedFor) {
  Driven d(caching(), keeping());
  d.ask();
  d.succeed({.in = 20, .out = 10}, Duration::zero());
  d.wait(seconds(30));
  Request request = d.request();
  request.max_age = seconds(29);
  d.ask(request);
  EXPECT_TRUE(d.last_send);
  d.cancel();
  request.max_age = seconds(30);
  d.ask(request);
  EXPECT_EQ(d.answer->age, seconds(30));
  d.wait(seconds(30) - nanoseconds(1));
  d.ask();
  EXPECT_TRUE(d.answer);
  d.wait(nanoseconds(1));
  d.ask();
  EXPECT_FALSE(d.answer);
}

TEST(Caching, TenantsDoNotShare) {
  Driven d(caching(), keeping());
  d.ask("main", "shop");
  d.succeed();
  d.ask("main", "retail");
  EXPECT_FALSE(d.answer);
}

TEST(Caching, NamespacesDoNotShare) {
  Driven d(caching(), keeping());
  Request request = d.request();
  request.cache_namespace = "spring";
  d.ask(request);
  d.succeed();
  d.ask(request);
  ASSERT_TRUE(d.answer);
  EXPECT_TRUE(d.answer->cached);
  for (const char* other : {"", "autumn", "sprin"}) {
    request.cache_namespace = other;
    d.ask(request);
    EXPECT_FALSE(d.answer) << other;
    d.cancel();
  }
}

TEST(Caching, WhoAsksForOneModelIsNotGivenAnothersAnswer) {
  Config config = caching();
  config.default_route = 0;
  Driven d(config, keeping());
  d.ask("near-model");
  d.succeed();
  EXPECT_EQ(d.answer->target, kNear);
  d.ask("far-model");
  ASSERT_FALSE(d.answer);
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  d.ask("near/near-model");
  ASSERT_TRUE(d.answer) << "the same target by its other name";
  EXPECT_TRUE(d.answer->cached);
  EXPECT_EQ(d.answer->target, kNear);
}

TEST(Caching, NoDowngradeIsNotAnsweredByAStandIn) {
  Config config = caching();
  config.routes[0].targets[1].downgrade_only = true;
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  PolicySet set = keeping();
  set[0].cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
  Driven d(config, std::move(set));
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  Request request = d.request();
  request.no_downgrade = true;
  d.ask(request);
  ASSERT_FALSE(d.answer);
  EXPECT_EQ(d.send().target, kNear);
}

TEST(Caching, OnlyWholeAnswersAreKept) {
  Outcome filtered, unknown_usage, error;
  filtered.status = unknown_usage.status = 200;
  filtered.content_filtered = true;
  filtered.usage = Usage{.in = 1, .out = 1};
  error.status = 400;
  error.code = ErrorCode::invalid_request;
  for (const Outcome& outcome : {filtered, unknown_usage, error}) {
    Driven d(caching(), keeping());
    d.ask();
    d.finish(outcome, "{}");
    ASSERT_TRUE(d.answer);
    d.ask();
    EXPECT_FALSE(d.answer);
  }
}

TEST(Caching, AClampedAnswerIsNotKept) {
  Config config = caching();
  config.routes[0].targets.resize(1);
  Request request = Driven::with_body(
      R"({"model":"main","max_tokens":1000,"messages":[{"role":"user","content":"hello"}]})");
  config.accounts[0].budget->limit =
      worst_case(request.facts.input_tokens_bound, 500, *config.providers[0].models[0].price);
  Driven d(config, keeping());
  d.ask(request);
  d.succeed({.in = 0, .out = 0});
  ASSERT_TRUE(d.answer->clamped);
  d.ask(request);
  EXPECT_FALSE(d.answer);
}

TEST(Caching, ARouteThatCachesMayGoOnToOneThatDoesNot) {
  Config config = caching();
  config.routes[0].targets.resize(1);
  config.routes[0].patience = Duration::zero();
  config.routes[0].on_exhausted = OnExhausted::other_route;
  config.routes[0].exhausted_route = 1;
  config.routes.push_back(config.routes[0]);
  config.routes[1].name = "other";
  config.routes[1].targets = {{.target = kFar}};
  config.routes[1].on_exhausted = OnExhausted::reject;
  config.routes[1].cache.reset();
  config.providers[0].limits.concurrency = 1;
  Driven d(config, keeping(2));
  d.ask("main", "", "busy");
  d.ask("main");
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  d.ask("main");
  EXPECT_FALSE(d.answer) << "that route keeps nothing";
}

}  // namespace
}  // namespace keel::relay
