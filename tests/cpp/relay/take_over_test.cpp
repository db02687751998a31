// A reload: a second relay goes on where the first is, and the first finishes its calls.

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"
#include "relay/prometheus.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using prometheus::Page;

Config changed(void (*change)(Config&)) {
  Config config = small_config();
  change(config);
  return config;
}

engine::Budget::Totals money(const Driven& d, AccountIndex account = 0) {
  return d.engines().budget->totals(*d.engines().accounts[account].ledger,
                                    d.engines().unix_ns(d.now));
}

TEST(TakeOver, OfARelayThatDidNothingNothingChanges) {
  Driven before, after;
  after.follow(before);
  after.ask();
  after.succeed();
  EXPECT_EQ(after.answer->kind, AnswerKind::ok);
  EXPECT_TRUE(after.at_rest() && before.at_rest());
}

TEST(TakeOver, AHoldOfTheOneBeforeSettlesIntoTheSameSums) {
  Driven before, after;
  before.ask();
  const NanoUsd held = money(before).held;
  ASSERT_GT(held, NanoUsd{0});
  after.follow(before);
  EXPECT_EQ(money(after).held, held);
  after.ask();
  EXPECT_EQ(money(after).held, held + held);
  before.succeed({.in = 20, .out = 10});
  EXPECT_EQ(before.answer->kind, AnswerKind::ok) << "no request is dropped";
  EXPECT_EQ(money(after).held, held);
  EXPECT_EQ(money(after).posted, NanoUsd{40'000});
  after.succeed({.in = 20, .out = 10});
  EXPECT_EQ(money(after).posted, NanoUsd{80'000});
  EXPECT_EQ(after.spent(), before.spent());
  EXPECT_TRUE(after.at_rest() && before.at_rest());
}

TEST(TakeOver, BothTogetherNeverCommitMoreThanTheLimit) {
  const auto one_fits = [](Config& c) { c.accounts[0].budget->limit = {450'000}; };
  Driven before(changed(one_fits)), after(changed(one_fits));
  before.ask();
  ASSERT_TRUE(before.last_send);
  after.follow(before);
  const NanoUsd held = money(before).held;
  int sent = 1;
  for (int i = 0; i < 20; ++i) {
    Driven& one = i % 2 ? before : after;
    one.ask();
    sent += one.last_send.has_value();
    EXPECT_LE(money(after).held + money(after).posted, NanoUsd{450'000});
  }
  EXPECT_LT(sent, 20);
  EXPECT_GE(money(after).held, held);
}

TEST(TakeOver, ALimitBelowWhatIsSpentRefusesAtOnce) {
  Driven before;
  before.ask();
  before.succeed({.in = 2'000, .out = 500});  // 3,000,000
  before.ask();
  Driven after(changed([](Config& c) { c.accounts[0].budget->limit = {1'000'000}; }));
  after.follow(before);
  after.ask();
  ASSERT_TRUE(after.answer);
  EXPECT_EQ(after.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_NE(after.answer->message.find("has 0 USD left"), std::string::npos)
      << after.answer->message;
  before.succeed();
  EXPECT_EQ(before.answer->kind, AnswerKind::ok);
  EXPECT_TRUE(after.at_rest() && before.at_rest());
}

TEST(TakeOver, ABudgetOverAnotherKindOfWindowIsAnotherBudget) {
  Driven before;
  before.ask();
  before.succeed({.in = 20, .out = 10});
  Driven after(
      changed([](Config& c) { c.accounts[0].budget->window = engine::BudgetWindow::hour; }));
  after.follow(before);
  EXPECT_EQ(money(after).posted, NanoUsd{0});
  EXPECT_EQ(money(before).posted, NanoUsd{40'000});
}

TEST(TakeOver, AnAccountKeepsItsNumberInTheLedgerByItsName) {
  const auto tenants = [](Config& c) {
    for (const char* name : {"mill", "barn"}) {
      c.accounts.push_back({.name = name});
      c.accounts.back().budget = engine::AccountSettings{.name = name, .limit = {1'000'000'000}};
    }
  };
  Driven before(changed(tenants));
  before.ask("main", "barn");
  before.succeed({.in = 20, .out = 10});
  Config turned = changed(tenants);
  std::swap(turned.accounts[2], turned.accounts[3]);
  turned.accounts.pop_back();  // the mill has left
  Driven after(turned);
  after.follow(before);
  EXPECT_EQ(money(after, 2).posted, NanoUsd{40'000});
  after.ask("main", "mill");
  EXPECT_EQ(after.answer->kind, AnswerKind::unknown_tenant);
}

TEST(TakeOver, WhatWasTakenOfALimitStaysTaken) {
  const auto limited = [](Config& c) { c.accounts[1].limits.requests_per_minute = 6; };
  Driven before(changed(limited)), after(changed(limited));
  for (int i = 0; i < 2; ++i) {
    before.ask("main", "shop");
    before.succeed({}, Duration::zero());
  }
  after.follow(before);
  after.ask("main", "shop");
  EXPECT_EQ(after.answer->kind, AnswerKind::rate_limited);
  after.wait(seconds(11));
  after.ask("main", "shop");
  EXPECT_FALSE(after.answer);
}

TEST(TakeOver, PlacesTakenBeforeComeBackHere) {
  const auto one = [](Config& c) {
    c.accounts[1].limits = {};
    c.accounts[1].limits.concurrency = 1;
  };
  Driven before(changed(one)), after(changed(one));
  before.ask("main", "shop");
  after.follow(before);
  after.ask("main", "shop");
  EXPECT_EQ(after.answer->kind, AnswerKind::rate_limited);
  before.succeed();
  after.ask("main", "shop");
  EXPECT_FALSE(after.answer);
  after.succeed();
  EXPECT_TRUE(after.at_rest() && before.at_rest());
}

TEST(TakeOver, ALimitThatIsNewBeginsEmptyAndOneThatLeftIsGone) {
  Driven before(changed([](Config& c) {
    c.accounts[1].limits.requests_per_minute = 1;
    c.accounts[0].limits.concurrency = 1;
  }));
  before.ask("main", "shop");
  Driven after(changed([](Config& c) {
    c.accounts[1].limits = {};
    c.accounts[1].limits.concurrency = 1;
  }));
  after.follow(before);
  after.ask("main", "shop");
  EXPECT_FALSE(after.answer);
  before.succeed();  // gives back a place it never took here
  after.ask("main", "shop");
  EXPECT_EQ(after.answer->kind, AnswerKind::rate_limited);
}

TEST(TakeOver, AnOpenBreakerStaysOpenAndRecoversHere) {
  const auto quick = [](Config& c) {
    c.breaker.consecutive = 1;
    c.breaker.jitter = 0;
  };
  Driven before(changed(quick)), after(changed(quick));
  before.ask();
  before.fail(500);
  ASSERT_EQ(before.breaker(0), engine::Breaker::State::open);
  before.ask();  // is sent to the other, and still open when the next one takes over
  after.follow(before);
  EXPECT_EQ(after.breaker(0), engine::Breaker::State::open);
  EXPECT_EQ(after.told(Notice::Kind::breaker), 0u) << "it was told of";
  after.ask();
  EXPECT_EQ(after.send().target, 1u);
  after.succeed();
  after.wait(seconds(5));
  EXPECT_EQ(after.breaker(0), engine::Breaker::State::half_open);
  for (int i = 0; i < 3; ++i) {
    after.ask();
    EXPECT_EQ(after.send().target, 0u);
    after.succeed();
  }
  EXPECT_EQ(after.breaker(0), engine::Breaker::State::closed);
}

TEST(TakeOver, ATrialThatIsOutThereDoesNotBlockTheNextHere) {
  const auto quick = [](Config& c) {
    c.breaker.consecutive = 1;
    c.breaker.jitter = 0;
  };
  Driven before(changed(quick)), after(changed(quick));
  before.ask();
  before.fail(500);
  before.succeed();
  before.wait(seconds(5));
  before.ask();
  ASSERT_EQ(before.send().target, 0u);
  after.follow(before);
  after.ask();
  EXPECT_EQ(after.send().target, 0u);
  before.fail(500);
  EXPECT_EQ(after.breaker(0), engine::Breaker::State::half_open) << "a permit of another's";
  after.succeed();
  while (!before.answer) before.succeed();
  EXPECT_TRUE(after.at_rest() && before.at_rest());
}

TEST(TakeOver, ATargetAtAnotherAddressBeginsAnew) {
  const auto quick = [](Config& c) { c.breaker.consecutive = 1; };
  Driven before(changed(quick));
  before.ask();
  before.fail(500);
  before.succeed();
  Config moved = changed(quick);
  moved.providers[0].base_url = "https://elsewhere.test/v1";
  Driven after(moved);
  after.follow(before);
  EXPECT_EQ(after.breaker(0), engine::Breaker::State::closed);
  EXPECT_EQ(after.engines().targets[0].health.error_rate(after.now), 0.0);
  EXPECT_EQ(after.engines().targets[1].health.reply_time().samples(after.now), 1);
}

TEST(TakeOver, KeysStayDeadCoolingAndDeniedByTheirLabels) {
  const auto two_keys = [](Config& c) {
    KeyConfig second = c.providers[0].keys[0];
    second.label = "second";
    c.providers[0].keys.push_back(second);
    c.routes[0].targets.resize(1);
  };
  Driven before(changed(two_keys));
  before.ask();
  before.fail(401, "no", ErrorCode::authentication);  // the first is dead
  before.fail(404, "no", ErrorCode::not_found);       // the second may not use the model
  while (!before.answer) before.wait(seconds(1));
  Config turned = changed(two_keys);
  std::swap(turned.providers[0].keys[0], turned.providers[0].keys[1]);
  KeyConfig third = turned.providers[0].keys[0];
  third.label = "third";
  turned.providers[0].keys.push_back(third);
  Driven after(turned);
  after.follow(before);
  const engine::KeyPool& keys = after.engines().providers[0].keys;
  EXPECT_EQ(keys.barred(0, 0, after.now), engine::KeyReason::denied);
  EXPECT_EQ(keys.barred(1, 0, after.now), engine::KeyReason::dead);
  EXPECT_EQ(keys.barred(2, 0, after.now), engine::KeyReason::none);
  after.ask();
  EXPECT_EQ(after.send().key, KeyIndex{2});
}

Config caching() {
  Config config = small_config();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always};
  return config;
}
PolicySet a_minute() {
  PolicySet set(1);
  set[0].ttl = std::make_unique<FakeTtl>(minutes(1).ns);
  return set;
}

TEST(TakeOver, TheCacheGoesAlongWhereTheTargetsAreTheSame) {
  Driven before(caching(), a_minute());
  before.ask();
  before.succeed();
  Driven same(caching(), a_minute());
  same.follow(before);
  same.ask();
  ASSERT_TRUE(same.answer);
  EXPECT_TRUE(same.answer->cached);
  Config other = caching();
  std::swap(other.targets[0], other.targets[1]);
  Driven turned(other, a_minute());
  turned.follow(same);
  turned.ask();
  EXPECT_FALSE(turned.answer);
}

TEST(TakeOver, NoCounterGoesBackAndWhatIsStillOpenIsCounted) {
  Driven before, after;
  before.ask();
  before.succeed({.in = 20, .out = 10});
  before.ask();
  after.follow(before);
  const auto ok = [](const Driven& d) {
    return Page(d.metrics()).value("keel_requests_total", {{"route", "main"}, {"outcome", "ok"}});
  };
  EXPECT_EQ(ok(after), "1");
  before.succeed({.in = 20, .out = 10});
  EXPECT_EQ(ok(after), "2");
  EXPECT_EQ(Page(after.metrics()).value("keel_cost_usd_total", {}), "0.00008");
}

TEST(TakeOver, TracesOfBothAreFoundHere) {
  Driven before, after;
  before.ask();
  before.succeed();
  before.ask();
  after.follow(before);
  before.succeed();
  EXPECT_TRUE(after.relay().find_trace("request-1"));
  EXPECT_EQ(*after.relay().find_trace("request-2"), *before.answer->trace);
}

TEST(TakeOver, TheAlertIsToldOnceByWhoeverIsInForce) {
  const auto small = [](Config& c) {
    c.accounts[0].budget->limit = {900'000};
    c.accounts[0].budget->alert_percent = 5;
  };
  Driven before(changed(small)), after(changed(small));
  before.ask();
  after.follow(before);
  before.succeed({.in = 40, .out = 20});
  EXPECT_EQ(before.told(Notice::Kind::budget_alert), 0u);
  after.ask();
  after.succeed();
  EXPECT_EQ(after.told(Notice::Kind::budget_alert), 1u);
  Driven third(changed(small));
  third.follow(after);
  third.ask();
  third.succeed();
  EXPECT_EQ(third.told(Notice::Kind::budget_alert), 0u) << "once per window";
}

TEST(TakeOver, HealthIsAskedForByOneOfThem) {
  const auto checked = [](Config& c) { c.health_check.interval = seconds(15); };
  Driven before(changed(checked)), after(changed(checked));
  after.follow(before);
  before.wait(minutes(5));
  EXPECT_TRUE(before.probes.empty());
  after.wait(minutes(1));
  EXPECT_FALSE(after.probes.empty());
}

}  // namespace
}  // namespace keel::relay
