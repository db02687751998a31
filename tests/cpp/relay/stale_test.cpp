// Answers past their time (SEMANTICS A9): only by a rule that the route names, always marked, and
// with one request of the relay's own for a fresh one.

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"
#include "relay/prometheus.hpp"
#include "relay/speaking.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

constexpr TargetIndex kNear = 0, kFar = 1;
constexpr NanoUsd kCost{20 * 1'000 + 10 * 2'000};  // of one answer: 20 in, 10 out

struct Rules {
  Duration if_error;
  Duration while_revalidate;
};
Config config_of(const Rules& rules) {
  Config config = small_config();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always,
                                      .jitter = 0,
                                      .stale_if_error = rules.if_error,
                                      .stale_while_revalidate = rules.while_revalidate};
  config.routes[0].retry.max_attempts = 2;
  return config;
}
PolicySet keeping(Duration ttl) {
  PolicySet set(1);
  set[0].ttl = std::make_unique<FakeTtl>(ttl.ns);
  return set;
}

class Keeper : public Driven {
 public:
  explicit Keeper(const Rules& rules, Duration ttl = seconds(60)) : Keeper(config_of(rules), ttl) {}
  explicit Keeper(Config config, Duration ttl = seconds(60))
      : Driven(std::move(config), keeping(ttl)) {}

  using Driven::come;
  CallId come(std::string tenant = "") { return come(request("main", std::move(tenant))); }
  void answer_it(CallId call, const std::string& said = "first") {
    Outcome outcome;
    outcome.status = 200;
    outcome.usage = Usage{.in = 20, .out = 10};
    end(call, std::move(outcome), said);
  }
  void fail_it(CallId call, int status) {
    Outcome outcome;
    outcome.status = status;
    outcome.message = "no";
    end(call, std::move(outcome), "{}");
  }
  // Until it is answered.
  void fail_all(CallId call, int status) {
    while (!answers.count(call)) {
      const size_t tried = asked[call].size();
      fail_it(call, status);
      for (int i = 0; !answers.count(call) && asked[call].size() == tried && i < 100; ++i) {
        now = std::max(now, relay().wake_at());
        feed(Wake{});
      }
    }
  }
  void keep_one(std::string tenant = "") { answer_it(come(std::move(tenant))); }

  CallId own(uint64_t n = 0) const { return kOwnCalls + n; }
  const Answer& of(CallId call) { return answers.at(call); }
  const std::string& cache_of(CallId call) { return of(call).trace->cache; }
  std::string counted(const std::string& result) {
    return prometheus::Page(metrics())
        .value("keel_cache_requests_total", {{"result", result}})
        .value_or("");
  }
};

// ---- while it is asked for anew -----------------------------------------------------------------

