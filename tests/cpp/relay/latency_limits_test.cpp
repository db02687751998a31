// How long an attempt may take, once a target is known (SEMANTICS A1, A4), and how many tokens it
// is expected to take (A7): at the edges of what is known. Samples count from twenty on, for nine
// to ten minutes.

#include "relay/driven.hpp"
#include "wire/exchange.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar };

// A breaker that slow answers do not open.
Config patient_config() {
  Config config = small_config();
  config.breaker.slow_rate = 2;
  return config;
}

class Measured : public Driven {
 public:
  explicit Measured(Config config = patient_config()) : Driven(std::move(config)) {}

  // Plain replies of so many tokens, all at the same time.
  void replies(int count, Duration took, int64_t out = 100, const char* model = "main",
               TargetIndex target = kNear) {
    std::vector<AttemptId> attempts;
    for (int i = 0; i < count; ++i) {
      ask(model);
      ASSERT_TRUE(last_send);
      ASSERT_EQ(last_send->target, target);
      attempts.push_back(last_send->attempt);
      feed(Sent{attempts.back()});
    }
    now = now + took;
    for (AttemptId attempt : attempts) {
      Outcome outcome;
      outcome.status = 200;
      outcome.usage = Usage{.in = 20, .out = out};
      feed(Finished{.attempt = attempt, .outcome = std::move(outcome), .reply = Body::take("{}")});
    }
  }
  // Streams from near whose first content comes after `took`.
  void streams(int count, Duration took) {
    for (int i = 0; i < count; ++i) {
      ask_stream();
      const AttemptId attempt = send().attempt;
      ASSERT_EQ(last_send->target, kNear);
      feed(Sent{attempt});
      now = now + took;
      say(attempt,
          R"(data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]})"
          "\n\n"
          R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
          "\n\ndata: [DONE]\n\n");
      Outcome outcome;
      outcome.status = 200;
      feed(Finished{.attempt = attempt, .outcome = std::move(outcome)});
      ASSERT_TRUE(answer);
    }
  }
  void ask_stream() {
    ask(with_body(R"({"model":"main","stream":true,"max_tokens":100,)"
                  R"("messages":[{"role":"user","content":"hi"}]})"));
  }
  // The limit of the attempt that is in flight now; it goes no further.
  Duration limit() {
    const Call* call = relay().find(last_call());
    EXPECT_NE(call, nullptr);
    const Duration out = call->attempt->limit - call->attempt->started;
    EXPECT_EQ(out, call->attempt->allowed);
    cancel();
    return out;
  }
  Duration plain_limit(int64_t max_tokens = 100, Duration timeout = seconds(600)) {
    Request request = with_body(R"({"model":"main","max_tokens":)" + std::to_string(max_tokens) +
                                R"(,"messages":[{"role":"user","content":"hi"}]})");
    request.timeout = timeout;
    ask(std::move(request));
    return limit();
  }
  Duration stream_limit() {
    ask_stream();
    return limit();
  }
  int64_t tokens_taken() {
    ask(with_body(
        R"({"model":"main","max_tokens":5000,"messages":[{"role":"user","content":"hi"}]})"));
    const Call* call = relay().find(last_call());
    const int64_t out = call->attempt->tokens - call->request.facts.input_tokens_estimate;
    EXPECT_EQ(call->attempt->tokens, call->tokens_admitted);
    cancel();
    return out;
  }

 private:
  void say(AttemptId attempt, const std::string& bytes) {
    auto reader = wire::dialect_named("openai")->stream_reader(Operation::chat);
    std::vector<StreamEvent> events;
    reader->feed(bytes, events);
    for (StreamEvent& event : events) feed(Streamed{.attempt = attempt, .event = std::move(event)});
  }
};

// A quantile is its bucket's upper edge, less than 5 % above what was measured.
void expect_about(Duration is, Duration wanted) {
  EXPECT_GE(is, wanted);
  EXPECT_LT(is.seconds(), wanted.seconds() * 1.05);
}

TEST(LatencyLimits, APlainReplyMayTakeAMinuteWhileNothingIsKnown) {
  Measured d;
  EXPECT_EQ(d.plain_limit(), seconds(60));
  EXPECT_EQ(d.plain_limit(100, seconds(100)), seconds(50)) << "half of what is left";
  d.replies(19, seconds(50));
  EXPECT_EQ(d.plain_limit(), seconds(60)) << "19 samples are none";
}

