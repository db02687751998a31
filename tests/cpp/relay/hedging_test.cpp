// One more attempt beside one that is late (SEMANTICS A3): when, by what leave, who wins, and that
// the loser is paid for and nothing is left behind.

#include "relay/driven.hpp"
#include "relay/prometheus.hpp"
#include "wire/exchange.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

constexpr TargetIndex kNear = 0, kFar = 1;
constexpr NanoUsd kCost{20 * 1'000 + 10 * 2'000};  // of one answer: 20 in, 10 out

Config hedging(double share = 0.5) {
  Config config = small_config();
  config.routes[0].hedge = HedgeConfig{.share = share};
  config.routes[0].retry.max_attempts = 3;
  return config;
}

std::string frame(const std::string& model, const std::string& delta, const char* finish = "null") {
  return R"(data: {"id":"c-)" + model + R"(","object":"chat.completion.chunk","model":")" + model +
         R"(","choices":[{"index":0,"delta":)" + delta + R"(,"finish_reason":)" + finish +
         "}]}\n\n";
}
std::vector<std::string> stream_of(const std::string& model) {
  return {frame(model, R"({"role":"assistant","content":""})"),
          frame(model, R"({"content":"To be"})"), frame(model, "{}", "\"stop\""),
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":10,"
          "\"total_tokens\":30}}\n\n",
          "data: [DONE]\n\n"};
}

class Race : public Driven {
 public:
  explicit Race(Config config = hedging(), bool streams = false)
      : Driven(std::move(config)), streams_(streams) {
    for (int i = 0; i < 30; ++i) {  // what the near one usually takes: 400 ms
      begin();
      leave(0);
      wait(milliseconds(400));
      streams_ ? say(0, 0, 5) : succeed(0);
      if (streams_) close(0);
    }
    aborted.clear();
    heads.clear();
    before_ = spent();
  }
  // A request whose first attempt has left, and is not answered for that long.
  void begin() {
    if (streams_)
      ask(with_body(
          R"({"model":"main","stream":true,"messages":[{"role":"user","content":"a"}]})"));
    else
      ask();
    tried_.clear();
    note();
  }
  void late(Duration by = seconds(2)) {
    begin();
    leave(0);
    wait(by);
    note();
  }
  bool hedged() {
    note();
    return tried_.size() == 2 && tries.back().target == kFar;
  }
  void leave(size_t n) { feed(Sent{tried_.at(n)}); }
  void succeed(size_t n) { end(n, 200, "reply " + std::to_string(n)); }
  void end(size_t n, int status, std::string reply = "{}") {
    Outcome outcome;
    outcome.status = status;
    outcome.message = "no";
    if (status == 200) outcome.usage = Usage{.in = 20, .out = 10};
    feed(Sent{tried_.at(n)});
    feed(Finished{.attempt = tried_.at(n),
                  .outcome = std::move(outcome),
                  .reply = Body::take(std::move(reply))});
    wait(Duration::zero());
  }
  void break_it(size_t n, Ended how = Ended::broken) {
    Outcome outcome;
    outcome.ended = how;
    feed(Finished{.attempt = tried_.at(n), .outcome = outcome});
  }
  void say(size_t n, size_t from, size_t to) {
    auto reader = wire::dialect_named("openai")->stream_reader(Operation::chat);
    const auto stream = stream_of(std::to_string(n));
    feed(Sent{tried_.at(n)});
    for (size_t i = from; i < to; ++i) {
      std::vector<StreamEvent> events;
      reader->feed(stream[i], events);
      for (StreamEvent& event : events)
        feed(Streamed{.attempt = tried_.at(n), .event = std::move(event)});
    }
  }
  void close(size_t n) {
    Outcome outcome;
    outcome.status = 200;
    feed(Finished{.attempt = tried_.at(n), .outcome = outcome});
    wait(Duration::zero());
  }
  AttemptId tried(size_t n) { return tried_.at(n); }
  NanoUsd cost() { return spent() - before_; }
  std::string why() const { return answer ? answer->trace->explain() : relay_story(); }
  std::string counted(const char* result) {
    return prometheus::Page(metrics())
        .value("keel_hedges_total", {{"route", "main"}, {"result", result}})
        .value_or("");
  }
  const std::string& seen() { return delivered_to[last_call()]; }

