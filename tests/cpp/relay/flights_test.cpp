// Equal requests at the same time (SEMANTICS A9, single-flight): one asks, all are answered, and
// nobody is lost with whoever asked.

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"
#include "relay/prometheus.hpp"
#include "relay/speaking.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

constexpr TargetIndex kNear = 0, kFar = 1;
constexpr NanoUsd kCost{20 * 1'000 + 10 * 2'000};  // of one answer: 20 in, 10 out

Config caching() {
  Config config = small_config();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always, .jitter = 0};
  config.accounts[1].limits = {.requests_per_minute = 600, .tokens_per_minute = 1'000'000};
  return config;
}
PolicySet keeping(Duration ttl = seconds(60), size_t routes = 1) {
  PolicySet set(routes);
  for (RoutePolicies& route : set) route.ttl = std::make_unique<FakeTtl>(ttl.ns);
  return set;
}

using prometheus::Page;

class Crowd : public Driven {
 public:
  explicit Crowd(Config config = caching(), PolicySet policies = keeping())
      : Driven(std::move(config), std::move(policies)) {}

  using Driven::come;
  CallId come(Duration timeout = Duration::max()) {
    Request one = request();
    one.timeout = timeout;
    return come(std::move(one));
  }
  bool answered(CallId call) { return answers.count(call) > 0; }
  const Answer& answer_of(CallId call) { return answers.at(call); }
  const std::string& cache_of(CallId call) { return answer_of(call).trace->cache; }

  void answer_it(CallId call, std::optional<Usage> usage = Usage{.in = 20, .out = 10}) {
    Outcome outcome;
    outcome.status = 200;
    outcome.usage = usage;
    end(call, std::move(outcome), R"({"said":"to )" + std::to_string(call) + "\"}");
  }
  void refuse(CallId call) {
    Outcome outcome;
    outcome.status = 400;
    outcome.message = "no";
    end(call, std::move(outcome), "{}");
  }
  void leave(CallId call) {
    feed(Cancel{call});
    wait(Duration::zero());
  }
};

// ---- one asks -----------------------------------------------------------------------------------

TEST(Flights, AllAreGivenTheAnswerOfTheOneThatAsks) {
  Crowd d;
  const CallId first = d.come(), second = d.come(), third = d.come();
  EXPECT_EQ(d.tries.size(), 1u);
  d.wait(milliseconds(400));
  EXPECT_FALSE(d.answered(second));
  d.answer_it(first);
  for (CallId call : {second, third}) {
    const Answer& answer = d.answer_of(call);
    EXPECT_EQ(answer.kind, AnswerKind::ok);
    EXPECT_EQ(answer.body.view(), d.answer_of(first).body.view());
    EXPECT_EQ(answer.target, kNear);
    EXPECT_EQ(answer.usage, (Usage{.in = 20, .out = 10}));
    EXPECT_EQ(answer.cost, NanoUsd{0});
    EXPECT_EQ(answer.sends, 0);
    EXPECT_EQ(answer.age, Duration::zero());
    EXPECT_TRUE(answer.cached);
    EXPECT_EQ(answer.trace->waited, milliseconds(400));
    EXPECT_EQ(d.cache_of(call), "joined");
    EXPECT_NE(answer.trace->explain().find("near/near-model answered another request"),
              std::string::npos)
        << answer.trace->explain();
  }
  EXPECT_EQ(d.cache_of(first), "miss");
  EXPECT_EQ(d.answer_of(first).cost, kCost);
  EXPECT_EQ(d.tries.size(), 1u);
  EXPECT_EQ(d.spent(), kCost) << "settled once";
  const CallId later = d.come();
  EXPECT_EQ(d.cache_of(later), "hit");
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, AreCountedAndLogged) {
  Crowd d;
  const CallId first = d.come();
  d.come();
  d.answer_it(first);
  const Page page(d.metrics());
  EXPECT_EQ(page.value("keel_cache_requests_total", {{"result", "joined"}}), "1");
  EXPECT_EQ(page.value("keel_cache_requests_total", {{"result", "miss"}}), "1");
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "cached"}}), "1");
  EXPECT_NE(d.log_line().find(R"("cache":"joined")"), std::string::npos) << d.log_line();
  EXPECT_NE(d.log_line().find(R"("cost_nano_usd":0)"), std::string::npos);
}

