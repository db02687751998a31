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

// ---- tiers --------------------------------------------------------------------------------------

Config with_tiers(NanoUsd limit, BudgetTiers tiers) {
  Config config = near_only(limit);
  config.accounts[0].tiers = tiers;
  return config;
}

TEST(Tiers, AShareIsReachedToTheNanoDollar) {
  const NanoUsd each = bound(Driven::with_body(body(100)), 100);
  for (const int64_t less : {0, 1}) {
    // Two held are exactly the share, or one nano-dollar less than it.
    Driven d(with_tiers({each.value * 4 + less}, {.cheaper = 25, .cache_only = 50}));
    EXPECT_EQ(tier_of(d.engines(), 0, Driven::kUnixNs), Tier::open);
    d.ask(Driven::with_body(body(100)));
    EXPECT_EQ(tier_of(d.engines(), 0, Driven::kUnixNs), less ? Tier::open : Tier::cheaper);
    EXPECT_EQ(tier_of(d.engines(), 0, Driven::kUnixNs, each), Tier::open) << "but for its own";
    d.ask(Driven::with_body(body(100)));
    EXPECT_EQ(tier_of(d.engines(), 0, Driven::kUnixNs), less ? Tier::cheaper : Tier::cache_only);
    d.ask(Driven::with_body(body(100)));
    EXPECT_EQ(d.answer.has_value(), less == 0);
  }
}

TEST(Tiers, FromCacheOnlyOnNothingIsSentAndTheRefusalSaysSo) {
  Driven d(with_tiers({10'000'000}, {.cache_only = 1}));
  d.ask();
  d.succeed({.in = 50'000, .out = 25'000});
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
  EXPECT_EQ(d.answer->message,
            "the budget of account \"relay\" has 0 USD left: from 1 % of it on only stored answers "
            "are given (tier cache_only)");
  EXPECT_EQ(d.answer->should_retry, false);
  EXPECT_TRUE(d.answer->retry_after);
  EXPECT_EQ(d.told(Notice::Kind::cache_only_began), 1u);
  d.ask();
  EXPECT_EQ(d.told(Notice::Kind::cache_only_began), 1u) << "once per window";
  EXPECT_EQ(d.told(Notice::Kind::budget_exhausted), 0u);
  EXPECT_TRUE(d.at_rest());
}

TEST(Tiers, CacheOnlyBindsWhoWantsNoDowngrade) {
  Request request = Driven::with_body(body(100));
  request.no_downgrade = true;
  Driven d(with_tiers(bound(request, 100) + bound(request, 100), {.cache_only = 50}));
  d.ask(request);
  d.ask(request);
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
}

TEST(Tiers, ATenantsTierBindsTheTenantOnly) {
  Config config = near_only({10'000'000'000});
  config.accounts[1].budget = engine::AccountSettings{.name = "shop", .limit = {1'000'000}};
  config.accounts[1].tiers.cache_only = 5;
  Driven d(config);
  d.ask("main", "shop");
  d.succeed({.in = 50, .out = 25});
  d.ask("main", "shop");
  ASSERT_TRUE(d.answer);
  EXPECT_NE(d.answer->message.find("account \"shop\""), std::string::npos) << d.answer->message;
  d.ask("main");
  d.succeed();
  EXPECT_EQ(d.answer->kind, AnswerKind::ok);
}

TEST(Tiers, NoRetryWhereItsOwnFirstTryReachedCacheOnly) {
  Request request = Driven::with_body(body(100));
  Driven d(with_tiers({bound(request, 100).value * 4}, {.cache_only = 25}));
  d.ask(request);
  Outcome broken;
  broken.ended = Ended::broken;
  d.finish(broken);
  d.wait(seconds(5));
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::upstream_error);
  EXPECT_EQ(d.answer->sends, 1);
}

Config caching(BudgetTiers tiers) {
  Config config = with_tiers({10'000'000'000}, tiers);
  config.routes[0].cache = RouteCache{.when = CacheWhen::always, .ttl = {}, .jitter = 0};
  return config;
}
PolicySet keeping() {
  PolicySet set(1);
  set[0].ttl = std::make_unique<FakeTtl>(minutes(10).ns);
  return set;
}

TEST(Tiers, AStoredAnswerIsGivenStill) {
  Driven d(caching({.cache_only = 1}), keeping());
  d.ask("main", "", "known");
  d.succeed({.in = 100'000, .out = 50'000});
  d.ask("main", "", "new");
  EXPECT_EQ(d.answer->kind, AnswerKind::budget_exceeded);
  d.ask("main", "", "known");
  ASSERT_TRUE(d.answer);
  EXPECT_TRUE(d.answer->cached);
}

TEST(Tiers, WhatIsAskedAlreadyIsShared) {
  const NanoUsd each = bound(Driven().request("main", "", "same"), 100);
  Config config = caching({.cache_only = 50});
  config.accounts[0].budget->limit = {each.value * 2};
  Driven d(config, keeping());
  d.ask("main", "", "same");
  const CallId first = d.last_call();
  const Send sent = d.send();
  d.ask("main", "", "same");  // the first one's hold has reached the tier
  EXPECT_FALSE(d.answer) << "it joins";
  d.feed(Sent{sent.attempt});
  Outcome outcome;
  outcome.status = 200;
  outcome.usage = Usage{.in = 20, .out = 10};
  d.feed(Finished{.attempt = sent.attempt, .outcome = outcome, .reply = Body::take("{}")});
  d.wait(milliseconds(1));
  EXPECT_EQ(d.answers[first].kind, AnswerKind::ok);
  EXPECT_EQ(d.answers[first + 1].kind, AnswerKind::ok);
  EXPECT_EQ(d.answers[first + 1].sends, 0);
}

TEST(Tiers, CheaperMayBeginApartFromTheAlert) {
  Config config = with_budget({10'000'000});
  config.accounts[0].budget->alert_percent = 90;
  config.accounts[0].tiers.cheaper = 1;
  config.providers[1].models[0].price = Price{.in = 1, .out = 1};
  config.routes[0].targets[1].downgrade_only = true;
  auto cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
  cost->only_when_low = true;
  PolicySet set(1);
  set[0].cost = std::move(cost);
  Driven d(config, std::move(set));
  d.ask();
  d.succeed({.in = 50, .out = 25});
  d.ask();
  EXPECT_EQ(d.send().target, kFar);
  d.succeed();
  EXPECT_EQ(d.told(Notice::Kind::downgrade_began), 1u);
  EXPECT_EQ(d.told(Notice::Kind::budget_alert), 0u);
}

// A dearer model with a smaller output limit fits where the one asked for does not.
TEST(Tiers, MoneyThatIsShortLeadsToNobodyDearer) {
  Request request = Driven::with_body(kUnlimited);
  Config config = with_budget(bound(request, 999));
  config.providers[1].models[0].price = Price{.in = 1'100'000'000, .out = 2'200'000'000};
  config.providers[1].models[0].output_tokens = 300;
  Driven d(config);
  d.ask(request);
  EXPECT_EQ(d.send().target, kNear);
  EXPECT_EQ(d.send().max_output_tokens, 999);
}

TEST(Tiers, TokensStandBesideTheMoney) {
  Driven d;
  d.ask();
  d.succeed({.in = 20, .cached = 5, .out = 10, .reasoning = 3});
  d.ask();
  d.fail(400, "no", ErrorCode::invalid_request);
  const Usage used = d.engines().budget->totals(0, Driven::kUnixNs).used;
  EXPECT_EQ(used, (Usage{.in = 20, .cached = 5, .out = 10, .reasoning = 3}));
}

}  // namespace
}  // namespace keel::relay