 private:
  void note() { tried_ = asked[last_call()]; }
  std::string relay_story() const { return relay().find(last_call())->trace->explain(); }

  bool streams_;
  std::vector<AttemptId> tried_;
  NanoUsd before_;
};

// ---- plain replies ------------------------------------------------------------------------------

TEST(Hedging, AsksAnotherOnceTheFirstIsLate) {
  Race d;
  d.begin();
  d.leave(0);
  d.wait(milliseconds(350));
  EXPECT_FALSE(d.hedged());
  d.wait(milliseconds(250));
  ASSERT_TRUE(d.hedged()) << d.why();
  d.succeed(1);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_EQ(d.answer->body.view(), "reply 1");
  EXPECT_EQ(d.answer->target, kFar);
  EXPECT_EQ(d.answer->sends, 2);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{d.tried(0)});
  const auto& attempts = d.answer->trace->attempts;
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].cls, Class::cancelled);
  EXPECT_EQ(attempts[0].posted, attempts[0].held) << "it may have been billed";
  EXPECT_TRUE(attempts[0].estimated);
  EXPECT_TRUE(attempts[1].hedge);
  EXPECT_EQ(attempts[1].posted, kCost);
  EXPECT_EQ(d.answer->cost, attempts[0].held + kCost);
  EXPECT_EQ(d.cost(), d.answer->cost);
  EXPECT_EQ(d.counted("sent"), "1");
  EXPECT_EQ(d.counted("won"), "1");
  EXPECT_NE(d.why().find("near/near-model is late; ask beside it: far/far-model"),
            std::string::npos)
      << d.why();
  EXPECT_NE(d.answer->trace->attempts_json().find(R"("hedge":true)"), std::string::npos);
  EXPECT_TRUE(d.at_rest());
}

TEST(Hedging, TheFirstMayStillWin) {
  Race d;
  d.late();
  ASSERT_TRUE(d.hedged());
  d.leave(1);
  d.succeed(0);
  EXPECT_EQ(d.answer->target, kNear);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{d.tried(1)});
  EXPECT_GT(d.cost(), kCost);
  EXPECT_EQ(d.counted("won"), "0");
  EXPECT_TRUE(d.at_rest());
}

TEST(Hedging, ALoserThatHasNotLeftCostsNothing) {
  Race d;
  d.late();
  d.succeed(0);
  EXPECT_EQ(d.answer->sends, 1);
  EXPECT_EQ(d.cost(), kCost);
  EXPECT_TRUE(d.at_rest());
}

TEST(Hedging, WhereOneFailsTheOtherGoesOnAlone) {
  for (size_t fails : {0u, 1u}) {
    Race d;
    d.late();
    d.leave(1);
    d.end(fails, 500);
    EXPECT_FALSE(d.answer);
    EXPECT_EQ(d.tries.size(), 32u) << "no retry meanwhile";
    d.succeed(1 - fails);
    ASSERT_TRUE(d.answer) << fails;
    EXPECT_EQ(d.answer->kind, AnswerKind::ok);
    EXPECT_EQ(d.answer->target, fails == 0 ? kFar : kNear);
    EXPECT_EQ(d.cost(), kCost) << "a complete error is not billed";
    EXPECT_TRUE(d.at_rest());
  }
}

TEST(Hedging, WhereBothFailARetryFollowsWithinTheSends) {
  Race d;
  d.late();
  d.end(1, 500);
  d.end(0, 500);
  EXPECT_TRUE(!d.answer);
  for (int i = 0; d.asked[d.last_call()].size() < 3 && i < 20; ++i) d.wait(seconds(1));
  ASSERT_EQ(d.asked[d.last_call()].size(), 3u) << d.why();
  const AttemptId third = d.asked[d.last_call()].back();
  d.feed(Sent{third});
  d.wait(seconds(5));
  EXPECT_EQ(d.asked[d.last_call()].size(), 3u) << "one hedge a request";
  Outcome outcome;
  outcome.status = 500;
  d.feed(Finished{.attempt = third, .outcome = outcome});
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->sends, 3);
  EXPECT_TRUE(d.at_rest());
}

TEST(Hedging, ARequestThatIsWrongIsWrongForBoth) {
  Race d;
  d.late();
  d.leave(1);
  d.end(1, 400);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->status, 400);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{d.tried(0)});
  EXPECT_TRUE(d.at_rest());
}

