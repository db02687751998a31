// SEMANTICS section C, row by row, in virtual time: what a relay with the article's file does.

#include "sim/article.hpp"

#include <set>

#include <gmock/gmock.h>

namespace keel::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Notice = relay::Notice;
using Models = std::vector<std::string>;
using State = engine::Breaker::State;

constexpr const char* kGpt = "gpt-4.1";
constexpr const char* kClaude = "claude-sonnet-4.5";
constexpr const char* kGemini = "gemini-2.5-flash";
constexpr const char* kDeepseek = "deepseek-v3.2";

constexpr Instant at(Duration since) {
  return Instant{} + since;
}
constexpr Duration ms(int64_t n) {
  return milliseconds(n);
}

// Pairs of sends of one call: how long after one had failed the next one left.
std::vector<Duration> pauses(const Article& a, CallId call) {
  std::vector<Duration> out;
  Instant failed;
  for (const Article::Asked& send : a.sends) {
    if (send.call != call) continue;
    if (failed > Instant{}) out.push_back(send.at - failed);
    failed = send.at + Article::kTakes;
  }
  return out;
}

// ---- relay.base_url, api_key(s) ----

TEST(Article, BaseUrlAndApiKey) {
  Article a;
  EXPECT_EQ(a.ask_now("auto").status, 200);
  ASSERT_EQ(a.config->providers.size(), 1u);
  EXPECT_EQ(a.config->providers[0].base_url, "https://api.holysheep.ai/v1");
  EXPECT_EQ(a.config->providers[0].dialect, "openai");
  ASSERT_EQ(a.config->providers[0].keys.size(), 1u);
  EXPECT_EQ(a.config->providers[0].keys[0].secret.reveal(), "hs-canary-relay");
  EXPECT_EQ(a.sends[0].key, 0u);
}

const Edits kThreeKeys = {
    {R"(api_key: "${HOLYSHEEP_API_KEY}")", "api_keys: [key-a, key-b, key-c]"}};

TEST(Article, ApiKeysThreeOfThem) {
  Article a(kThreeKeys);
  a.manners[kDeepseek] = [](int n, Instant now) {
    return exchange_of(n == 0 ? Fault::unauthorized : Fault::none, {.in = 20, .out = 10},
                       Article::kTakes, now);
  };
  EXPECT_EQ(a.ask_now("auto").status, 200);
  EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek, kDeepseek)) << "one other key";
  EXPECT_NE(a.sends[0].key, a.sends[1].key);
}

// ---- fallback_order ----

TEST(Article, FallbackOrderBeginsAtTheNamedAndFallsOnThroughTheRest) {
  for (const char* named : {kGpt, kClaude, kGemini, kDeepseek}) {
    for (const Edits& edits : {Edits{kNotCheaper}, Edits{}}) {
      Article a(edits);
      for (const char* model : {kGpt, kClaude, kGemini, kDeepseek})
        a.manners[model] = Article::ill(Fault::refused);
      a.ask_now(named);
      const Models models = a.last_models();
      ASSERT_GE(models.size(), 4u);
      EXPECT_EQ(models[0], named);
      EXPECT_THAT(Models(models.begin(), models.begin() + 4),
                  UnorderedElementsAre(kGpt, kClaude, kGemini, kDeepseek));
    }
  }
}

TEST(Article, FallbackOrderInItsOrder) {
  Article a({kNotCheaper});
  for (const char* model : {kGpt, kClaude, kGemini})
    a.manners[model] = Article::ill(Fault::refused);
  EXPECT_EQ(a.ask_now(kGpt).status, 200);
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt, kClaude, kGemini, kDeepseek));
}

TEST(Article, AutoOrAnotherNameLetsThePolicyChoose) {
  Article a;
  for (const char* name : {"auto", "default", "gpt-4", "whatever"}) {
    EXPECT_EQ(a.ask_now(name).status, 200) << name;
    EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek)) << name << ": the cheapest of the well";
  }
}

// ---- primary ----

TEST(Article, PrimaryAutoWithin005OfTheBestScoreInConfiguredOrder) {
  Article a({kNotCheaper});
  a.manners[kGpt] = Article::ill_at_first(1);
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt, kGpt));
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt)) << "a score of 0.96 is near enough";

  Article b({kNotCheaper});
  b.manners[kGpt] = Article::ill_at_first(3);
  b.ask_now("auto");
  EXPECT_THAT(b.last_models(), ElementsAre(kGpt, kGpt, kClaude));
  b.ask_now("auto");
  EXPECT_THAT(b.last_models(), ElementsAre(kClaude)) << "a score of 0.91 is not";
}

