// What the checker sees without any engine's word: breakers by the changes of their state, billing
// accounts, bills and places by its own books. Each is broken here and must be named.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

relay::Config plain(Duration health_checks = Duration::zero()) {
  relay::Config config;
  relay::ProviderConfig provider;
  provider.name = "p";
  provider.keys.resize(1);
  provider.models.push_back({.name = "m", .price = Price{.in = 1'000'000'000, .out = 0}});
  config.targets.push_back({"p/m", 0});
  config.providers.push_back(std::move(provider));
  relay::RouteConfig route;
  route.name = "r";
  route.targets = {{.target = 0}};
  config.routes = {route};
  config.accounts = {{.name = "relay"}};
  config.health_check.interval = health_checks;
  return config;
}

relay::Request request(CallId call) {
  relay::Request out;
  out.call = call;
  out.facts.model = "r";
  return out;
}

// A checker on a relay that does nothing, told of traffic that never was; and that relay's engines,
// to put them where no relay would.
struct Outside {
  explicit Outside(const relay::Config& config = plain())
      : simulator(std::make_shared<const relay::Config>(config), {}, std::vector<ProviderModel>(1),
                  1, &checker) {}

  relay::Engines& engines() { return const_cast<relay::Engines&>(simulator.relay().engines()); }
  engine::Breaker& breaker() { return engines().targets[0].breaker; }
  AttemptId send(CallId call, Fault fault = Fault::none, Usage usage = {}) {
    checker.arrived(request(call), now);
    exchange = exchange_of(fault, usage, seconds(1), now);
    checker.send({.call = call, .attempt = ++attempts, .target = 0, .key = 0u}, exchange, now);
    checker.sent(attempts, now);
    checker.after_event(now);
    return attempts;
  }
  void finish(AttemptId attempt) { checker.finished(attempt, exchange, {}, now); }
  void pass(Duration time) {
    now = now + time;
    checker.after_event(now);
  }
  void answer(CallId call, int sends, NanoUsd posted = {}) {
    relay::Answer out;
    out.sends = sends;
    out.cost = posted;
    auto trace = std::make_shared<relay::Trace>();
    trace->attempts.push_back({.posted = posted});
    out.trace = trace;
    checker.responded(call, out, now);
  }
  bool names(const std::string& invariant) const {
    const auto& all = checker.violations();
    return std::any_of(all.begin(), all.end(), [&](const std::string& violation) {
      return violation.starts_with(invariant + " ");
    });
  }
  std::string found() const {
    std::string out;
    for (const std::string& violation : checker.violations()) out += "\n  " + violation;
    return out.empty() ? "no violation" : out;
  }

  Checker checker;
  Simulator simulator;
  Exchange exchange;
  AttemptId attempts = 0;
  Instant now;
};

TEST(CheckerOutside, SeesAResultOfAnEarlierEpochMoveABreaker) {
  for (const bool late : {true, false}) {
    Outside o;
    AttemptId attempt = o.send(1);
    if (!late) o.finish(attempt);
    o.breaker().trip(o.now);
    o.pass(seconds(1));
    o.breaker().half_open(o.now);
    o.pass(seconds(1));
    EXPECT_TRUE(o.checker.violations().empty()) << o.found();
    if (!late) attempt = o.send(2);
    o.finish(attempt);
    o.breaker().trip(o.now);
    o.pass({});
    EXPECT_EQ(o.names("C3"), late) << o.found();
  }
}

TEST(CheckerOutside, KnowsAnEarlierEpochsResultThatMovesNothing) {
  Outside o;
  const AttemptId attempt = o.send(1);
  o.breaker().trip(o.now);
  o.pass(seconds(1));
  o.finish(attempt);
  o.pass({});
  o.breaker().half_open(o.now);  // in another event
  o.pass({});
  EXPECT_TRUE(o.checker.violations().empty()) << o.found();
}

TEST(CheckerOutside, SeesABreakerThatStaysOpen) {
  Outside o;
  o.breaker().trip(o.now);
  o.pass({});
  o.pass(milliseconds(16'500));  // the longest wait
  EXPECT_TRUE(o.checker.violations().empty()) << o.found();
  o.pass(milliseconds(1'001));
  EXPECT_TRUE(o.names("C2")) << o.found();
}

TEST(CheckerOutside, SeesAGoodFreeCallMoveNothing) {
  for (const bool moved : {true, false}) {
    Outside o(plain(seconds(15)));
    o.breaker().trip(o.now);
    o.pass({});
    for (ProbeId probe = 1; probe <= 3; ++probe) {
      o.pass(seconds(10));
      o.checker.probe({.probe = probe});
      o.checker.probed({probe, true, 200}, o.now);
      if (moved) o.breaker().half_open(o.now);
      o.pass({});
    }
    EXPECT_EQ(o.names("C2"), !moved) << o.found();
  }
}

TEST(CheckerOutside, LetsABreakerWaitAgainAfterABadFreeCall) {
  Outside o(plain(seconds(15)));
  o.breaker().trip(o.now);
  o.pass({});
  for (ProbeId probe = 1; probe <= 9; ++probe) {
    o.pass(seconds(10));
    o.checker.probe({.probe = probe});
    if (probe % 3 == 0)
      o.checker.probe_given_up(probe, o.now);
    else
      o.checker.probed({probe, probe % 3 == 1, 200}, o.now);
    o.pass({});
  }
  EXPECT_TRUE(o.checker.violations().empty()) << o.found();
}

TEST(CheckerOutside, SeesAnExhaustedAccountAskedByAnotherRequest) {
  for (const bool early : {true, false}) {
    Outside o;
    o.finish(o.send(1, Fault::quota));
    o.now = o.now + minutes(15) - nanoseconds(early ? 1 : 0);
    o.send(2);
    EXPECT_EQ(o.names("K1"), early) << o.found();
  }
}

TEST(CheckerOutside, SeesAnOverrunThatIsNotPosted) {
  for (const bool posted : {false, true}) {
    Outside o;
    const AttemptId attempt = o.send(1, Fault::overrun, {.in = 1});
    o.exchange.outcome.usage->in = 3;
    o.finish(attempt);
    o.answer(1, 1, NanoUsd{posted ? 3'000 : 1'000});
    EXPECT_EQ(o.names("B3"), !posted) << o.found();
  }
}

TEST(CheckerOutside, SeesAProviderLeftRunning) {
  Outside o;
  const AttemptId attempt = o.send(1);
  o.finish(attempt);
  o.answer(1, 1);
  EXPECT_FALSE(o.names("X2")) << o.found();
  o.send(2);
  o.answer(2, 1);
  EXPECT_TRUE(o.names("X2")) << o.found();
}

TEST(CheckerOutside, SeesABurstOfOneTooMany) {
  for (const int64_t limit : {6, 12}) {
    relay::Config strict = plain(), config = plain();
    strict.accounts[0].limits.requests_per_minute = 6;
    config.accounts[0].limits.requests_per_minute = limit;
    Checker checker(std::make_shared<const relay::Config>(strict));
    Simulator simulator(std::make_shared<const relay::Config>(config), {},
                        std::vector<ProviderModel>(1), 1, &checker);
    for (CallId call = 1; call <= 3; ++call) simulator.arrive(request(call), Instant{});
    simulator.run();
    checker.at_rest(simulator.now());
    EXPECT_EQ(checker.violations().empty(), limit == 6);
    if (limit == 12) {
      EXPECT_TRUE(checker.violations().at(0).starts_with("L1 "));
    }
  }
}

TEST(CheckerOutside, SeesWhoWaitsForAnEqualRequestForgotten) {
  relay::Config config = plain();
  config.routes[0].cache = relay::RouteCache{.when = relay::CacheWhen::always};
  Outside o(config);
  o.simulator.script = [](const relay::Send&, Instant now) {
    return exchange_of(Fault::none, {}, seconds(30), now);
  };
  for (CallId call = 1; call <= 2; ++call) {
    relay::Request equal = request(call);
    equal.body = Body::copy_of(R"({"model":"r","messages":[{"role":"user","content":"q"}]})");
    equal.facts.cacheable = true;
    o.simulator.arrive(equal, Instant{});
  }
  o.simulator.run(Instant{} + seconds(1));
  const relay::Call* first = o.simulator.relay().find(1);
  ASSERT_TRUE(first && o.simulator.relay().find(2)->parked);
  std::vector<engine::SingleFlight::Member> nobody_told;
  o.engines().flights.land(first->seat, std::nullopt, nobody_told);
  o.now = o.simulator.now();
  o.pass(seconds(2));
  EXPECT_FALSE(o.names("A9")) << o.found();
  o.pass(seconds(2));
  EXPECT_TRUE(o.names("A9")) << o.found();
}

}  // namespace
}  // namespace keel::sim
