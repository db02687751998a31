// What the relay tells, each event once per window (SEMANTICS A13).

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using Kind = Notice::Kind;

constexpr NanoUsd kTenRequests{400'000};  // ten answers of 20 tokens in, 10 out

Config small_budget(engine::BudgetWindow window = engine::BudgetWindow::hour) {
  Config config = small_config();
  config.accounts[0].budget->limit = kTenRequests + NanoUsd{500'000};
  config.accounts[0].budget->window = window;
  config.accounts[0].budget->alert_percent = 40;
  return config;
}

void ask_times(Driven& d, int times) {
  for (int i = 0; i < times; ++i) {
    d.ask();
    if (!d.answer) d.succeed({.in = 20, .out = 10}, Duration::zero());
  }
}

TEST(Notices, TheAlertOncePerWindow) {
  Driven d(small_budget());
  ask_times(d, 8);  // 320,000 of 900,000: 35.6 %
  EXPECT_EQ(d.told(Kind::budget_alert), 0u);
  ask_times(d, 1);  // 40 %
  EXPECT_EQ(d.told(Kind::budget_alert), 1u);
  ask_times(d, 3);
  EXPECT_EQ(d.told(Kind::budget_alert), 1u);
  d.wait(hours(1));
  ask_times(d, 8);
  EXPECT_EQ(d.told(Kind::budget_alert), 1u);
  ask_times(d, 2);
  EXPECT_EQ(d.told(Kind::budget_alert), 2u);
}

TEST(Notices, TheAlertNamesItsWindow) {
  for (auto [window, words] : {std::pair{engine::BudgetWindow::day, "0.0009 USD in this day"},
                               {engine::BudgetWindow::forever, "0.0009 USD in all"}}) {
    Driven d(small_budget(window));
    ask_times(d, 9);
    ASSERT_EQ(d.told(Kind::budget_alert), 1u);
    EXPECT_NE(d.notices.back().text.find(words), std::string::npos) << d.notices.back().text;
  }
}

TEST(Notices, TheEndOfABudgetOncePerWindow) {
  Driven d(small_budget());
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    ask_times(d, 1);
    refused += d.answer->kind == AnswerKind::budget_exceeded;
  }
  EXPECT_GT(refused, 1);
  EXPECT_EQ(d.told(Kind::budget_exhausted), 1u);
  d.wait(hours(1));
  ask_times(d, 100);
  EXPECT_EQ(d.told(Kind::budget_exhausted), 2u);
}

TEST(Notices, ADowngradeBeginsAndEndsOnce) {
  Config config = small_budget();
  config.routes[0].targets[1].downgrade_only = true;
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  PolicySet set(1);
  auto cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
  cost->only_when_low = true;
  set[0].cost = std::move(cost);
  Driven d(config, std::move(set));
  ask_times(d, 8);
  EXPECT_EQ(d.told(Kind::downgrade_began), 0u);
  ask_times(d, 5);
  EXPECT_EQ(d.answer->target, 1u);
  EXPECT_EQ(d.told(Kind::downgrade_began), 1u);
  EXPECT_EQ(d.told(Kind::downgrade_ended), 0u);
  d.wait(hours(1));
  ask_times(d, 3);
  EXPECT_EQ(d.answer->target, 0u);
  EXPECT_EQ(d.told(Kind::downgrade_ended), 1u);
  ask_times(d, 20);
  EXPECT_EQ(d.told(Kind::downgrade_began), 2u);
  EXPECT_EQ(d.told(Kind::downgrade_ended), 1u);
}

TEST(Notices, AFailingPolicyOnceAMinuteAndTheHostsOrderHolds) {
  PolicySet set(1);
  set[0].routing = std::make_unique<FailingRouting>();
  Driven d(small_config(), std::move(set));
  ask_times(d, 50);
  EXPECT_EQ(d.answer->target, 0u);
  EXPECT_EQ(d.told(Kind::policy_failed), 1u);
  d.wait(minutes(1));
  ask_times(d, 50);
  EXPECT_EQ(d.told(Kind::policy_failed), 2u);
}

TEST(Notices, ARefusalNamesThePolicy) {
  PolicySet set(1);
  set[0].routing = std::make_unique<RefusingRouting>();
  Driven d(small_config(), std::move(set));
  d.ask();
  EXPECT_EQ(d.answer->kind, AnswerKind::policy_refused);
  EXPECT_EQ(d.answer->refused_by, "sundays");
  EXPECT_EQ(d.answer->message, "not on a Sunday");
}

TEST(Notices, ADeadKeyOnceHoweverManyRequestsMeetIt) {
  Driven d;
  std::vector<AttemptId> attempts;
  for (int i = 0; i < 5; ++i) {
    d.ask();
    attempts.push_back(d.send().attempt);
  }
  Outcome refused;
  refused.status = 401;
  for (AttemptId id : attempts) d.feed(Finished{.attempt = id, .outcome = refused});
  EXPECT_EQ(d.told(Kind::key_dead), 1u);
}

TEST(Notices, ABenchedAccountOnceHoweverManyRequestsMeetIt) {
  Driven d;
  std::vector<AttemptId> attempts;
  for (int i = 0; i < 5; ++i) {
    d.ask();
    attempts.push_back(d.send().attempt);
  }
  Outcome spent;
  spent.status = 429;
  spent.code = ErrorCode::exhausted;
  for (AttemptId id : attempts) d.feed(Finished{.attempt = id, .outcome = spent});
  EXPECT_EQ(d.told(Kind::key_benched), 1u);
}

TEST(Notices, EveryTransitionOfABreaker) {
  Config config = small_config();
  config.breaker.jitter = 0;
  config.routes[0].targets[1].tier = 1;
  Driven d(config);
  while (d.told(Kind::breaker) == 0) {
    d.ask();
    while (!d.answer) d.send().target == 0 ? d.fail(500) : d.succeed();
  }
  EXPECT_EQ(d.notices.back().subject, "near/near-model");
  d.wait(seconds(5));
  EXPECT_EQ(d.told(Kind::breaker), 2u);
  ask_times(d, 3);
  EXPECT_EQ(d.told(Kind::breaker), 3u);
  std::vector<std::string> texts;
  for (const Notice& notice : d.notices)
    if (notice.kind == Kind::breaker) texts.push_back(notice.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"closed -> open, for 5.000 s", "open -> half_open",
                                             "half_open -> closed"}));
}

}  // namespace
}  // namespace keel::relay
