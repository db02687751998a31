#include "relay/relay.hpp"
#include "server/endpoints.hpp"
#include "server/error_body.hpp"
#include "server/health.hpp"
#include "server/models.hpp"
#include "server/reply_head.hpp"
#include "server/scene.hpp"

namespace keel::server {
namespace {

relay::Answer failed(relay::AnswerKind kind, int status, const char* code, const char* message) {
  relay::Answer answer;
  answer.kind = kind;
  answer.status = status;
  answer.code = code;
  answer.message = message;
  return answer;
}

TEST(ErrorBody, OursHaveOurCodes) {
  EXPECT_EQ(
      error_body(failed(relay::AnswerKind::rate_limited, 429, "rate_limited", "too \"many\"")),
      R"({"error":{"message":"too \"many\"","type":"rate_limit_error","param":null,)"
      R"("code":"rate_limited"}})");
}

TEST(ErrorBody, AProvidersErrorKeepsItsBytes) {
  relay::Answer answer = failed(relay::AnswerKind::upstream_error, 500, "server_error", "down");
  const std::string theirs = R"({ "error": {"message":"down","type":"server_error"} , "x": 1e2 })";
  answer.body = Body::copy_of(theirs);
  EXPECT_EQ(error_body(answer), theirs);
}

TEST(ErrorBody, WhatNoClientCouldReadIsSaidAnew) {
  for (const char* theirs :
       {"<html>", "", "[]", R"({"detail":"x"})", R"({"error":null})", R"({"error":{)"}) {
    relay::Answer answer = failed(relay::AnswerKind::upstream_error, 502, "upstream_error", "p/m");
    answer.body = Body::copy_of(theirs);
    EXPECT_EQ(error_body(answer), R"({"error":{"message":"p/m","type":"server_error","param":null,)"
                                  R"("code":"upstream_error"}})")
        << theirs;
  }
}

TEST(ErrorBody, AnEventInAStream) {
  EXPECT_EQ(error_event(failed(relay::AnswerKind::stream_interrupted, 502, "", "p/m was cut")),
            "data: {\"error\":{\"message\":\"p/m was cut\",\"type\":\"server_error\","
            "\"param\":null,\"code\":\"stream_interrupted\"}}\n\n");
}

TEST(ReplyHead, DelaysAreWholeSecondsRoundedUp) {
  EXPECT_EQ(retry_after_text(Duration::zero()), "0");
  EXPECT_EQ(retry_after_text(milliseconds(1)), "1");
  EXPECT_EQ(retry_after_text(seconds(2)), "2");
  EXPECT_EQ(retry_after_text(milliseconds(2001)), "3");
}

TEST(ReplyHead, SaysWhoAnsweredAndAtWhatCost) {
  const relay::Config config = config_of(kOneTarget);
  auto trace = std::make_shared<relay::Trace>();
  trace->cache = "hit";
  relay::Answer answer;
  answer.from_target = true;
  answer.sends = 2;
  answer.cost = NanoUsd{1'500'000};
  answer.cached = true;
  answer.age = milliseconds(3999);
  answer.clamped = 256;
  answer.downgraded = "a->b (budget)";
  answer.should_retry = false;
  answer.retry_after = milliseconds(1500);
  answer.fields = {{"x-keel-upstream-request-id", "up-1"}};
  answer.trace = trace;
  http::Fields fields;
  add_answer_fields(config, answer, microseconds(250), fields);
  EXPECT_EQ(field(fields, "x-keel-target"), "p/m");
  EXPECT_EQ(field(fields, "x-keel-attempts"), "2");
  EXPECT_EQ(field(fields, "x-keel-cache"), "hit");
  EXPECT_EQ(field(fields, "age"), "3");
  EXPECT_EQ(field(fields, "x-keel-cost-usd"), "0.0015");
  EXPECT_EQ(field(fields, "x-keel-clamped"), "256");
  EXPECT_EQ(field(fields, "x-keel-downgraded"), "a->b (budget)");
  EXPECT_EQ(field(fields, "x-keel-overhead-ms"), "0.250");
  EXPECT_EQ(field(fields, "retry-after"), "2");
  EXPECT_EQ(field(fields, "x-should-retry"), "false");
  EXPECT_EQ(field(fields, "x-keel-upstream-request-id"), "up-1");
}

TEST(ReplyHead, OverheadIsWhatNoAttemptTook) {
  relay::Trace trace;
  const Instant came{seconds(10).ns};
  EXPECT_EQ(overhead_of(trace, came, came + milliseconds(3)), milliseconds(3));
  trace.attempts.resize(2);
  trace.attempts[0].started = came + milliseconds(1);
  trace.attempts[0].ended = came + milliseconds(100);
  trace.attempts[1].started = came + milliseconds(500);
  trace.attempts[1].ended = came + milliseconds(900);
  EXPECT_EQ(overhead_of(trace, came, came + milliseconds(902)), milliseconds(3));
}

TEST(ReplyHead, WaitingForAnEqualRequestIsNoOverheadAndItsAnswerHasNoAge) {
  auto trace = std::make_shared<relay::Trace>();
  trace->cache = "joined";
  trace->waited = seconds(4);
  const Instant came{seconds(10).ns};
  EXPECT_EQ(overhead_of(*trace, came, came + milliseconds(4003)), milliseconds(3));
  trace->attempts.resize(1);
  trace->attempts[0].started = came + milliseconds(4001);
  trace->attempts[0].ended = came + seconds(9);
  EXPECT_EQ(overhead_of(*trace, came, came + milliseconds(9001)), milliseconds(2));
  relay::Answer answer;
  answer.from_target = answer.cached = true;
  answer.trace = trace;
  http::Fields fields;
  add_answer_fields(config_of(kOneTarget), answer, Duration::zero(), fields);
  EXPECT_EQ(field(fields, "x-keel-cache"), "joined");
  EXPECT_EQ(field(fields, "x-keel-cost-usd"), "0");
  EXPECT_EQ(field(fields, "age"), "(none)");
}

TEST(ReplyHead, OurLimitsStandForTheProviders) {
  auto config = std::make_shared<relay::Config>(config_of(kOneTarget));
  config->accounts[0].limits.requests_per_minute = 60;
  const Instant now{seconds(1000).ns};
  relay::Relay relay(config, relay::PolicySet(config->routes.size()), 1, now);
  http::Fields fields{{"x-ratelimit-limit-requests", "9"}, {"x-ratelimit-limit-tokens", "7"}};
  add_limits(relay.engines(), "", now, fields);
  EXPECT_EQ(field(fields, "x-ratelimit-limit-requests"), "60");
  EXPECT_EQ(field(fields, "x-ratelimit-remaining-requests"), "11");  // ten seconds' burst and one
  EXPECT_EQ(field(fields, "x-ratelimit-reset-requests"), "0ms");
  EXPECT_EQ(field(fields, "x-ratelimit-limit-tokens"), "7");
}

TEST(Endpoints, OnlyWhatIsInTheTable) {
  EXPECT_EQ(find_endpoint("POST", "/v1/chat/completions").endpoint->what, What::chat);
  EXPECT_EQ(find_endpoint("HEAD", "/health").endpoint->what, What::health);
  EXPECT_EQ(find_endpoint("GET", "/v1/chat/completions").endpoint, nullptr);
  EXPECT_EQ(find_endpoint("GET", "/v1/chat/completions").allow, "POST");
  EXPECT_EQ(find_endpoint("POST", "/health").allow, "GET, HEAD");
  for (const char* path : {"/", "/v1", "/v1/chat/completions/", "/v1//models", "/V1/models",
                           "/v1/proxy/x", "/metrics/", "*"}) {
    const Found found = find_endpoint("GET", path);
    EXPECT_TRUE(!found.endpoint && found.allow.empty()) << path;
  }
}

TEST(Endpoints, EverythingUnderV1NeedsAKey) {
  for (const Endpoint& endpoint : endpoints()) {
    EXPECT_TRUE(endpoint.access == Access::tenant || !endpoint.path.starts_with("/v1"));
    EXPECT_EQ(find_endpoint(endpoint.method, endpoint.path).endpoint, &endpoint);
  }
}

TEST(Health, TheArticlesBody) {
  EXPECT_EQ(health(milliseconds(1500)).body, R"({"status":"healthy","uptime":1.500})");
}

TEST(Health, ReadyWhileATargetIsAvailable) {
  auto config = std::make_shared<const relay::Config>(config_of(kOneTarget));
  const Instant now{seconds(1000).ns};
  relay::Relay relay(config, relay::PolicySet(config->routes.size()), 1, now);
  EXPECT_EQ(readiness(relay.engines(), false, now).status, 200);
  const http::Reply draining = readiness(relay.engines(), true, now);
  EXPECT_EQ(draining.status, 503);
  EXPECT_NE(draining.body.find("draining"), std::string::npos);
}

TEST(Models, RoutesInOpenAisShape) {
  EXPECT_EQ(models_body(config_of(kOneTarget), 7),
            R"({"object":"list","data":[{"id":"r","object":"model","created":7,)"
            R"("owned_by":"keel"}]})");
}

}  // namespace
}  // namespace keel::server