TEST(Hedging, ACallerWhoLeavesAndADeadlineEndBoth) {
  for (bool leaves : {true, false}) {
    Race d;
    Request request = d.request();
    request.timeout = seconds(5);
    d.ask(std::move(request));
    d.feed(Sent{d.asked[d.last_call()].back()});
    d.wait(seconds(2));
    ASSERT_TRUE(d.hedged());
    d.leave(1);
    leaves ? d.cancel() : d.wait(seconds(3));
    ASSERT_TRUE(d.answer);
    EXPECT_EQ(d.answer->kind, leaves ? AnswerKind::cancelled : AnswerKind::deadline_exceeded);
    EXPECT_EQ(d.aborted.size(), 2u);
    EXPECT_TRUE(d.at_rest());
  }
}

TEST(Hedging, ALateResultOfTheLoserChangesNothing) {
  Race d;
  d.late();
  d.succeed(1);
  const NanoUsd cost = d.cost();
  d.end(0, 200, "too late");
  EXPECT_EQ(d.cost(), cost);
  EXPECT_TRUE(d.at_rest());
}

// ---- who is not hedged --------------------------------------------------------------------------

TEST(Hedging, IsOffUnlessNamed) {
  Config config = hedging();
  config.routes[0].hedge.reset();
  Race d(std::move(config));
  d.late();
  EXPECT_FALSE(d.hedged());
  EXPECT_EQ(d.counted("sent"), "") << "and not counted";
}

TEST(Hedging, NeedsTwentySamples) {
  Driven d(hedging());
  for (int i = 0; i < 19; ++i) {
    d.ask();
    d.succeed();
  }
  d.ask();
  d.feed(Sent{d.last_send->attempt});
  d.wait(seconds(20));
  EXPECT_EQ(d.tries.size(), 20u);
}

TEST(Hedging, NeverRepeatsSideEffects) {
  Race d;
  Request request = Driven::with_body(
      R"({"model":"main","store":true,"messages":[{"role":"user","content":"a"}]})");
  ASSERT_TRUE(request.facts.side_effects);
  d.ask(std::move(request));
  d.feed(Sent{d.asked[d.last_call()].back()});
  d.wait(seconds(20));
  EXPECT_FALSE(d.hedged());
}

TEST(Hedging, StaysWithinItsShare) {
  Race d(hedging(0.04));  // of 31 requests of this minute: one
  for (int i = 0; i < 2; ++i) {
    d.late(milliseconds(900));
    d.succeed(0);
  }
  EXPECT_EQ(d.counted("sent"), "1");
  EXPECT_NE(d.why().find("near/near-model is late, and the route's share of hedges is used up"),
            std::string::npos)
      << d.why();
}

TEST(Hedging, IsExtraLoad) {
  Config config = hedging();
  config.routes[0].retry.extra_sends = {.ratio = 0, .floor = 0, .window = seconds(10)};
  Race d(std::move(config));
  d.late();
  EXPECT_FALSE(d.hedged());
  EXPECT_NE(d.why().find("is late, and nobody else can take it now"), std::string::npos) << d.why();
}

