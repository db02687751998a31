// Which target the money allows (SEMANTICS A8), at the edges: exactly enough, one nano-dollar less.

#include "relay/funding.hpp"

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

enum : TargetIndex { kNear, kFar };

constexpr Price kPrice{.in = 1'000'000'000, .out = 2'000'000'000};  // 1 and 2 USD per million

std::string body(int64_t max_tokens, int choices = 1) {
  return R"({"model":"main","n":)" + std::to_string(choices) + R"(,"max_tokens":)" +
         std::to_string(max_tokens) + R"(,"messages":[{"role":"user","content":"hello"}]})";
}
constexpr const char* kUnlimited = R"({"model":"main","messages":[{"role":"user","content":"x"}]})";

NanoUsd bound(const Request& request, int64_t out, Price price = kPrice) {
  return worst_case(request.facts.input_tokens_bound, out, price);
}

Config with_budget(NanoUsd limit) {
  Config config = small_config();
  config.accounts[0].budget->limit = limit;
  return config;
}
Config near_only(NanoUsd limit) {
  Config config = with_budget(limit);
  config.routes[0].targets.resize(1);
  return config;
}

TEST(Funding, WhatFitsExactlyIsSentAndHeld) {
  Request request = Driven::with_body(body(100));
  const NanoUsd whole = bound(request, 100);
  Driven d(near_only(whole));
  d.ask(request);
  EXPECT_FALSE(d.send().max_output_tokens) << "nothing is touched";
  EXPECT_EQ(d.engines().budget->totals(0, 0).held, whole);
  d.succeed({.in = 20, .out = 10});
  EXPECT_EQ(d.answer->cost, NanoUsd{40'000});
  EXPECT_EQ(d.spent(), NanoUsd{40'000});
  EXPECT_TRUE(d.at_rest());
}

TEST(Funding, OneNanoDollarLessIsRefusedAndNamesTheAccount) {
  Request request = Driven::with_body(body(100));
  Driven d(near_only(bound(request, 100) - NanoUsd{1}));
  d.ask(request);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_EQ(d.answer->status, 429);
  EXPECT_EQ(d.answer->code, "budget_exceeded");
  EXPECT_EQ(d.answer->should_retry, false);
  EXPECT_NE(d.answer->message.find("account \"relay\""), std::string::npos) << d.answer->message;
  ASSERT_TRUE(d.answer->retry_after);
  EXPECT_EQ(Driven::kUnixNs + d.answer->retry_after->ns,
            engine::window_end_unix_ns(engine::BudgetWindow::month, Driven::kUnixNs));
  EXPECT_EQ(d.answer->tries, 0);
  EXPECT_TRUE(d.at_rest());
}

TEST(Funding, TheRefusalNamesTheTenantThatSaidNo) {
  Config config = near_only({10'000'000'000});
  config.accounts[1].budget = engine::AccountSettings{.name = "shop", .limit = {5}};
  Driven d(config);
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_NE(d.answer->message.find("account \"shop\""), std::string::npos) << d.answer->message;
  d.ask("main");
  d.succeed();
  EXPECT_EQ(d.answer->kind, AnswerKind::ok) << "the relay itself has money";
}

TEST(Funding, ClampsToWhatFitsDownTo256) {
  Request request = Driven::with_body(body(1000));
  Driven d(near_only(bound(request, 256)));
  d.ask(request);
  EXPECT_EQ(d.send().max_output_tokens, 256);
  EXPECT_NE(d.send().body.flatten().find(R"("max_tokens":256)"), std::string::npos)
      << d.send().body.flatten();
  d.succeed();
  EXPECT_EQ(d.answer->clamped, 256);

  Driven poor(near_only(bound(request, 256) - NanoUsd{1}));
  poor.ask(request);
  ASSERT_TRUE(poor.answer);
  EXPECT_EQ(poor.answer->kind, AnswerKind::budget_exceeded);
}

TEST(Funding, ClampsPerChoice) {
  Request request = Driven::with_body(body(1000, 3));
  Driven d(near_only(bound(request, 3 * 400)));
  d.ask(request);
  EXPECT_EQ(d.send().max_output_tokens, 400);
  EXPECT_EQ(d.engines().budget->totals(0, 0).held, bound(request, 3 * 400));
}

TEST(Funding, AClientWhoAskedForLessThan256IsNotClamped) {
  Request request = Driven::with_body(body(200));
  Driven d(near_only(bound(request, 199)));
  d.ask(request);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
}

TEST(Funding, TheCheapestThatFitsUnclampedGoesBeforeAClamp) {
  Request request = Driven::with_body(body(1000));
  Config config = with_budget(bound(request, 500));
  config.providers[1].models[0].price = Price{.in = 100'000'000, .out = 200'000'000};
  Driven d(config);
  d.ask(request);
  EXPECT_EQ(d.send().target, kFar);
  EXPECT_FALSE(d.send().max_output_tokens);
  d.succeed();
  EXPECT_EQ(d.answer->downgraded, "near-model->far-model (budget)");

  request.no_downgrade = true;
  Driven faithful(config);
  faithful.ask(request);
  EXPECT_EQ(faithful.send().target, kNear);
  EXPECT_EQ(faithful.send().max_output_tokens, 500);
}

PolicySet advising(std::vector<uint32_t> instead) {
  PolicySet set(1);
  set[0].cost = std::make_unique<FakeCost>(std::move(instead));
  return set;
}

TEST(Funding, AMappingSendsItToTheStandIn) {
  Config config = small_config();
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  config.routes[0].targets[1].downgrade_only = true;
  Driven d(config, advising({1}));
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.answer->downgraded, "near-model->far-model (policy)");

  Request request = d.request();
  request.no_downgrade = true;
  d.ask(request);
  EXPECT_EQ(d.send().target, kNear);
  d.succeed();
  EXPECT_EQ(d.answer->downgraded, "");
}

TEST(Funding, ADowngradeIsTheAnswersNotTheRequests) {
  Config config = small_config();
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  config.routes[0].targets[1].downgrade_only = true;
  Driven d(config, advising({1}));
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.fail(501);  // over for this request
  EXPECT_EQ(d.send().target, kNear);
  d.succeed();
  EXPECT_EQ(d.answer->downgraded, "") << "the model asked for has answered";
}

// Two that are held pass the share that none of them has spent yet, and a downgrade begins.
TEST(Funding, WhatIsHeldIsCommittedAndSoIsAnOverrun) {
  const NanoUsd each = bound(Driven::with_body(body(100)), 100);
  Config config = with_budget({each.value * 4});
  config.accounts[0].budget->alert_percent = 50;
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  config.routes[0].targets[1].downgrade_only = true;
  const auto low_only = [] {
    auto cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
    cost->only_when_low = true;
    PolicySet set(1);
    set[0].cost = std::move(cost);
    return set;
  };
  Driven held(config, low_only());
  for (TargetIndex expected : {kNear, kNear, kFar}) {
    held.ask(Driven::with_body(body(100)));
    EXPECT_EQ(held.send().target, expected);
  }
  EXPECT_EQ(held.spent(), NanoUsd{0});

  Driven overrun(config, low_only());
  overrun.ask(Driven::with_body(body(100)));
  overrun.succeed({.in = each.value / 400, .out = 0});  // more than twice what was held
  overrun.ask(Driven::with_body(body(100)));
  EXPECT_EQ(overrun.send().target, kFar);
}

TEST(Funding, NeverUpgradesInPrice) {
  Config config = small_config();
  config.providers[1].models[0].price = Price{.in = 2'000'000'000, .out = 4'000'000'000};
  Driven d(config, advising({1}));
  d.ask();
  EXPECT_EQ(d.send().target, kNear);
}

TEST(Funding, AnUnknownPriceIsRefusedWhereABudgetApplies) {
  Config config = small_config();
  config.providers[0].models[0].price.reset();
  Driven d(config);
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();

  config.routes[0].targets.resize(1);
  Driven nobody(config);
  nobody.ask();
  ASSERT_TRUE(nobody.answer);
  EXPECT_EQ(nobody.answer->kind, AnswerKind::no_target);
  EXPECT_NE(nobody.answer->message.find("price unknown"), std::string::npos);

  config.accounts[0].budget.reset();
  Driven free(config);
  free.ask();
  EXPECT_EQ(free.send().target, kNear);
  free.succeed();
  EXPECT_EQ(free.answer->cost, NanoUsd{0});
}

TEST(Funding, AnUnknownOutputLimitGets4096WhereABudgetApplies) {
  Config config = near_only({10'000'000'000});
  config.providers[0].models[0].output_tokens = 0;
  Request request = Driven::with_body(kUnlimited);
  Driven d(config);
  d.ask(request);
  EXPECT_EQ(d.send().max_output_tokens, kUnknownOutputLimit);
  EXPECT_NE(d.send().body.flatten().find(R"("max_completion_tokens":4096)"), std::string::npos);
  EXPECT_EQ(d.engines().budget->totals(0, 0).held, bound(request, 4096));

  config.accounts[0].budget.reset();
  Driven free(config);
  free.ask(request);
  EXPECT_FALSE(free.send().max_output_tokens);
  EXPECT_EQ(free.send().body.flatten().find("max_completion_tokens"), std::string::npos);
}

TEST(Funding, AKnownOutputLimitBoundsTheHold) {
  Request request = Driven::with_body(kUnlimited);
  Driven d(near_only({10'000'000'000}));
  d.ask(request);
  EXPECT_FALSE(d.send().max_output_tokens);
  EXPECT_EQ(d.engines().budget->totals(0, 0).held, bound(request, 1'000));
}

TEST(Funding, WhatMayHaveBeenBilledIsPostedInFullAndARetryNeedsAFreshHold) {
  Request request = Driven::with_body(body(100));
  const NanoUsd whole = bound(request, 100);
  Outcome broken;
  broken.ended = Ended::broken;
  {
    Driven d(near_only(whole + whole));
    d.ask(request);
    d.finish(broken);
    EXPECT_EQ(d.spent(), whole);
    d.succeed({.in = 20, .out = 10});
    EXPECT_EQ(d.answer->cost, whole + NanoUsd{40'000});
    EXPECT_TRUE(d.answer->trace->attempts[0].estimated);
  }
  Driven d(near_only(whole + whole - NanoUsd{1}));
  d.ask(request);
  d.finish(broken);
  d.wait(seconds(5));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->sends, 1) << "no retry";
  EXPECT_EQ(d.answer->kind, AnswerKind::upstream_error) << "the last upstream error";
  EXPECT_EQ(d.answer->status, 502);
  EXPECT_EQ(d.spent(), whole);
  EXPECT_TRUE(d.at_rest());
}

TEST(Funding, AnErrorReplyIsPostedAtZeroUnlessTheProviderBillsErrors) {
  Config config = small_config();
  Driven d(config);
  d.ask();
  d.fail(400, "no", ErrorCode::invalid_request);
  EXPECT_EQ(d.spent(), NanoUsd{0});
  EXPECT_EQ(d.engines().budget->lifetime(0).postings, 1) << "the posting is kept";
  config.providers[0].bills_errors = true;
  Driven billed(config);
  billed.ask();
  const NanoUsd held = billed.engines().budget->totals(0, 0).held;
  billed.fail(400, "no", ErrorCode::invalid_request);
  EXPECT_EQ(billed.spent(), held);
}

TEST(Funding, MoreThanWasHeldIsPostedInFullAsAnOverrun) {
  Driven d;
  d.ask();
  d.succeed({.in = 20, .out = 1'000'000});
  EXPECT_EQ(d.spent(), NanoUsd{2'000'020'000});
  EXPECT_GT(d.engines().budget->totals(0, Driven::kUnixNs).overrun, NanoUsd{0});
  EXPECT_EQ(d.told(Notice::Kind::overrun), 1u);
}

}  // namespace
}  // namespace keel::relay