TEST(LatencyLimits, ThreeTimesWhatItUsuallyTakesForSoManyTokens) {
  Measured d;
  d.replies(20, seconds(50));  // half a second a token
  expect_about(d.plain_limit(100), seconds(150));
  expect_about(d.plain_limit(60), seconds(90));
  EXPECT_EQ(d.plain_limit(30), seconds(60)) << "never below a minute";
  EXPECT_EQ(d.plain_limit(100, seconds(200)), seconds(100)) << "half of what is left";
}

TEST(LatencyLimits, ForTheTokensThatThisTargetUsuallySays) {
  Measured d;
  d.replies(20, seconds(50));
  expect_about(d.plain_limit(5'000), seconds(150));  // 100, as it always was
  Config config = patient_config();
  config.default_route = 0;
  Measured other(config);
  other.replies(20, seconds(50), 100, "far-model", kFar);
  other.replies(20, seconds(1), 2'000);
  other.ask(Driven::with_body(
      R"({"model":"far-model","max_tokens":5000,"messages":[{"role":"user","content":"hi"}]})"));
  expect_about(other.limit(), seconds(150));
}

TEST(LatencyLimits, SamplesCountForNineToTenMinutes) {
  Measured d;
  d.replies(20, seconds(50));
  const Duration known = d.plain_limit();
  d.wait(minutes(8));
  EXPECT_EQ(d.plain_limit(), known);
  d.wait(minutes(2));
  EXPECT_EQ(d.plain_limit(), seconds(60));
}

TEST(LatencyLimits, TheLastTargetMayTakeAllThatIsLeft) {
  Config config = patient_config();
  config.routes[0].targets.resize(1);
  Measured d(config);
  EXPECT_EQ(d.plain_limit(100, seconds(90)), seconds(90));
  EXPECT_EQ(d.stream_limit(), seconds(600));
  d.replies(20, seconds(50));
  EXPECT_EQ(d.plain_limit(100, seconds(90)), seconds(90));
}

TEST(LatencyLimits, WhatTheConfigurationSaysIsNotRaised) {
  Config config = patient_config();
  config.routes[0].attempt_timeout = seconds(55);
  Measured d(config);
  d.replies(20, seconds(50));
  EXPECT_EQ(d.plain_limit(), seconds(55));
}

TEST(LatencyLimits, AFirstTokensLimitIsRaisedToThreeTimesItsUsualTime) {
  Measured d;
  EXPECT_EQ(d.stream_limit(), seconds(10));
  d.streams(19, seconds(6));
  EXPECT_EQ(d.stream_limit(), seconds(10)) << "19 samples are none";
  d.streams(1, seconds(6));
  expect_about(d.stream_limit(), seconds(18));
  d.wait(minutes(11));
  EXPECT_EQ(d.stream_limit(), seconds(10));
}

TEST(LatencyLimits, AndNeverLowered) {
  Measured d;
  d.streams(40, milliseconds(200));
  EXPECT_EQ(d.stream_limit(), seconds(10));
  Config config = patient_config();
  config.providers[0].models[0].reasoning = true;
  Measured reasoning(config);
  reasoning.streams(20, seconds(9));
  EXPECT_EQ(reasoning.stream_limit(), seconds(60));
}

TEST(LatencyLimits, TheSlowestPercentDecides) {
  Measured d;
  d.streams(99, milliseconds(500));
  d.streams(1, seconds(8));
  EXPECT_EQ(d.stream_limit(), seconds(10)) << "one in a hundred is beyond the 99th percentile";
  d.streams(1, seconds(8));
  expect_about(d.stream_limit(), seconds(24));
}

TEST(LatencyLimits, TokensAreTakenAsTheRouteAndModelUsuallyTakeThem) {
  Measured d;
  EXPECT_EQ(d.tokens_taken(), 1'000);
  d.replies(19, milliseconds(100), 30);
  EXPECT_EQ(d.tokens_taken(), 1'000) << "19 samples are none";
  d.replies(1, milliseconds(100), 30);
  EXPECT_EQ(d.tokens_taken(), 30);
  d.replies(2, milliseconds(100), 20'000);  // two of 22 are beyond the 95th percentile
  EXPECT_GT(d.tokens_taken(), 30);
  EXPECT_EQ(d.tokens_taken(), 5'000) << "never more than was asked for";
  d.wait(minutes(11));
  EXPECT_EQ(d.tokens_taken(), 1'000);
}

}  // namespace
}  // namespace keel::relay