TEST(Article, PrimaryAutoThePriceRuleWithin01OfTheBestScore) {
  Article a;
  a.manners[kDeepseek] = Article::ill_at_first(4);
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek, kDeepseek, kGpt));
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek, kDeepseek, kGpt)) << "0.91 is near enough";
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt)) << "0.87 is not; the next cheapest";
}

TEST(Article, PrimaryNamedGoesFirstThenTheOrder) {
  Article a(Edits{{"primary: \"auto\"", "primary: \"gemini-2.5-flash\""}});
  for (const char* model : {kGpt, kClaude, kGemini})
    a.manners[model] = Article::ill(Fault::refused);
  EXPECT_EQ(a.ask_now("auto").status, 200);
  EXPECT_THAT(a.last_models(), ElementsAre(kGemini, kGpt, kClaude, kDeepseek));
}

// ---- rate_limits ----

TEST(Article, RateLimitsRequestsPerMinute) {
  Article a;
  constexpr int64_t kBurst = 10'000 / 6;  // ten seconds of the limit
  for (int i = 0; i < kBurst + 2; ++i) a.ask("auto", at(seconds(1)));
  const CallId over = static_cast<CallId>(kBurst + 2);
  const CallId later = a.ask("auto", at(seconds(1) + ms(6)));
  a.sim.run();
  EXPECT_EQ(a.answers[over - 1].status, 200);
  EXPECT_EQ(a.answers[over].status, 429);
  EXPECT_EQ(a.answers[over].code, "rate_limited");
  ASSERT_TRUE(a.answers[over].retry_after);
  EXPECT_LE(*a.answers[over].retry_after, ms(6));
  EXPECT_EQ(a.answers[later].status, 200) << "one more every 6 ms";
}

TEST(Article, RateLimitsTokensPerMinute) {
  Article a;
  int64_t each = 0;
  for (int i = 0; i < 600; ++i) {
    relay::Request request = Article::request("auto", "question " + std::to_string(100 + i), 1'000);
    each = request.facts.input_tokens_estimate + 1'000;
    a.ask(std::move(request), at(seconds(1)));
  }
  a.sim.run();
  int64_t answered = 0, refused = 0;
  for (const auto& [call, answer] : a.answers) {
    answered += answer.status == 200;
    refused += answer.kind == relay::AnswerKind::rate_limited && answer.retry_after.has_value();
  }
  EXPECT_EQ(answered, 500'001 / each);
  EXPECT_EQ(answered + refused, 600);
}

// ---- failover: max_retries, retry_delay_ms ----

TEST(Article, MaxRetriesAndRetryDelayExactlyOnTheSameTarget) {
  Article a({kOnlyGpt});
  a.manners[kGpt] = Article::ill();
  const relay::Answer& answer = a.ask_now("auto");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.sends, 4);
  EXPECT_EQ(answer.should_retry, false);
  EXPECT_THAT(pauses(a, 1), ElementsAre(ms(500), seconds(1), seconds(2)));
}

TEST(Article, RetryDelayIsAtMost30Seconds) {
  Article a({kOnlyGpt, {"max_retries: 3", "max_retries: 9"}});
  a.manners[kGpt] = Article::ill();
  a.ask_now("auto");
  EXPECT_THAT(pauses(a, 1), ElementsAre(ms(500), seconds(1), seconds(2), seconds(4), seconds(8),
                                        seconds(16), seconds(30), seconds(30), seconds(30)));
}

TEST(Article, RetryDelayNoneToAnotherTarget) {
  Article a({kNotCheaper});
  a.manners[kGpt] = Article::ill();
  a.manners[kClaude] = Article::ill();
  EXPECT_EQ(a.ask_now("auto").status, 200);
  // The last of the four sends is kept for somebody who has not failed yet.
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt, kGpt, kClaude, kGemini));
  EXPECT_THAT(pauses(a, 1), ElementsAre(ms(500), ms(0), ms(0)));
}

TEST(Article, RetryDelayAfterA429WithoutADelay) {
  Article a({kOnlyGpt});
  a.manners[kGpt] = Article::ill_at_first(1, Fault::throttled_bare);
  EXPECT_EQ(a.ask_now("auto").status, 200);
  EXPECT_EQ(a.last_models().size(), 2u);
}

// ---- failover: circuit_breaker_threshold, recovery_timeout_seconds ----

Instant when(const Article& a, const std::string& text) {
  for (const auto& [now, notice] : a.notices)
    if (notice.kind == Notice::Kind::breaker && notice.text.starts_with(text)) return now;
  return Instant::never();
}

