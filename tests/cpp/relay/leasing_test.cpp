// Shared accounts: what a request does while its part of the money is on its way, and that nothing
// is sent without it.

#include "relay/leasing.hpp"

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

constexpr NanoUsd kLimit{10'000'000'000};

Config shared_config() {
  Config config = small_config();
  config.accounts[0].shared = true;
  return config;
}

// A relay, an authority, and the way between them as short as wanted.
struct House {
  Driven relay;
  engine::Escrow escrow;

  explicit House(Config config = shared_config(), PolicySet policies = {})
      : relay(std::move(config), std::move(policies)) {
    relay.lease_as(1);
    escrow.open_account({"relay", kLimit, engine::BudgetWindow::month});
  }
  // All that was asked is answered, `times` times each.
  void answer(int times = 1) {
    for (int round = 0; round < 10 && !relay.leases.empty(); ++round) {
      std::vector<engine::LeaseAsk> asks;
      asks.swap(relay.leases);
      for (const auto& ask : asks)
        for (int i = 0; i < times; ++i)
          relay.feed(Leased{*escrow.handle(ask, Driven::kUnixNs + relay.now.ns, relay.now)});
      relay.wait(Duration::zero());
    }
  }
};

TEST(Leasing, ARelayWithoutSharedAccountsAsksForNothing) {
  Driven d;
  d.lease_as(1);
  d.ask();
  d.succeed();
  d.wait(minutes(1));
  EXPECT_TRUE(d.leases.empty());
  EXPECT_EQ(d.relay().wake_at(), Instant::never());
}

TEST(Leasing, TheFirstRequestWaitsForItsMoneyAndTheNextDoNot) {
  House h;
  h.relay.ask();
  EXPECT_FALSE(h.relay.last_send);
  ASSERT_EQ(h.relay.leases.size(), 1u);
  EXPECT_EQ(h.relay.leases[0].account, "relay");
  EXPECT_GT(h.relay.leases[0].wanted, NanoUsd{0});
  h.relay.wait(milliseconds(20));
  h.answer();
  ASSERT_TRUE(h.relay.last_send);
  for (int i = 0; i < 20; ++i) {
    h.relay.succeed({.in = 20, .out = 10}, Duration::zero());
    EXPECT_EQ(h.relay.answer->kind, AnswerKind::ok);
    h.answer();
    h.relay.ask();
    ASSERT_TRUE(h.relay.last_send) << i << ": asked ahead";
  }
  h.relay.succeed();
  EXPECT_TRUE(h.relay.at_rest());
}

TEST(Leasing, WithoutAnAnswerItIsRefusedAfterFiftyMilliseconds) {
  House h;
  const Instant began = h.relay.now;
  h.relay.ask();
  h.relay.wait(milliseconds(49));
  EXPECT_FALSE(h.relay.answer);
  h.relay.wait(milliseconds(1));
  ASSERT_TRUE(h.relay.answer);
  EXPECT_EQ(h.relay.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_EQ(elapsed(began, h.relay.now), milliseconds(50));
  EXPECT_TRUE(h.relay.at_rest());
  h.answer();  // late
  h.relay.ask();
  EXPECT_TRUE(h.relay.last_send) << "it is there for the next one";
}

TEST(Leasing, AStoreThatIsSilentIsNotWaitedForAgainAndAgain) {
  House h;
  h.relay.ask();
  h.relay.wait(seconds(1));
  const Instant before = h.relay.now;
  h.relay.ask();
  ASSERT_TRUE(h.relay.answer);
  EXPECT_EQ(h.relay.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_EQ(h.relay.now, before);
}

TEST(Leasing, WithoutANameNothingIsSent) {
  Driven d(shared_config());
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_TRUE(d.leases.empty());
}

TEST(Leasing, ManyWhoWaitAreAllServedByOneAnswer) {
  House h;
  for (int i = 0; i < 10; ++i) h.relay.ask();
  EXPECT_TRUE(h.relay.tries.empty());
  h.answer(2);
  EXPECT_EQ(h.relay.tries.size(), 10u);
}

TEST(Leasing, WhoLeavesOrRunsOutOfTimeWhileWaitingIsGone) {
  House h;
  h.relay.ask();
  h.relay.cancel();
  EXPECT_EQ(h.relay.answer->kind, AnswerKind::cancelled);
  Request request = h.relay.request();
  request.timeout = milliseconds(10);
  h.relay.ask(request);
  h.relay.wait(milliseconds(10));
  EXPECT_EQ(h.relay.answer->kind, AnswerKind::deadline_exceeded);
  h.answer();
  EXPECT_TRUE(h.relay.tries.empty());
  EXPECT_TRUE(h.relay.at_rest());
}

TEST(Leasing, ADowngradeIsForWhenTheMoneyIsShortNotForWhenItIsElsewhere) {
  Config config = shared_config();
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  House h(config);
  h.relay.ask();
  EXPECT_FALSE(h.relay.last_send);
  h.answer();
  EXPECT_EQ(h.relay.send().target, 0u) << "as it was meant";
  h.relay.succeed();
  EXPECT_EQ(h.relay.answer->downgraded, "");

  House poor(config);
  poor.escrow.open_account({"relay", {100'000}, engine::BudgetWindow::month});
  poor.relay.ask();
  poor.answer();
  EXPECT_EQ(poor.relay.send().target, 1u) << "there is no more";
}

TEST(Leasing, WhatTheOthersHaveCountsForTheTiers) {
  Config config = shared_config();
  config.accounts[0].tiers.cache_only = 90;
  House h(config);
  const int64_t month = engine::window_number(engine::BudgetWindow::month, Driven::kUnixNs);
  h.escrow.handle({9, "relay", month, 1, 0, {}, {9'100'000'000}, {}, {}}, Driven::kUnixNs,
                  Instant{});
  h.relay.ask();
  h.answer();
  ASSERT_TRUE(h.relay.answer);
  EXPECT_NE(h.relay.answer->message.find("cache_only"), std::string::npos)
      << h.relay.answer->message;
}

TEST(Leasing, AReloadGoesOnWithWhatIsLeased) {
  House h;
  h.relay.ask();
  h.answer();
  Driven after(shared_config());
  after.follow(h.relay);
  h.relay.succeed({.in = 20, .out = 10}, Duration::zero());
  after.ask();
  EXPECT_TRUE(after.last_send);
  after.succeed();
  const auto taken =
      h.escrow.totals("relay", engine::window_number(engine::BudgetWindow::month, Driven::kUnixNs));
  EXPECT_LE(after.engines().budget->totals(0, Driven::kUnixNs).posted, taken.taken);
}

TEST(Leasing, AnAccountThatIsSharedNoLongerIsItsOwn) {
  House h;
  h.relay.ask();
  h.answer();
  h.relay.succeed();
  Driven after;
  after.follow(h.relay);
  after.ask();
  EXPECT_TRUE(after.last_send);
  after.wait(minutes(1));
  EXPECT_TRUE(after.leases.empty());
}

TEST(Leasing, ARetryMayWaitAgain) {
  House h;
  h.relay.ask();
  h.answer();
  h.relay.fail(500);
  for (int i = 0; i < 20 && !h.relay.last_send && !h.relay.answer; ++i) {
    h.answer();
    h.relay.wait(milliseconds(10));
  }
  ASSERT_TRUE(h.relay.last_send);
  h.relay.succeed();
  EXPECT_EQ(h.relay.answer->kind, AnswerKind::ok);
}

}  // namespace
}  // namespace keel::relay
