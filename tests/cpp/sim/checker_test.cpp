// A checker that never fails proves nothing. Each invariant is broken here on purpose and must be
// named: by a relay that runs with laxer numbers than the checker holds it to, by providers that do
// something else than they report, and by forged traffic.

#include "sim/checker.hpp"

#include "sim/simulator.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

using relay::Config;

// One provider with one key and one model per target, two targets, prices and a budget.
Config plain() {
  Config config;
  for (const char* name : {"p0", "p1"}) {
    relay::ProviderConfig provider;
    provider.name = name;
    provider.keys.resize(1);
    provider.models.push_back({.name = std::string("m-") + name,
                               .price = Price{.in = 1'000'000'000, .out = 1'000'000'000},
                               .output_tokens = 1'000});
    config.targets.push_back({provider.name + "/" + provider.models[0].name,
                              static_cast<ProviderIndex>(config.providers.size())});
    config.providers.push_back(std::move(provider));
  }
  relay::RouteConfig route;
  route.name = "r";
  route.targets = {{.target = 0}, {.target = 1}};
  config.routes = {route};
  config.accounts = {{.name = "relay"}};
  config.accounts[0].budget =
      engine::AccountSettings{.name = "relay", .limit = {1'000'000'000'000}};
  config.health_check.interval = Duration::zero();
  return config;
}

relay::Request request(CallId call) {
  relay::Request out;
  out.call = call;
  out.facts.model = "r";
  out.facts.input_tokens_estimate = 20;
  out.facts.input_tokens_bound = 80;
  out.facts.max_output_tokens = 100;
  return out;
}

bool names(const Checker& checker, const std::string& invariant) {
  const auto& all = checker.violations();
  return std::any_of(all.begin(), all.end(), [&](const std::string& violation) {
    return violation.starts_with(invariant + " ");
  });
}
std::string all_of(const Checker& checker) {
  std::string out;
  for (const std::string& violation : checker.violations()) out += "\n  " + violation;
  return out.empty() ? "no violation" : out;
}

using Change = std::function<void(Config&)>;
using Script = std::function<std::optional<Exchange>(const relay::Send&, Instant)>;

// A relay with `lax` numbers, a checker with strict ones, `requests` a tenth of a second apart.
void expect_violation(const std::string& invariant, const Change& lax, const Change& strict,
                      const Script& script, int requests, bool until_rest = true) {
  for (bool broken : {false, true}) {
    Config strictly = plain();
    strict(strictly);
    Config laxly = strictly;
    if (broken) lax(laxly);
    Checker checker(std::make_shared<const Config>(strictly));
    Simulator simulator(std::make_shared<const Config>(laxly), {}, std::vector<ProviderModel>(2), 1,
                        &checker);
    simulator.script = script;
    for (int i = 0; i < requests; ++i)
      simulator.arrive(request(static_cast<CallId>(i + 1)), Instant{} + milliseconds(100 * i));
    if (until_rest) {
      simulator.run();
      checker.at_rest(simulator.now());
    } else {
      simulator.run(Instant{} + seconds(5));
    }
    EXPECT_EQ(names(checker, invariant), broken) << invariant << ": " << all_of(checker);
    if (!broken) {
      EXPECT_TRUE(checker.violations().empty()) << invariant << ": " << all_of(checker);
    }
  }
}

Script always(Fault fault, Usage usage = {.in = 20, .out = 10}, Duration takes = seconds(1)) {
  return [=](const relay::Send&, Instant now) { return exchange_of(fault, usage, takes, now); };
}
void as_it_is(Config&) {}

// ---- a relay with laxer numbers ----

TEST(Checker, SeesTooManySends) {
  expect_violation(
      "R1", [](Config& c) { c.routes[0].retry.max_attempts = 4; },
      [](Config& c) { c.routes[0].retry.max_attempts = 2; }, always(Fault::server_error), 1);
}

TEST(Checker, SeesTooManyTries) {
  expect_violation(
      "R1", [](Config& c) { c.routes[0].retry.max_attempts = 4; },
      [](Config& c) { c.routes[0].retry.max_attempts = 2; }, always(Fault::refused), 1);
}

TEST(Checker, SeesASilentTargetAskedAgain) {
  expect_violation(
      "R2", [](Config& c) { c.routes[0].retry.retry_silent = true; },
      [](Config& c) { c.routes[0].attempt_timeout = seconds(5); }, always(Fault::silence), 1);
}

TEST(Checker, SeesContentPolicyRoutedAround) {
  expect_violation(
      "R2", [](Config& c) { c.routes[0].fallback_on_content_policy = true; }, as_it_is,
      always(Fault::content_policy), 1);
}

TEST(Checker, SeesAnAnswerAfterTheDeadline) {
  Config strict = plain();
  strict.routes[0].timeout = seconds(20);
  Checker checker(std::make_shared<const Config>(strict));
  Simulator simulator(std::make_shared<const Config>(plain()), {}, std::vector<ProviderModel>(2), 1,
                      &checker);
  simulator.script = always(Fault::none, {.in = 20, .out = 10}, seconds(21));
  simulator.arrive(request(1), Instant{});
  simulator.run();
  EXPECT_TRUE(names(checker, "R3")) << all_of(checker);
}

TEST(Checker, SeesTooManyExtraSends) {
  const auto budget = [](int64_t floor) {
    return engine::RetryBudgetSettings{.ratio = 0, .floor = floor};
  };
  expect_violation(
      "R4", [&](Config& c) { c.routes[0].retry.extra_sends = budget(1'000); },
      [&](Config& c) {
        c.routes[0].retry.extra_sends = budget(3);
        c.breaker.consecutive = 0;
        c.breaker.failure_rate = 2;
      },
      always(Fault::server_error), 10);
  expect_violation(
      "R4", [&](Config& c) { c.routes[0].retry.retry_budget = budget(1'000); },
      [&](Config& c) {
        c.routes[0].retry.retry_budget = budget(3);
        c.routes[0].retry.extra_sends = budget(1'000);
        c.breaker.consecutive = 0;
        c.breaker.failure_rate = 2;
      },
      always(Fault::server_error), 10);
}

TEST(Checker, SeesTooManyTrials) {
  expect_violation(
      "C1", [](Config& c) { c.breaker.half_open_in_flight = 3; },
      [](Config& c) { c.breaker.open = milliseconds(500); },
      [](const relay::Send& send, Instant now) {
        const bool ill = now < Instant{} + seconds(3);
        return exchange_of(ill && send.target == 0 ? Fault::server_error : Fault::none,
                           {.in = 20, .out = 10}, seconds(1), now);
      },
      100);
}

TEST(Checker, SeesABudgetOverspent) {
  expect_violation(
      "B1", [](Config& c) { c.accounts[0].budget->limit = {1'000'000'000}; },
      [](Config& c) { c.accounts[0].budget->limit = {400'000}; }, always(Fault::no_usage), 10);
}

TEST(Checker, SeesADowngradeThatRaisesThePrice) {
  expect_violation(
      "A8", [](Config& c) { c.providers[1].models[0].price = Price{.in = 100, .out = 100}; },
      [](Config& c) {
        c.accounts[0].budget->limit = {100'000};  // the first target takes more
        c.providers[1].models[0].price = Price{.in = 2'000'000'000, .out = 2'000'000'000};
      },
      always(Fault::none), 1);
}

TEST(Checker, SeesASendWhereOnlyStoredAnswersAreGiven) {
  expect_violation(
      "A8", [](Config& c) { c.accounts[0].tiers.cache_only.reset(); },
      [](Config& c) {
        c.accounts[0].budget->limit = {1'000'000};
        c.accounts[0].tiers.cache_only = 30;
      },
      always(Fault::none), 10);
}

TEST(Checker, SeesARateExceeded) {
  expect_violation(
      "L1", [](Config& c) { c.accounts[0].limits.requests_per_minute = 600; },
      [](Config& c) { c.accounts[0].limits.requests_per_minute = 6; }, always(Fault::none), 50);
}

// ---- providers that do something else than they report ----

// What the provider truly does is `truth`; what the relay is told is `told`.
Script lying(Fault truth, Fault told, Usage billed = {.in = 20, .out = 10}) {
  return [=](const relay::Send&, Instant now) {
    Exchange out = exchange_of(told, {.in = 20, .out = 10}, seconds(1), now);
    out.fault = truth;
    out.true_usage = billed;
    return out;
  };
}

void expect_lie_found(const std::string& invariant, const Script& script, int requests = 1,
                      const Change& change = as_it_is) {
  Config config = plain();
  change(config);
  Checker checker;
  Simulator simulator(std::make_shared<const Config>(config), {}, std::vector<ProviderModel>(2), 1,
                      &checker);
  simulator.script = script;
  for (int i = 0; i < requests; ++i)
    simulator.arrive(request(static_cast<CallId>(i + 1)), Instant{} + seconds(i));
  simulator.run();
  checker.at_rest(simulator.now());
  EXPECT_TRUE(names(checker, invariant)) << invariant << ": " << all_of(checker);
}

TEST(Checker, SeesSendsAfterWhatEndsARequest) {
  for (Fault truth : {Fault::bad_request, Fault::redirect, Fault::content_policy, Fault::none})
    expect_lie_found("R2", lying(truth, Fault::server_error));
}
TEST(Checker, SeesSendsToATargetThatIsOver) {
  for (Fault truth : {Fault::unsupported, Fault::told_not_to_retry, Fault::gateway_timeout})
    expect_lie_found("R2", lying(truth, Fault::server_error));
}
TEST(Checker, SeesAnExhaustedAccountAskedAgain) {
  expect_lie_found("R2", lying(Fault::quota, Fault::server_error));
}
TEST(Checker, SeesAnOverloadedProviderAskedAgain) {
  expect_lie_found("R2", lying(Fault::overloaded, Fault::server_error));
}
TEST(Checker, SeesATooSmallContextAskedAgain) {
  expect_lie_found("R2", lying(Fault::too_long, Fault::server_error));
}
TEST(Checker, SeesADeadKeyUsed) {
  expect_lie_found("K1", lying(Fault::unauthorized, Fault::server_error));
}
TEST(Checker, SeesADeniedModelUsed) {
  expect_lie_found("K1", lying(Fault::forbidden, Fault::server_error));
}
TEST(Checker, SeesABillAboveWhatWasPosted) {
  expect_lie_found("B3", lying(Fault::none, Fault::none, {.in = 20, .out = 11}));
  expect_lie_found("B3", lying(Fault::server_error, Fault::server_error, {.in = 1}));
}
TEST(Checker, SeesSideEffectsRepeated) {
  Checker checker;
  Simulator simulator(std::make_shared<const Config>(plain()), {}, std::vector<ProviderModel>(2), 1,
                      &checker);
  simulator.script = lying(Fault::reset, Fault::server_error);
  relay::Request repeatable = request(1);
  repeatable.facts.side_effects = true;
  simulator.arrive(repeatable, Instant{});
  simulator.run();
  EXPECT_TRUE(names(checker, "R2")) << all_of(checker);
}

// ---- forged traffic ----

// A checker on a relay that does nothing, told of traffic that never was.
struct Forgery {
  explicit Forgery(const Config& config = plain())
      : simulator(std::make_shared<const Config>(config), {}, std::vector<ProviderModel>(2), 1,
                  &checker) {}

  void arrive(CallId call) { checker.arrived(request(call), now); }
  AttemptId send(CallId call, TargetIndex target, Fault fault, Usage usage = {}) {
    const relay::Send action{.call = call, .attempt = ++attempts, .target = target, .key = 0u};
    exchange = exchange_of(fault, usage, seconds(1), now, seconds(5));
    checker.send(action, exchange, now);
    checker.sent(attempts, now);
    return attempts;
  }
  void finish(AttemptId attempt, std::string reply = {}) {
    checker.finished(attempt, exchange, Body::take(std::move(reply)), now);
  }
  relay::Answer answer(int sends) const {
    relay::Answer out;
    out.sends = sends;
    out.trace = std::make_shared<relay::Trace>();
    return out;
  }

  Checker checker;
  Simulator simulator;
  Exchange exchange;
  AttemptId attempts = 0;
  Instant now;
};

TEST(Checker, SeesAWaitShorterThanAsked) {
  Forgery f;
  f.arrive(1);
  f.finish(f.send(1, 0, Fault::unavailable));
  f.now = f.now + seconds(5) - nanoseconds(1);
  f.send(1, 0, Fault::none);
  EXPECT_TRUE(names(f.checker, "R5")) << all_of(f.checker);

  Forgery patient;
  patient.arrive(1);
  patient.finish(patient.send(1, 0, Fault::unavailable));
  patient.now = patient.now + seconds(5);
  patient.send(1, 0, Fault::none);
  EXPECT_TRUE(patient.checker.violations().empty()) << all_of(patient.checker);
}

TEST(Checker, SeesAWaitWithoutEnd) {
  Forgery f;
  f.arrive(1);
  f.finish(f.send(1, 0, Fault::server_error));
  f.now = f.now + seconds(132) + nanoseconds(1);
  f.send(1, 1, Fault::none);
  EXPECT_TRUE(names(f.checker, "R5")) << all_of(f.checker);
}

TEST(Checker, SeesACoolingKeyUsed) {
  Forgery f;
  f.arrive(1);
  f.finish(f.send(1, 0, Fault::throttled));
  f.arrive(2);
  f.now = f.now + seconds(4);
  f.send(2, 0, Fault::none);
  EXPECT_TRUE(names(f.checker, "K1")) << all_of(f.checker);
}

TEST(Checker, SeesASendBehindAnOpenBreaker) {
  Checker checker;
  Config config = plain();
  config.routes[0].targets.resize(1);
  Simulator simulator(std::make_shared<const Config>(config), {}, std::vector<ProviderModel>(2), 1,
                      &checker);
  simulator.script = always(Fault::server_error);
  for (CallId call = 1; call <= 5; ++call) simulator.arrive(request(call), Instant{});
  simulator.run(Instant{} + seconds(3));
  ASSERT_EQ(simulator.relay().engines().targets[0].breaker.state(), engine::Breaker::State::open);
  ASSERT_TRUE(checker.violations().empty()) << all_of(checker);
  checker.arrived(request(100), simulator.now());
  checker.send({.call = 100, .attempt = 1'000'000, .target = 0}, {}, simulator.now());
  EXPECT_TRUE(names(checker, "C5")) << all_of(checker);
}

TEST(Checker, SeesASendAtTheDeadline) {
  Forgery f;
  relay::Request hurried = request(1);
  hurried.timeout = seconds(1);
  f.checker.arrived(hurried, f.now);
  f.now = f.now + seconds(1);
  f.send(1, 0, Fault::none);
  EXPECT_TRUE(names(f.checker, "R3")) << all_of(f.checker);
}

TEST(Checker, SeesACallThatIsNeverAnswered) {
  Forgery f;
  f.arrive(1);
  f.checker.at_rest(f.now);
  EXPECT_TRUE(names(f.checker, "R3")) << all_of(f.checker);

  Forgery late;
  late.arrive(1);
  late.checker.after_event(late.now + seconds(600) + milliseconds(101));
  EXPECT_TRUE(names(late.checker, "R3")) << all_of(late.checker);
}

TEST(Checker, SeesACallAnsweredTwice) {
  Forgery f;
  f.arrive(1);
  f.checker.responded(1, f.answer(0), f.now);
  EXPECT_TRUE(f.checker.violations().empty()) << all_of(f.checker);
  f.checker.responded(1, f.answer(0), f.now);
  EXPECT_TRUE(names(f.checker, "R3")) << all_of(f.checker);
}

TEST(Checker, SeesSendsNobodyOwnsUpTo) {
  Forgery f;
  f.arrive(1);
  f.finish(f.send(1, 0, Fault::none));
  f.checker.responded(1, f.answer(0), f.now);
  EXPECT_TRUE(names(f.checker, "R1")) << all_of(f.checker);
}

TEST(Checker, SeesACostThatIsNotTheSumOfItsPostings) {
  Forgery f;
  f.arrive(1);
  relay::Answer answer = f.answer(0);
  answer.cost = {1};
  f.checker.responded(1, answer, f.now);
  EXPECT_TRUE(names(f.checker, "B2")) << all_of(f.checker);
}

TEST(Checker, SeesPostingsTheLedgerDoesNotKnow) {
  Forgery f;
  f.arrive(1);
  f.finish(f.send(1, 0, Fault::none, {.in = 1}));
  auto trace = std::make_shared<relay::Trace>();
  trace->attempts.push_back({.posted = {1'000}});
  relay::Answer answer = f.answer(1);
  answer.trace = trace;
  answer.cost = {1'000};
  f.checker.responded(1, answer, f.now);
  EXPECT_TRUE(f.checker.violations().empty()) << all_of(f.checker);
  f.checker.at_rest(f.now);
  EXPECT_TRUE(names(f.checker, "B2")) << all_of(f.checker);
}

TEST(Checker, SeesWhatIsNotGivenBack) {
  Checker checker;
  Config config = plain();
  config.providers[0].limits.concurrency = 5;
  config.accounts[0].limits.concurrency = 5;
  Simulator simulator(std::make_shared<const Config>(config), {}, std::vector<ProviderModel>(2), 1,
                      &checker);
  simulator.script = always(Fault::silence);
  simulator.arrive(request(1), Instant{});
  simulator.run(Instant{} + seconds(1));
  checker.at_rest(simulator.now());
  EXPECT_GE(checker.violations().size(), 7u) << all_of(checker);
  EXPECT_TRUE(names(checker, "L4")) << all_of(checker);
  EXPECT_TRUE(names(checker, "C4")) << all_of(checker);
}

// ---- answers from the cache ----

constexpr const char* kAsked = R"({"model":"r","messages":[{"role":"user","content":"q"}]})";

Config caching(Duration if_error = {}, Duration while_revalidate = {}) {
  Config config = plain();
  config.routes[0].cache = relay::RouteCache{.when = relay::CacheWhen::always};
  config.routes[0].cache->ttl = {.id = "fixed_ttl", .settings = {{"ttl_seconds", int64_t{60}}}};
  config.routes[0].cache->stale_if_error = if_error;
  config.routes[0].cache->stale_while_revalidate = while_revalidate;
  return config;
}

struct CacheForgery : Forgery {
  explicit CacheForgery(Config config = caching()) : Forgery(std::move(config)) {
    first = request(1);
    first.body = Body::copy_of(kAsked);
    checker.arrived(first, now);
    finish(send(1, 0, Fault::none), "the reply");
    checker.responded(
        1,
        [&] {
          relay::Answer out = answer(1);
          out.body = Body::copy_of("the reply");
          out.from_target = true;
          return out;
        }(),
        now);
    second = first;
    second.call = 2;
    second.body = Body::copy_of(
        R"({ "messages":[{"content":"\u0071","role":"user"}], "user":"u", "model":"other" })");
    hit = answer(0);
    hit.body = Body::copy_of("the reply");
    hit.cached = hit.from_target = true;
  }
  bool in_order() {
    checker.arrived(second, now);
    checker.responded(2, hit, now);
    return !names(checker, "H1") && !names(checker, "S1");
  }
  void pass(Duration time) {
    now = now + time;
    hit.age = time;
  }
  bool stale_in_order(Duration age) {
    pass(age);
    hit.stale = true;
    auto trace = std::make_shared<relay::Trace>();
    trace->cache = "stale";
    hit.trace = trace;
    return in_order();
  }

  relay::Request first, second;
  relay::Answer hit;
};

TEST(Checker, KnowsAProperHit) {
  CacheForgery f;
  f.pass(seconds(60));
  EXPECT_TRUE(f.in_order()) << all_of(f.checker);
}
TEST(Checker, SeesTheAnswerToAnotherRequest) {
  CacheForgery f;
  f.second.body = Body::copy_of(R"({"model":"r","messages":[{"role":"user","content":"p"}]})");
  EXPECT_FALSE(f.in_order());
  CacheForgery live;
  live.hit.cached = false;
  EXPECT_FALSE(live.in_order()) << "another call's reply";
  CacheForgery invented;
  invented.hit.body = Body::copy_of("nobody said this");
  EXPECT_FALSE(invented.in_order());
}
TEST(Checker, SeesAHitPastItsTime) {
  CacheForgery f;
  f.pass(seconds(60) + nanoseconds(1));
  EXPECT_FALSE(f.in_order());
  CacheForgery young;
  young.second.max_age = seconds(29);
  young.pass(seconds(30));
  EXPECT_FALSE(young.in_order());
  CacheForgery misdated;
  misdated.pass(seconds(30));
  misdated.hit.age = seconds(29);
  EXPECT_FALSE(misdated.in_order());
}
TEST(Checker, KnowsAStaleAnswerByTheRuleThatAllowsIt) {
  CacheForgery allowed(caching({}, seconds(30)));
  EXPECT_TRUE(allowed.stale_in_order(seconds(90))) << all_of(allowed.checker);
  CacheForgery too_late(caching({}, seconds(30)));
  EXPECT_FALSE(too_late.stale_in_order(seconds(90) + nanoseconds(1)));
  CacheForgery no_rule;
  EXPECT_FALSE(no_rule.stale_in_order(seconds(61)));
  CacheForgery fresh(caching({}, seconds(30)));
  EXPECT_FALSE(fresh.stale_in_order(seconds(50))) << "within its lifetime, jitter and all";
  CacheForgery unmarked(caching({}, seconds(30)));
  unmarked.pass(seconds(61));
  EXPECT_FALSE(unmarked.in_order());
  CacheForgery unsaid(caching({}, seconds(30)));
  unsaid.pass(seconds(61));
  unsaid.hit.stale = true;
  EXPECT_FALSE(unsaid.in_order()) << "the trace does not say it";
  CacheForgery no_store(caching({}, seconds(30)));
  no_store.second.no_store = true;
  EXPECT_FALSE(no_store.stale_in_order(seconds(61))) << "nothing may be refreshed in its name";
}
TEST(Checker, KnowsAStaleAnswerByTheErrorItStandsFor) {
  CacheForgery nobody(caching(seconds(30)));
  EXPECT_TRUE(nobody.stale_in_order(seconds(90))) << all_of(nobody.checker);
  for (Fault fault : {Fault::server_error, Fault::bad_request}) {
    CacheForgery failed(caching(seconds(30)));
    failed.pass(seconds(80));
    failed.checker.arrived(failed.second, failed.now);
    failed.finish(failed.send(2, 0, fault));
    failed.hit.stale = true;
    auto trace = std::make_shared<relay::Trace>();
    trace->cache = "stale";
    failed.hit.trace = trace;
    failed.hit.sends = 1;
    failed.checker.responded(2, failed.hit, failed.now);
    EXPECT_EQ(names(failed.checker, "H1"), fault == Fault::bad_request) << all_of(failed.checker);
  }
}
TEST(Checker, TellsEqualWordsApartByTheirAge) {
  CacheForgery f;
  f.pass(seconds(30));
  relay::Request again = f.first;
  again.call = 3;
  f.checker.arrived(again, f.now);
  f.finish(f.send(3, 0, Fault::none), "the reply");  // the same words, and not stored
  relay::Answer live = f.hit;
  live.cached = false;
  live.sends = 1;
  live.age = {};
  f.checker.responded(3, live, f.now);
  f.now = f.now + seconds(10);
  f.hit.age = seconds(40);
  EXPECT_TRUE(f.in_order()) << all_of(f.checker);
}
TEST(Checker, SeesAHitOfAnotherTenantOrAgainstTheCallersWish) {
  CacheForgery tenant;
  tenant.second.tenant = "t";
  EXPECT_FALSE(tenant.in_order());
  CacheForgery unwanted;
  unwanted.second.no_cache = true;
  EXPECT_FALSE(unwanted.in_order());
  CacheForgery misnamed;
  misnamed.hit.target = 1;
  EXPECT_FALSE(misnamed.in_order());
}

}  // namespace
}  // namespace keel::sim