TEST(Flights, AThousandCostOneSend) {
  Crowd d;
  const CallId first = d.come();
  d.feed(Sent{d.asked[first].back()});
  for (int i = 1; i < 1000; ++i) d.come();
  d.wait(seconds(5));
  d.answer_it(first);
  EXPECT_EQ(d.tries.size(), 1u);
  EXPECT_EQ(d.answers.size(), 1000u);
  EXPECT_EQ(d.spent(), kCost);
  EXPECT_TRUE(d.at_rest());
  EXPECT_EQ(d.relay().wake_at(), Instant::never()) << "no timer is left";
}

TEST(Flights, OneThatIsGivenAnAnswerKeepsItsRequestAndReturnsItsTokens) {
  Crowd d;
  const auto& limits = d.engines().accounts[1].limits;
  const CallId first = d.come(d.request("main", "shop"));
  d.come(d.request("main", "shop"));
  d.answer_it(first, Usage{});
  EXPECT_GT(limits.tokens->share_left(d.now), 0.9999);
  EXPECT_LT(limits.requests->share_left(d.now), 0.999);
}

// ---- who does not join --------------------------------------------------------------------------

TEST(Flights, OnlyEqualRequestsOfOneTenantThatMayBeCachedJoin) {
  Crowd d;
  Request fresh = d.request(), alone = d.request(), store = d.request(), apart = d.request();
  apart.cache_namespace = "another";
  fresh.no_cache = true;
  alone.no_store = true;
  store.facts.cacheable = false;
  d.come();
  for (Request request : {fresh, alone, store, apart, d.request("main", "shop"),
                          d.request("main", "", "another question")})
    EXPECT_TRUE(d.asks(d.come(std::move(request))));
  EXPECT_TRUE(d.asks(d.come(spoken_to())));
  EXPECT_FALSE(d.asks(d.come()));
}

TEST(Flights, WhoAsksForOneModelDoesNotWaitForAnother) {
  Config config = caching();
  config.default_route = 0;
  Crowd d(config);
  d.come(d.request("near-model"));
  EXPECT_TRUE(d.asks(d.come(d.request("far-model"))));
  EXPECT_FALSE(d.asks(d.come(d.request("near/near-model"))));
}

TEST(Flights, WithoutACacheThereAreNone) {
  Crowd d(small_config());
  const CallId first = d.come(), second = d.come();
  EXPECT_TRUE(d.asks(second));
  EXPECT_EQ(d.engines().flights.members(), 0u);
  d.answer_it(first);
  EXPECT_FALSE(d.answered(second));
}

// ---- who asked has no answer --------------------------------------------------------------------