TEST(StaleWhileRevalidate, AnswersAtOnceAndAsksAnewOnce) {
  Keeper d({.while_revalidate = seconds(30)});
  d.keep_one();
  d.wait(seconds(65));
  const CallId second = d.come(), third = d.come();
  for (CallId call : {second, third}) {
    const Answer& answer = d.of(call);
    EXPECT_EQ(answer.kind, AnswerKind::ok);
    EXPECT_EQ(answer.body.view(), "first");
    EXPECT_TRUE(answer.cached && answer.stale);
    EXPECT_EQ(answer.age, seconds(65));
    EXPECT_EQ(answer.cost, NanoUsd{0});
    EXPECT_EQ(answer.target, kNear);
    EXPECT_EQ(d.cache_of(call), "stale");
    EXPECT_FALSE(d.asks(call));
  }
  EXPECT_NE(d.of(second).trace->explain().find("5.000 s past its time"), std::string::npos)
      << d.of(second).trace->explain();
  EXPECT_NE(d.of(second).trace->explain().find("asked for as request-2.refresh"),
            std::string::npos);
  EXPECT_NE(d.of(third).trace->explain().find("somebody asks for a fresh one already"),
            std::string::npos);
  d.wait(Duration::zero());
  EXPECT_EQ(d.tries.size(), 2u);
  ASSERT_TRUE(d.asks(d.own()));
  d.answer_it(d.own(), "anew");
  EXPECT_EQ(d.answers.count(d.own()), 0u) << "nobody waits for it";
  const CallId fourth = d.come();
  EXPECT_EQ(d.of(fourth).body.view(), "anew");
  EXPECT_EQ(d.cache_of(fourth), "hit");
  EXPECT_FALSE(d.of(fourth).stale);
  EXPECT_EQ(d.counted("stale"), "2");
  EXPECT_EQ(d.counted("hit"), "1");
  EXPECT_EQ(prometheus::Page(d.metrics()).value("keel_cache_refreshes_total", {{"result", "ok"}}),
            "1");
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleWhileRevalidate, WhatIsAskedAnewIsOnTheTenantsAccounts) {
  Keeper d({.while_revalidate = seconds(30)});
  d.keep_one("shop");
  d.wait(seconds(65));
  d.come("shop");
  d.wait(Duration::zero());
  EXPECT_GT(d.engines().budget->totals(0, Driven::kUnixNs).held.value, 0);
  d.answer_it(d.own());
  EXPECT_EQ(d.spent(), kCost + kCost);
  ASSERT_EQ(d.refreshed.size(), 1u);
  const Refreshed& told = d.refreshed[0];
  EXPECT_EQ(told.call, d.own());
  EXPECT_EQ(told.answer.kind, AnswerKind::ok);
  EXPECT_EQ(told.answer.cost, kCost);
  EXPECT_EQ(told.answer.sends, 1);
  EXPECT_EQ(told.answer.trace->tenant, "shop");
  EXPECT_EQ(told.answer.trace->cache, "refresh");
  const std::string line = request_log_line(told.answer, *told.answer.trace, 0);
  EXPECT_NE(line.find(R"("id":"request-2.refresh")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("cache":"refresh")"), std::string::npos) << line;
  EXPECT_NE(d.relay().find_trace("request-2.refresh", "shop"), nullptr);
  const prometheus::Page page(d.metrics());
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "ok"}}), "1");
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "cached"}}), "1");
}

TEST(StaleWhileRevalidate, BindsToWhatTheCallerWants) {
  Keeper d({.if_error = seconds(600), .while_revalidate = seconds(600)});
  d.keep_one();
  d.wait(seconds(65));
  Request young = d.request(), fresh = d.request(), own = d.request();
  young.max_age = seconds(64);
  const CallId first = d.come(std::move(young));
  EXPECT_TRUE(d.asks(first)) << "max-age binds";
  d.fail_all(first, 500);
  EXPECT_EQ(d.of(first).kind, AnswerKind::upstream_error) << "also when all is lost";
  fresh.no_cache = true;
  const CallId second = d.come(std::move(fresh));
  EXPECT_TRUE(d.asks(second)) << "no-cache binds";
  d.fail_all(second, 500);
  EXPECT_EQ(d.of(second).kind, AnswerKind::upstream_error);
  own.no_store = true;
  const CallId third = d.come(std::move(own));
  EXPECT_TRUE(d.asks(third)) << "nothing may be kept that is asked in its name";
  d.fail_all(third, 500);
  EXPECT_EQ(d.cache_of(third), "stale") << "but it may read what is kept";
  d.wait(Duration::zero());
  EXPECT_FALSE(d.asks(d.own()));
}

TEST(StaleWhileRevalidate, EndsWithItsWindow) {
  Keeper d({.while_revalidate = seconds(30)});
  d.keep_one();
  d.wait(seconds(90));
  const CallId late = d.come();
  EXPECT_TRUE(d.asks(late));
  EXPECT_EQ(d.engines().cache.entries(), 0u);
  d.fail_all(late, 500);
  EXPECT_EQ(d.of(late).kind, AnswerKind::upstream_error);
  EXPECT_EQ(d.cache_of(late), "miss");
}

TEST(StaleWhileRevalidate, IsOffUnlessNamed) {
  Keeper d(Rules{});
  d.keep_one();
  d.wait(seconds(60));
  const CallId second = d.come();
  EXPECT_TRUE(d.asks(second));
  d.fail_all(second, 500);
  EXPECT_EQ(d.of(second).kind, AnswerKind::upstream_error);
}

TEST(StaleWhileRevalidate, AFailedRefreshIsTriedAgainByTheNext) {
  Keeper d({.while_revalidate = seconds(600)});
  d.keep_one();
  d.wait(seconds(65));
  d.come();
  d.wait(Duration::zero());
  d.fail_it(d.own(), 400);
  ASSERT_EQ(d.refreshed.size(), 1u);
  EXPECT_EQ(d.refreshed[0].answer.kind, AnswerKind::upstream_error);
  EXPECT_TRUE(d.at_rest());
  const CallId second = d.come();
  EXPECT_EQ(d.cache_of(second), "stale");
  d.wait(Duration::zero());
  ASSERT_TRUE(d.asks(d.own(1)));
  d.answer_it(d.own(1), "anew");
  EXPECT_EQ(
      prometheus::Page(d.metrics()).value("keel_cache_refreshes_total", {{"result", "failed"}}),
      "1");
}