TEST(Article, BreakerOpensAt5ConsecutiveFailuresOnly) {
  Article a({kOnlyGpt});
  // Of every five results four are failures, for a long time: no rate rule.
  a.manners[kGpt] = [](int n, Instant now) {
    return exchange_of(n % 5 == 4 ? Fault::none : Fault::bad_request, {.in = 20, .out = 10},
                       Article::kTakes, now);
  };
  for (int i = 0; i < 20; ++i) a.ask_now("auto");
  EXPECT_EQ(a.breaker(kGpt), State::closed) << "400 counts as a success";

  Article b({kOnlyGpt, {"max_retries: 3", "max_retries: 0"}});
  b.manners[kGpt] = [](int n, Instant now) {
    return exchange_of(n % 5 == 4 || n >= 46 ? Fault::none : Fault::server_error,
                       {.in = 20, .out = 10}, Article::kTakes, now);
  };
  for (int i = 0; i < 40; ++i) b.ask_now("auto");
  EXPECT_EQ(b.breaker(kGpt), State::closed) << "never five in a row";
  b.manners[kGpt] = Article::ill();
  for (int i = 0; i < 4; ++i) b.ask_now("auto");
  EXPECT_EQ(b.breaker(kGpt), State::closed);
  b.ask_now("auto");
  EXPECT_EQ(b.breaker(kGpt), State::open);
}

TEST(Article, RecoveryTimeoutIs60SecondsExactlyAndDoesNotGrowAndOneSuccessCloses) {
  Article a({kOnlyGpt, {"max_retries: 3", "max_retries: 0"}});
  a.manners[kGpt] = Article::ill_at_first(6);
  for (int i = 0; i < 5; ++i) a.ask_now("auto");
  ASSERT_EQ(a.breaker(kGpt), State::open);
  const Instant opened = when(a, "closed -> open");
  EXPECT_EQ(a.notices.back().second.text, "closed -> open, for 60.000 s");
  const relay::Answer fast = a.ask_now("auto");
  EXPECT_EQ(fast.status, 503);
  EXPECT_EQ(fast.retry_after, opened + seconds(60) - a.answered_at.rbegin()->second);

  // A free probe of 10 ms when the 60 s are over, then the next request is the trial; it fails.
  const CallId early = a.ask("auto", opened + seconds(60) - ms(1));
  const CallId trial = a.ask("auto", opened + seconds(60) + ms(20));
  a.sim.run();
  EXPECT_EQ(a.answers[early].kind, relay::AnswerKind::no_target);
  EXPECT_EQ(a.answers[trial].status, 500);
  EXPECT_EQ(when(a, "open -> half_open"), opened + seconds(60) + ms(10));
  EXPECT_EQ(a.notices.back().second.text, "half_open -> open, for 60.000 s");
  const Instant reopened = a.notices.back().first;

  a.ask("auto", reopened + seconds(60) + ms(20));
  a.sim.run();
  EXPECT_EQ(a.notices.back().second.text, "half_open -> closed");
}

// ---- cost_optimization: prefer_cheaper_models, model_mapping ----

TEST(Article, ModelMappingAlwaysWithPreferCheaperModels) {
  Article a;
  // DeepSeek's score is too low for the price rule, so the policy would choose GPT-4.1.
  a.manners[kDeepseek] = Article::ill_at_first(4);
  a.ask_now("auto");
  a.ask_now("auto");
  a.ask_now("auto");
  ASSERT_THAT(a.last_models(), ElementsAre(kGpt));
  EXPECT_EQ(a.ask_now("gpt-4").downgraded, "gpt-4.1->deepseek-v3.2 (policy)");
  EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek));
  relay::Request faithful = Article::request("gpt-4", "as asked");
  faithful.no_downgrade = true;
  EXPECT_EQ(a.ask_now(faithful).downgraded, "");
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt));
}