TEST(Flights, AFailureIsNotSharedAndOneTakesOver) {
  Crowd d;
  const CallId first = d.come(), second = d.come(), third = d.come();
  d.refuse(first);
  EXPECT_EQ(d.answer_of(first).status, 400);
  EXPECT_TRUE(d.asks(second));
  EXPECT_FALSE(d.asks(third)) << "exactly one";
  d.answer_it(second);
  EXPECT_EQ(d.cache_of(second), "miss");
  EXPECT_EQ(d.answer_of(second).cost, kCost);
  EXPECT_EQ(d.cache_of(third), "joined");
  EXPECT_EQ(d.spent(), kCost) << "a 400 is not billed";
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, ACancelledOneIsFollowedByTheNext) {
  Crowd d;
  const CallId first = d.come(), second = d.come(), third = d.come();
  d.feed(Sent{d.asked[first].back()});
  d.leave(first);
  EXPECT_EQ(d.aborted, d.asked[first]);
  EXPECT_EQ(d.answer_of(first).kind, AnswerKind::cancelled);
  EXPECT_TRUE(d.asks(second));
  EXPECT_FALSE(d.asks(third));
  d.leave(second);
  d.answer_it(third);
  EXPECT_EQ(d.answer_of(third).kind, AnswerKind::ok);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, ALateOneIsFollowedByTheNext) {
  Crowd d;
  const CallId first = d.come(seconds(5)), second = d.come(seconds(30));
  d.wait(seconds(5));
  EXPECT_EQ(d.answer_of(first).kind, AnswerKind::deadline_exceeded);
  ASSERT_TRUE(d.asks(second));
  d.answer_it(second);
  EXPECT_EQ(d.answer_of(second).kind, AnswerKind::ok);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneWhoLeavesTheRouteIsFollowedByTheNext) {
  Config config = caching();
  config.routes[0].targets.resize(1);
  config.routes.push_back(config.routes[0]);
  config.routes[1].name = "other";
  config.routes[1].targets = {{.target = kFar}};
  Crowd d(config, keeping(seconds(60), 2));
  Request request = d.request();
  request.facts.fallbacks = {"other"};
  const CallId first = d.come(request), second = d.come();
  Outcome outcome;
  outcome.status = 503;
  for (int i = 0; i < 9 && d.tries.back().target == kNear && !d.answered(first); ++i) {
    d.end(first, outcome, "{}");
    d.wait(milliseconds(1));
    if (d.asks(second)) break;
    d.wait(seconds(2));
  }
  ASSERT_TRUE(d.asks(second));
  EXPECT_EQ(d.asked.size(), 2u);
  d.answer_it(first);
  EXPECT_EQ(d.answer_of(first).target, kFar);
  EXPECT_FALSE(d.answered(second)) << "that is not a target of its route";
  d.answer_it(second);
  EXPECT_EQ(d.answer_of(second).target, kNear);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneWhoWaitsMayGo) {
  Crowd d;
  const CallId first = d.come(), second = d.come(), third = d.come();
  d.leave(second);
  EXPECT_EQ(d.answer_of(second).kind, AnswerKind::cancelled);
  EXPECT_EQ(d.answer_of(second).cost, NanoUsd{0});
  EXPECT_EQ(d.tries.size(), 1u);
  d.answer_it(first);
  EXPECT_EQ(d.cache_of(third), "joined");
  EXPECT_TRUE(d.at_rest());
}

// ---- an answer that is not for others -----------------------------------------------------------

TEST(Flights, AnAnswerThatMayNotBeKeptIsNotSharedAndNobodyQueuesForIt) {
  for (bool ttl : {false, true}) {
    Crowd d(caching(), keeping(ttl ? Duration::zero() : seconds(60)));
    const CallId first = d.come(), second = d.come(), third = d.come();
    d.answer_it(first, ttl ? std::optional(Usage{.in = 20, .out = 10}) : std::nullopt);
    EXPECT_EQ(d.answer_of(first).kind, AnswerKind::ok);
    EXPECT_TRUE(d.asks(second) && d.asks(third)) << "it may be so for each of them";
    d.answer_it(second);
    EXPECT_FALSE(d.answered(third));
    d.answer_it(third);
    EXPECT_EQ(d.cache_of(third), "miss");
    EXPECT_TRUE(d.at_rest());
  }
}

TEST(Flights, OneTooLargeToKeepIsSharedStill) {
  Config config = caching();
  config.cache.max_entry_bytes = 1;
  Crowd d(config);
  const CallId first = d.come(), second = d.come();
  d.answer_it(first);
  EXPECT_EQ(d.cache_of(second), "joined");
  EXPECT_TRUE(d.asks(d.come())) << "it was not stored";
}