TEST(StaleWhileRevalidate, WhoMayNotHaveAStaleOneWaitsForTheFreshOne) {
  Keeper d({.while_revalidate = seconds(600)});
  d.keep_one();
  d.wait(seconds(65));
  d.come();
  d.wait(Duration::zero());
  Request young = d.request();
  young.max_age = seconds(10);
  const CallId waits = d.come(std::move(young));
  EXPECT_FALSE(d.asks(waits));
  d.answer_it(d.own(), "anew");
  EXPECT_EQ(d.of(waits).body.view(), "anew");
  EXPECT_EQ(d.cache_of(waits), "joined");
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleWhileRevalidate, ALimitStopsTheRefreshAndNotTheAnswer) {
  Config config = config_of({.while_revalidate = seconds(600)});
  config.accounts[1].limits.requests_per_minute = 0;
  config.accounts[1].limits.concurrency = 1;
  Keeper d(std::move(config));
  d.keep_one("shop");
  d.wait(seconds(65));
  d.come(d.request("main", "shop", "something else"));  // takes the only place
  const CallId busy = d.last_call();
  EXPECT_TRUE(d.asks(busy));
  d.answers.clear();
  d.come("shop");
  EXPECT_EQ(d.answer->kind, AnswerKind::rate_limited) << "an answer from the cache has its limits";
  d.answer_it(busy);
  d.come("shop");
  EXPECT_TRUE(d.answer->stale);
  d.come(d.request("main", "shop", "a third"));
  d.wait(Duration::zero());
  EXPECT_FALSE(d.asks(d.own())) << "the place is taken again before the refresh begins";
  EXPECT_TRUE(d.refreshed.empty()) << "nothing was tried, so there is nothing to log";
  EXPECT_EQ(d.engines().refreshes.size(), 0u);
}

TEST(StaleWhileRevalidate, ARefreshHasItsOwnDeadline) {
  Config config = config_of({.while_revalidate = seconds(600)});
  config.routes[0].timeout = seconds(20);
  Keeper d(std::move(config));
  d.keep_one();
  d.wait(seconds(65));
  Request hurried = d.request();
  hurried.timeout = milliseconds(1);
  d.come(std::move(hurried));
  d.wait(Duration::zero());
  ASSERT_TRUE(d.asks(d.own()));
  d.feed(Sent{d.asked[d.own()].back()});
  d.wait(seconds(19));
  EXPECT_TRUE(d.refreshed.empty());
  d.wait(seconds(1));
  ASSERT_EQ(d.refreshed.size(), 1u);
  EXPECT_EQ(d.refreshed[0].answer.kind, AnswerKind::deadline_exceeded);
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleWhileRevalidate, ARefreshCanBeCancelledByItsId) {
  Keeper d({.while_revalidate = seconds(600)});
  d.keep_one();
  d.wait(seconds(65));
  d.come();
  EXPECT_EQ(d.relay().open_calls(), 1u) << "it is about to begin";
  d.wait(Duration::zero());
  ASSERT_EQ(d.relay().own_calls(), std::vector<CallId>{d.own()});
  d.feed(Sent{d.asked[d.own()].back()});
  d.feed(Cancel{d.own()});
  EXPECT_EQ(d.aborted.size(), 1u);
  ASSERT_EQ(d.refreshed.size(), 1u);
  EXPECT_EQ(d.refreshed[0].answer.kind, AnswerKind::cancelled);
  EXPECT_EQ(d.spent(), kCost + d.refreshed[0].answer.cost);
  EXPECT_GT(d.refreshed[0].answer.cost, kCost) << "it may have been billed";
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleWhileRevalidate, EndsWhereItBeganWhenAnotherRelayTakesOver) {
  Keeper before({.while_revalidate = seconds(600)}), after({.while_revalidate = seconds(600)});
  before.keep_one();
  before.wait(seconds(65));
  before.come();
  after.follow(before);
  before.wait(Duration::zero());
  before.answer_it(before.own());
  const CallId later = after.come();
  EXPECT_EQ(after.cache_of(later), "stale") << "the cache went along, and the refresh did not";
  after.wait(Duration::zero());
  after.answer_it(after.own());
  EXPECT_TRUE(before.at_rest() && after.at_rest());
}