TEST(Article, ModelMappingOnlyWhereTheMappedModelCanServe) {
  Article a;
  relay::Request large = Article::request("gpt-4", std::string(4 * 130'000, 'x'));
  ASSERT_GT(large.facts.input_tokens_estimate, 128'000);
  EXPECT_EQ(a.ask_now(large).status, 200);
  EXPECT_THAT(a.last_models(), ElementsAre(kGemini)) << "DeepSeek's context is 128,000";
}

// Answers cost 20 x 8 + 10 x 8 USD per million: 240,000 nano-USD each from GPT-4.1.
const std::pair<std::string, std::string> kCapOfACent = {"budget_cap_usd: 10000",
                                                         "budget_cap_usd: 0.01"};

TEST(Article, ModelMappingOnlyAfterTheAlertWithoutPreferCheaperModels) {
  Article a({kNotCheaper, {"budget_cap_usd: 10000", "budget_cap_usd: 0.03"}});
  for (int i = 0; i < 99; ++i) {
    EXPECT_EQ(a.ask_now("gpt-4").downgraded, "") << i;
    EXPECT_THAT(a.last_models(), ElementsAre(kGpt)) << i;
  }
  EXPECT_EQ(a.spent(), NanoUsd{99 * 240'000});
  EXPECT_EQ(a.told(Notice::Kind::budget_alert), 0u);
  a.ask_now("gpt-4");  // 80 %
  EXPECT_EQ(a.told(Notice::Kind::budget_alert), 1u);
  EXPECT_EQ(a.ask_now("gpt-4").downgraded, "gpt-4.1->deepseek-v3.2 (policy)");
  EXPECT_THAT(a.last_models(), ElementsAre(kDeepseek));
  EXPECT_EQ(a.told(Notice::Kind::downgrade_began), 1u);
  a.ask_now("auto");
  EXPECT_THAT(a.last_models(), ElementsAre(kGpt)) << "only gpt-4 is mapped";
}

// ---- budget_cap_usd, daily_budget_usd ----

// Spends what is left on Claude until it does not fit any more.
void ask_until_refused(Article& a, Models& seen) {
  for (int i = 0; i < 20'000; ++i) {
    const relay::Answer& answer = a.ask_now(kClaude);
    if (answer.kind == relay::AnswerKind::budget_exceeded) return;
    ASSERT_EQ(answer.status, 200);
    const std::string model = a.last_models().back();
    if (seen.empty() || seen.back() != model) seen.push_back(model);
    const std::string moved = std::string(kClaude) + "->" + model + " (budget)";
    EXPECT_EQ(answer.downgraded, model == kClaude ? "" : moved);
  }
  FAIL() << "never refused";
}

TEST(Article, BudgetCapToTheCheapestThatFitsElseBudgetExceeded) {
  Article a({kNotCheaper, kCapOfACent});
  Models seen;
  ask_until_refused(a, seen);
  EXPECT_THAT(seen, ElementsAre(kClaude, kDeepseek));
  const relay::Answer& answer = a.ask_now(kClaude);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.code, "budget_exceeded");
  EXPECT_EQ(answer.should_retry, false);
  EXPECT_LE(a.spent(), NanoUsd{10'000'000});
  EXPECT_EQ(a.told(Notice::Kind::budget_exhausted), 1u);
}

TEST(Article, BudgetCapIsOfACalendarMonthUtc) {
  // The simulator's clock starts on 2026-11-27 00:00 UTC: December is four days away.
  Article a({kNotCheaper,
             kCapOfACent,
             {"health_check_interval_seconds: 30", "health_check_interval_seconds: 0"}});
  Models seen;
  ask_until_refused(a, seen);
  const CallId before = a.ask(kClaude, at(hours(4 * 24) - seconds(1)));
  const CallId after = a.ask(kClaude, at(hours(4 * 24)));
  a.sim.run();
  EXPECT_EQ(a.answers[before].kind, relay::AnswerKind::budget_exceeded);
  EXPECT_GT(*a.answers[before].retry_after, Duration::zero());
  EXPECT_LE(*a.answers[before].retry_after, seconds(1));
  EXPECT_EQ(a.answers[after].status, 200);
  EXPECT_EQ(a.models_of(after), Models{kClaude});
}

TEST(Article, DailyBudgetIsOfADay) {
  Article a({kNotCheaper,
             {"budget_cap_usd: 10000", "daily_budget_usd: 0.01"},
             {"health_check_interval_seconds: 30", "health_check_interval_seconds: 0"}});
  Models seen;
  ask_until_refused(a, seen);
  const CallId before = a.ask(kClaude, at(hours(24) - seconds(1)));
  const CallId after = a.ask(kClaude, at(hours(24)));
  a.sim.run();
  EXPECT_EQ(a.answers[before].kind, relay::AnswerKind::budget_exceeded);
  EXPECT_EQ(a.answers[after].status, 200);
}

// ---- alert_threshold_percent ----

TEST(Article, AlertThresholdOncePerWindow) {
  Article a({kNotCheaper,
             kCapOfACent,
             {"health_check_interval_seconds: 30", "health_check_interval_seconds: 0"}});
  for (int i = 0; i < 33; ++i) a.ask_now("auto");
  EXPECT_EQ(a.told(Notice::Kind::budget_alert), 0u);
  Models seen;
  ask_until_refused(a, seen);
  EXPECT_EQ(a.told(Notice::Kind::budget_alert), 1u);
  a.ask("auto", at(hours(4 * 24)));
  a.sim.run();
  ask_until_refused(a, seen);
  EXPECT_EQ(a.told(Notice::Kind::budget_alert), 2u);
}

}  // namespace
}  // namespace keel::sim