TEST(Flights, WhoWantsNoStandInIsNotGivenItsAnswer) {
  Config config = caching();
  config.routes[0].targets[1].downgrade_only = true;
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  PolicySet set = keeping();
  set[0].cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
  Crowd d(config, std::move(set));
  Request careful = d.request();
  careful.no_downgrade = true;
  const CallId first = d.come(), second = d.come(careful), third = d.come();
  ASSERT_EQ(d.tries[0].target, kFar);
  d.answer_it(first);
  EXPECT_EQ(d.cache_of(third), "joined");
  ASSERT_TRUE(d.asks(second));
  EXPECT_EQ(d.tries[1].target, kNear);
  d.answer_it(second);
  EXPECT_TRUE(d.at_rest());
}

// ---- deadlines ----------------------------------------------------------------------------------

TEST(Flights, EachHasItsOwnDeadline) {
  Crowd d;
  const CallId first = d.come();
  const CallId hurried = d.come(milliseconds(1500)), other = d.come(milliseconds(1500));
  d.wait(milliseconds(1500));
  EXPECT_EQ(d.answer_of(hurried).kind, AnswerKind::deadline_exceeded);
  EXPECT_EQ(d.answer_of(hurried).sends + d.answer_of(hurried).tries, 1) << "it asked in the end";
  EXPECT_EQ(d.answer_of(other).kind, AnswerKind::deadline_exceeded);
  EXPECT_FALSE(d.asks(other)) << "somebody had just begun to";
  EXPECT_FALSE(d.answered(first));
  d.answer_it(first);
  EXPECT_EQ(d.answer_of(first).kind, AnswerKind::ok);
  EXPECT_TRUE(d.at_rest());
}