// ---- instead of an error ------------------------------------------------------------------------

constexpr Rules kIfError{.if_error = seconds(600)};

TEST(StaleIfError, StandsInForAnUpstreamError) {
  Keeper d(kIfError);
  d.keep_one();
  d.wait(seconds(65));
  const CallId second = d.come();
  EXPECT_TRUE(d.asks(second)) << "asked first";
  d.fail_all(second, 500);
  const Answer& answer = d.of(second);
  EXPECT_EQ(answer.kind, AnswerKind::ok);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.view(), "first");
  EXPECT_TRUE(answer.stale && answer.cached);
  EXPECT_EQ(d.cache_of(second), "stale");
  EXPECT_EQ(answer.sends, 2);
  EXPECT_FALSE(answer.should_retry);
  EXPECT_NE(answer.trace->explain().find("instead of upstream_error: answered by near/near-model"),
            std::string::npos)
      << answer.trace->explain();
  EXPECT_EQ(d.counted("stale"), "1");
  EXPECT_FALSE(d.asks(d.own())) << "nothing is asked in the background";
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleIfError, StandsInWhereNobodyCanTakeIt) {
  Keeper d(kIfError);
  d.keep_one();
  d.wait(seconds(65));
  d.fail_all(d.come(d.request("main", "", "something else")), 401);  // both keys are dead
  const CallId second = d.come();
  EXPECT_EQ(d.cache_of(second), "stale");
  EXPECT_EQ(d.of(second).sends, 0);
  EXPECT_EQ(d.of(second).cost, NanoUsd{0});
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleIfError, StandsInAtTheDeadline) {
  Keeper d(kIfError);
  d.keep_one();
  d.wait(seconds(65));
  Request hurried = d.request();
  hurried.timeout = milliseconds(1'500);
  const CallId second = d.come(std::move(hurried));
  d.feed(Sent{d.asked[second].back()});
  d.wait(milliseconds(1'499));
  EXPECT_EQ(d.answers.count(second), 0u);
  d.wait(milliseconds(1));
  EXPECT_EQ(d.cache_of(second), "stale");
  EXPECT_GT(d.of(second).cost, NanoUsd{0}) << "what was sent may have been billed";
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleIfError, DoesNotHideWhatTheClientDid) {
  Keeper d(kIfError);
  d.keep_one();
  d.wait(seconds(65));
  const CallId second = d.come();
  d.fail_all(second, 400);
  EXPECT_EQ(d.of(second).kind, AnswerKind::upstream_error);
  EXPECT_EQ(d.of(second).status, 400);
  EXPECT_EQ(d.cache_of(second), "miss");
}

TEST(StaleIfError, DoesNotHideABudgetThatIsSpent) {
  Config config = config_of(kIfError);
  config.accounts[0].budget->limit = kCost;  // nothing is left after the first
  config.routes[0].targets.resize(1);
  config.providers[0].models[0].price = Price{.in = 1'000, .out = 2'000};
  Keeper d(std::move(config));
  Outcome outcome;
  outcome.status = 200;
  outcome.usage = Usage{.in = 20'000'000, .out = 10'000'000};
  d.end(d.come(), std::move(outcome), "first");
  d.wait(seconds(65));
  const CallId second = d.come();
  EXPECT_EQ(d.of(second).kind, AnswerKind::budget_exceeded);
}

TEST(StaleIfError, EndsWithItsWindow) {
  Keeper d({.if_error = seconds(30)});
  d.keep_one();
  d.wait(seconds(90));
  const CallId late = d.come();
  d.fail_all(late, 500);
  EXPECT_EQ(d.of(late).kind, AnswerKind::upstream_error);
}

TEST(StaleIfError, AStaleWindowThatEndsMeanwhileIsOver) {
  Keeper d({.if_error = seconds(30)});
  d.keep_one();
  d.wait(seconds(89));
  const CallId slow = d.come();
  d.wait(seconds(1));
  d.fail_all(slow, 500);
  EXPECT_EQ(d.of(slow).kind, AnswerKind::upstream_error);
}

TEST(StaleIfError, WhoWaitsForAnotherAsksItselfBefore) {
  Keeper d(kIfError);
  d.keep_one();
  d.wait(seconds(65));
  const CallId first = d.come(), second = d.come();
  d.fail_all(first, 500);
  EXPECT_EQ(d.cache_of(first), "stale");
  ASSERT_TRUE(d.asks(second));
  d.answer_it(second, "anew");
  EXPECT_EQ(d.of(second).body.view(), "anew");
}

TEST(StaleIfError, HoldsOnTheRouteThatItWasAskedOf) {
  Config config = config_of(kIfError);
  config.routes[0].targets = {{.target = 0}};
  RouteConfig spare;
  spare.name = "spare";
  spare.targets = {{.target = 1}};
  config.routes.push_back(std::move(spare));
  config.routes[0].on_exhausted = OnExhausted::other_route;
  config.routes[0].exhausted_route = 1;
  config.routes[0].retry.max_attempts = 4;
  Keeper d(std::move(config));
  d.keep_one();
  d.wait(seconds(65));
  const CallId second = d.come();
  d.fail_all(second, 500);
  EXPECT_EQ(d.tries.back().target, kFar) << "it went on to the other route";
  EXPECT_EQ(d.cache_of(second), "stale");
}

// ---- streams ------------------------------------------------------------------------------------

class Streams : public Speaking<Keeper> {
 public:
  using Speaking<Keeper>::Speaking;
  void keep_stream() {
    const CallId call = come_streaming();
    say(call, 0, 5);
    close(call);
  }
};

TEST(StaleStreams, AreGivenWholeAndMarkedAndRefreshedUnseen) {
  Streams d({.while_revalidate = seconds(600)});
  d.keep_stream();
  d.wait(seconds(65));
  const CallId second = d.come_streaming();
  EXPECT_EQ(d.delivered_to[second], kSpokenWhole);
  EXPECT_TRUE(d.of(second).streamed && d.of(second).stale);
  EXPECT_EQ(d.heads.back()->cache, "stale");
  EXPECT_EQ(d.heads.back()->age, seconds(65));
  d.wait(Duration::zero());
  ASSERT_TRUE(d.asks(d.own()));
  const size_t heads = d.heads.size();
  d.say(d.own(), 0, 2);
  d.close(d.own(), Ended::broken);  // nobody has anything of it, so another may begin it anew
  for (int i = 0; d.asked[d.own()].size() < 2 && i < 10; ++i) d.pass(seconds(1));
  ASSERT_EQ(d.asked[d.own()].size(), 2u);
  d.say(d.own(), 0, 5);
  d.close(d.own());
  EXPECT_EQ(d.heads.size(), heads);
  EXPECT_TRUE(d.delivered_to[d.own()].empty());
  ASSERT_EQ(d.refreshed.size(), 1u);
  EXPECT_EQ(d.refreshed[0].answer.kind, AnswerKind::ok);
  EXPECT_EQ(d.refreshed[0].answer.body.view(), kSpokenWhole);
  EXPECT_EQ(d.refreshed[0].answer.trace->first_token, std::nullopt);
  const CallId third = d.come_streaming();
  EXPECT_EQ(d.delivered_to[third], kSpokenWhole);
  EXPECT_EQ(d.cache_of(third), "hit");
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleStreams, StandInBeforeAnythingWasDelivered) {
  Streams d(kIfError);
  d.keep_stream();
  d.wait(seconds(65));
  const CallId second = d.come_streaming();
  d.say(second, 0, 1);  // an opening, kept back
  d.fail_all(second, 500);
  EXPECT_EQ(d.delivered_to[second], kSpokenWhole);
  EXPECT_EQ(d.cache_of(second), "stale");
  EXPECT_TRUE(d.of(second).streamed);
  EXPECT_EQ(d.heads.back()->sends, 2);
  EXPECT_TRUE(d.at_rest());
}

TEST(StaleStreams, DoNotGoOnWithWhatAnotherBegan) {
  Config config = config_of(kIfError);
  config.routes[0].stream.resume = {};
  Streams d(std::move(config));
  d.keep_stream();
  d.wait(seconds(65));
  const CallId second = d.come_streaming();
  d.say(second, 0, 2);
  d.close(second, Ended::broken);
  EXPECT_EQ(d.of(second).kind, AnswerKind::stream_interrupted);
  EXPECT_EQ(d.delivered_to[second], kSpoken[0] + kSpoken[1]);
  EXPECT_EQ(d.cache_of(second), "miss");
}

}  // namespace
}  // namespace keel::relay