TEST(Hedging, NeedsASendAndMoneyOfItsOwn) {
  Config config = hedging();
  config.routes[0].retry.max_attempts = 1;
  Race one(std::move(config));
  one.late();
  EXPECT_FALSE(one.hedged());

  config = hedging();
  config.accounts[0].budget->limit = NanoUsd{31 * kCost.value + 400'000};
  Race poor(std::move(config));
  poor.late();
  EXPECT_FALSE(poor.hedged());
  EXPECT_NE(poor.why().find("there is no money to ask another one as well"), std::string::npos)
      << poor.why();
}

TEST(Hedging, WaitsUntilTheFirstHasLeft) {
  Race d;
  d.begin();
  d.wait(seconds(4));
  EXPECT_FALSE(d.hedged());
}

TEST(Hedging, DoesNotTryOutWhoIsRecovering) {
  Config config = hedging();
  config.breaker.consecutive = 1;
  config.breaker.jitter = 0;
  Race d(std::move(config));
  d.late();
  ASSERT_TRUE(d.hedged());
  d.leave(1);
  d.break_it(1);  // its breaker opens
  d.succeed(0);
  ASSERT_EQ(d.breaker(kFar), engine::Breaker::State::open);
  d.wait(seconds(4));
  d.late(milliseconds(1'500));  // it half-opens meanwhile
  ASSERT_EQ(d.breaker(kFar), engine::Breaker::State::half_open);
  EXPECT_FALSE(d.hedged());
}

// ---- streams ------------------------------------------------------------------------------------

TEST(HedgedStreams, TheFirstWithContentIsHeardFromItsBeginning) {
  Race d(hedging(), true);
  d.begin();
  d.say(0, 0, 1);  // an opening, and then silence
  d.wait(milliseconds(900));
  ASSERT_TRUE(d.hedged()) << d.why();
  d.say(1, 0, 1);
  EXPECT_TRUE(d.seen().empty());
  EXPECT_TRUE(d.aborted.empty());
  d.say(1, 1, 2);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{d.tried(0)});
  const auto stream = stream_of("1");
  EXPECT_EQ(d.seen(), stream[0] + stream[1]);
  ASSERT_EQ(d.heads.size(), 1u);
  EXPECT_EQ(d.heads[0]->target, kFar);
  d.say(1, 2, 5);
  d.close(1);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_EQ(d.seen(), stream[0] + stream[1] + stream[2] + stream[4]);
  EXPECT_EQ(d.answer->target, kFar);
  EXPECT_TRUE(d.at_rest());
}

TEST(HedgedStreams, AnOpeningThatHasLeftKeepsItsName) {
  Race d(hedging(), true);
  d.begin();
  d.say(0, 0, 1);
  d.wait(seconds(3));
  ASSERT_TRUE(d.hedged());
  EXPECT_EQ(d.seen(), stream_of("0")[0]) << "two seconds are long enough";
  d.say(1, 0, 5);
  d.close(1);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_EQ(d.seen().find("c-1"), std::string::npos) << d.seen();
  EXPECT_NE(d.seen().find("To be"), std::string::npos);
  EXPECT_TRUE(d.at_rest());
}

TEST(HedgedStreams, TheFirstMayStillWin) {
  Race d(hedging(), true);
  d.late();
  ASSERT_TRUE(d.hedged());
  d.say(1, 0, 1);
  d.say(0, 0, 2);
  EXPECT_EQ(d.aborted, std::vector<AttemptId>{d.tried(1)});
  EXPECT_EQ(d.seen(), stream_of("0")[0] + stream_of("0")[1]);
  d.say(0, 2, 5);
  d.close(0);
  EXPECT_EQ(d.answer->target, kNear);
  EXPECT_TRUE(d.at_rest());
}

TEST(HedgedStreams, WhereTheFirstFailsTheOtherIsHeard) {
  Race d(hedging(), true);
  d.late();
  d.say(1, 0, 1);
  d.break_it(0);
  EXPECT_TRUE(d.seen().empty());
  EXPECT_FALSE(d.answer);
  d.say(1, 1, 5);
  d.close(1);
  const auto stream = stream_of("1");
  EXPECT_EQ(d.seen(), stream[0] + stream[1] + stream[2] + stream[4]);
  EXPECT_TRUE(d.at_rest());
}

TEST(HedgedStreams, OneThatHasContentIsNotHedged) {
  Race d(hedging(), true);
  d.begin();
  d.say(0, 0, 2);
  d.wait(seconds(5));
  EXPECT_FALSE(d.hedged());
}

TEST(HedgedStreams, AReaderThatIsFullHoldsBoth) {
  Race d(hedging(), true);
  d.late();
  ASSERT_TRUE(d.hedged());
  d.pauses.clear();
  d.feed(Backpressure{d.last_call(), true});
  EXPECT_EQ(d.pauses, (std::vector<bool>{true, true}));
  d.feed(Backpressure{d.last_call(), false});
  EXPECT_EQ(d.pauses.size(), 4u);
}

TEST(HedgedStreams, AnEndlessOpeningIsNotKept) {
  Race d(hedging(), true);
  d.late();
  for (int i = 0; i < 1'000; ++i) d.say(1, 0, 1);
  d.say(1, 1, 5);
  d.close(1);
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
  EXPECT_LT(d.seen().size(), 4'000u);
  EXPECT_TRUE(d.at_rest());
}

}  // namespace
}  // namespace keel::relay