// A target that is silent to the first must not make the others wait in vain.
TEST(Flights, OneWhoWaitedLongAsksAsWellAndAnswersEverybody) {
  Crowd d;
  const CallId first = d.come(), second = d.come(seconds(20)), third = d.come(seconds(30));
  d.feed(Sent{d.asked[first].back()});
  d.wait(seconds(10) - nanoseconds(1));
  EXPECT_FALSE(d.asks(second));
  d.wait(nanoseconds(1));
  EXPECT_TRUE(d.asks(second));
  d.wait(seconds(1));
  d.answer_it(second);
  EXPECT_EQ(d.cache_of(second), "miss");
  EXPECT_EQ(d.cache_of(third), "joined");
  EXPECT_EQ(d.cache_of(first), "joined") << "the silent attempt is given up";
  EXPECT_EQ(d.aborted, d.asked[first]);
  EXPECT_EQ(d.answer_of(first).body.view(), d.answer_of(second).body.view());
  EXPECT_GT(d.answer_of(first).cost, NanoUsd{0}) << "it may have been billed: the full hold";
  EXPECT_EQ(d.spent(), d.answer_of(first).cost + d.answer_of(second).cost);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneWhoAskedAsWellIsGivenTheAnswerOfTheFirst) {
  Crowd d;
  const CallId first = d.come(), second = d.come(seconds(20));
  d.feed(Sent{d.asked[first].back()});
  d.wait(seconds(10));
  ASSERT_TRUE(d.asks(second));
  d.answer_it(first);
  EXPECT_EQ(d.cache_of(second), "joined");
  EXPECT_EQ(d.answer_of(second).sends, 0) << "nothing had left";
  EXPECT_EQ(d.answer_of(second).trace->waited, seconds(10));
  EXPECT_EQ(d.answer_of(second).cost, NanoUsd{0});
  EXPECT_EQ(d.aborted, d.asked[second]);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, ASilentTargetCostsAHandfulOfSends) {
  Config config = caching();
  config.routes[0].targets.resize(1);
  Crowd d(config);
  for (int i = 0; i < 100; ++i) d.come(seconds(32));
  for (int s = 0; s < 33; ++s) {
    for (const auto& [call, attempts] : d.asked) d.feed(Sent{attempts.back()});
    d.wait(seconds(1));
  }
  EXPECT_EQ(d.answers.size(), 100u);
  EXPECT_GE(d.tries.size(), 3u);
  EXPECT_LE(d.tries.size(), 6u) << "at 0, 16, 24, 28 and 30 s";
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneThatCannotPayForItsOwnGoesOnWaiting) {
  Config config = caching();
  config.accounts[0].budget->limit = NanoUsd{500'000};  // a hold is more than half of it
  Crowd d(config);
  const CallId first = d.come(), second = d.come(seconds(20));
  d.feed(Sent{d.asked[first].back()});
  d.wait(seconds(11));
  EXPECT_FALSE(d.asks(second));
  EXPECT_FALSE(d.answered(second)) << "no refusal while somebody asks";
  d.answer_it(first);
  EXPECT_EQ(d.cache_of(second), "joined");
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneWithoutAnyTimeIsToldSo) {
  Crowd d;
  const CallId first = d.come(), second = d.come(Duration::zero());
  d.wait(Duration::zero());
  EXPECT_EQ(d.answer_of(second).kind, AnswerKind::deadline_exceeded);
  d.answer_it(first);
  EXPECT_TRUE(d.at_rest());
}

// ---- a reload -----------------------------------------------------------------------------------

TEST(Flights, EndWhereTheyBeganWhenAnotherRelayTakesOver) {
  Crowd before, after;
  const CallId first = before.come(), second = before.come();
  after.follow(before);
  const CallId later = after.come();
  EXPECT_TRUE(after.asks(later)) << "a flight of its own";
  before.answer_it(first);
  EXPECT_EQ(before.cache_of(second), "joined");
  after.answer_it(later);
  EXPECT_TRUE(before.at_rest() && after.at_rest());
}

// ---- streams ------------------------------------------------------------------------------------

using Streams = Speaking<Crowd>;

TEST(Flights, AStreamIsGivenWholeToThoseWhoWait) {
  Streams d;
  const CallId first = d.come_streaming(), second = d.come_streaming();
  d.say(first, 0, 3);
  EXPECT_TRUE(d.delivered_to[second].empty());
  d.say(first, 3, 5);
  d.close(first);
  EXPECT_EQ(d.delivered_to[second], kSpokenWhole);
  EXPECT_EQ(d.delivered_to[second], d.delivered_to[first]);
  EXPECT_TRUE(d.answer_of(second).streamed);
  EXPECT_EQ(d.answer_of(second).kind, AnswerKind::ok);
  ASSERT_EQ(d.heads.size(), 2u);
  EXPECT_EQ(d.heads[1]->cache, "joined");
  EXPECT_EQ(d.cache_of(second), "joined");
  EXPECT_EQ(d.spent(), kCost);
  EXPECT_TRUE(d.at_rest());
}

TEST(Flights, OneWhoWaitsForAStreamSeesNothingOfItsBreak) {
  Streams d;
  const CallId first = d.come_streaming(), second = d.come_streaming();
  d.say(first, 0, 2);
  d.leave(first);
  EXPECT_TRUE(d.delivered_to[second].empty());
  ASSERT_TRUE(d.asks(second));
  d.say(second, 0, 5);
  d.close(second);
  EXPECT_EQ(d.delivered_to[second], kSpokenWhole);
  EXPECT_TRUE(d.at_rest());
}

// Its own stream has begun: another's answer comes too late.
TEST(Flights, AStreamThatHasBegunGoesOn) {
  Streams d;
  const CallId first = d.come_streaming();
  Request request = spoken_to();
  request.timeout = seconds(20);
  const CallId second = d.come(request);
  d.say(first, 0, 2);
  d.wait(seconds(10));
  ASSERT_TRUE(d.asks(second));
  d.say(second, 0, 2);
  d.say(first, 2, 5);
  d.close(first);
  EXPECT_FALSE(d.answered(second));
  d.say(second, 2, 5);
  d.close(second);
  EXPECT_EQ(d.cache_of(second), "miss");
  EXPECT_EQ(d.delivered_to[second], d.delivered_to[first]);
  EXPECT_EQ(d.spent(), kCost + kCost);
  EXPECT_TRUE(d.at_rest());
}

}  // namespace
}  // namespace keel::relay
