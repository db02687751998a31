#include "config/reader.hpp"

#include "config/testing.hpp"
#include "config/values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using testing::fixture;
using testing::problems;
using testing::read;
using testing::with;

std::string text_of(const PolicyConfig& policy, std::string_view name) {
  for (const auto& [other, value] : policy.settings) {
    if (other == name) return std::get<std::string>(value);
  }
  return "(none)";
}

TEST(OurForm, TheDocumentedExampleLoads) {
  Loaded loaded = read(fixture("our-form.yaml"));
  ASSERT_EQ(format_problems(loaded), "");
  const Config& config = loaded.config;

  ASSERT_EQ(config.providers.size(), 2u);
  const ProviderConfig& openai = config.providers[0];
  EXPECT_EQ(openai.base_url, "https://api.openai.com/v1");
  ASSERT_EQ(openai.keys.size(), 1u);
  EXPECT_EQ(openai.keys[0].secret.reveal(), "sk-canary-openai");
  EXPECT_EQ(openai.keys[0].label, sha256_hex("sk-canary-openai").substr(0, 8));
  ASSERT_EQ(openai.models.size(), 1u);
  EXPECT_EQ(openai.models[0].price->in, 2'000'000'000);
  EXPECT_EQ(openai.models[0].price->cached, 500'000'000);
  EXPECT_EQ(openai.models[0].context_tokens, 1'047'576);

  const ProviderConfig& local = config.providers[1];
  EXPECT_EQ(local.base_url, "http://127.0.0.1:8000/v1");
  EXPECT_TRUE(local.keys.empty());
  EXPECT_TRUE(local.allow_plaintext);
  EXPECT_EQ(local.limits.requests_per_minute, 500);
  ASSERT_EQ(local.models.size(), 1u);
  EXPECT_EQ(local.models[0].price->in, 200'000'000);
  EXPECT_EQ(local.models[0].price->cached, 100'000'000);
  EXPECT_EQ(local.models[0].output_tokens, 8192);

  ASSERT_EQ(config.routes.size(), 1u);
  const RouteConfig& route = config.routes[0];
  EXPECT_EQ(route.name, "support");
  ASSERT_EQ(route.targets.size(), 2u);
  EXPECT_EQ(config.targets[route.targets[0].target].name, "openai/gpt-4.1");
  EXPECT_EQ(config.targets[route.targets[1].target].name, "local/llama");
  EXPECT_EQ(route.targets[1].tier, 1);
  EXPECT_EQ(route.targets[1].weight, 0.5);
  EXPECT_FALSE(route.targets[1].downgrade_only);
  EXPECT_EQ(route.routing.id, "weighted_health");
  EXPECT_EQ(route.cost.id, "downgrade");
  EXPECT_EQ(text_of(route.cost, "mapping.gpt-4.1"), "local/llama");
  EXPECT_EQ(route.timeout, seconds(30));
  EXPECT_EQ(route.patience, seconds(3));
  EXPECT_EQ(route.on_exhausted, OnExhausted::reject);
  EXPECT_EQ(route.retry.max_attempts, 4);
  ASSERT_TRUE(route.cache);
  EXPECT_EQ(route.cache->when, CacheWhen::deterministic);
  EXPECT_EQ(route.cache->ttl.id, "fixed_ttl");
  EXPECT_EQ(route.cache->stale_if_error, Duration::zero());
  EXPECT_EQ(route.cache->stale_while_revalidate, Duration::zero());
  EXPECT_EQ(std::get<int64_t>(route.cache->ttl.settings[0].second), 60);

  EXPECT_EQ(config.mapping.at("gpt-4.1"), "local/llama");
  ASSERT_EQ(config.accounts.size(), 2u);
  EXPECT_EQ(config.accounts[0].budget->limit.value, 100'000'000'000);
  EXPECT_EQ(config.accounts[0].budget->window, engine::BudgetWindow::month);
  EXPECT_EQ(config.accounts[1].name, "shop");
  EXPECT_EQ(config.accounts[1].parent, AccountIndex{0});
  EXPECT_EQ(config.accounts[1].budget->window, engine::BudgetWindow::day);
  EXPECT_EQ(config.accounts[1].limits.concurrency, 50);
  EXPECT_TRUE(config.breaker_consecutive_named);
  EXPECT_EQ(config.breaker.open_max, seconds(15));
  EXPECT_EQ(config.health_check.interval, seconds(15));
  EXPECT_EQ(config.cache.max_bytes, 64 << 20);
  EXPECT_EQ(config.request_log_path, "requests.jsonl");
  EXPECT_EQ(config.log_level, LogLevel::info);
}

TEST(OurForm, SaysWhatItReadsAndDoesNotUse) {
  EXPECT_THAT(
      read(fixture("our-form.yaml")).notes,
      ::testing::ElementsAre("tenants.shop.keys[0]: a placeholder, no client's key is like it"));
}

TEST(OurForm, EveryKeyButTwoHasADefault) {
  Loaded loaded = read("providers: {openai: {}}\nroutes: {r: {targets: [openai/gpt-4.1]}}\n");
  ASSERT_EQ(format_problems(loaded), "");
  const RouteConfig& route = loaded.config.routes[0];
  EXPECT_EQ(loaded.config.providers[0].keys[0].secret.reveal(), "sk-canary-openai");
  EXPECT_EQ(route.routing.id, "weighted_health");
  EXPECT_EQ(route.cost.id, "list_price");
  EXPECT_EQ(route.timeout, seconds(600));
  EXPECT_EQ(route.retry.backoff.scale, milliseconds(50));
  EXPECT_FALSE(route.cache);
  EXPECT_FALSE(loaded.config.breaker_consecutive_named);
  EXPECT_FALSE(loaded.config.default_route);
  EXPECT_TRUE(loaded.notes.empty());
}

TEST(OurForm, ReadsEveryKnob) {
  Loaded loaded = read(fixture("every-knob.yaml"), {{"A_KEY", "one"}, {"CLIENT", "client-secret"}},
                       {{"/run/secrets/b", "  two\n"}});
  ASSERT_EQ(format_problems(loaded), "");
  const Config& config = loaded.config;
  const ProviderConfig& a = config.providers[0];
  ASSERT_EQ(a.keys.size(), 3u);
  EXPECT_EQ(a.keys[1].secret.reveal(), "two");
  EXPECT_EQ(a.keys[2].settings.account, "team");
  EXPECT_EQ(a.keys[2].settings.limits.tokens_per_minute, 90'000);
  EXPECT_EQ(a.key_order, engine::KeyOrder::least_used_random);
  EXPECT_TRUE(a.bills_errors);
  EXPECT_TRUE(a.allow_private);
  EXPECT_EQ(a.health_path, "/health");
  EXPECT_TRUE(a.models[0].lacks.tools);
  EXPECT_TRUE(a.models[0].lacks.audio);
  EXPECT_FALSE(a.models[0].lacks.images);
  EXPECT_TRUE(a.models[0].reasoning);
  EXPECT_EQ(a.models[0].price->cache_write, 1'250'000'001);
  EXPECT_FALSE(a.models[1].price);

  const RouteConfig& route = config.routes[0];
  EXPECT_EQ(route.routing.file, "/opt/policies/mine.so");
  EXPECT_EQ(route.routing.sha256.size(), 64u);
  EXPECT_EQ(route.routing.settings.size(), 6u);
  EXPECT_EQ(std::get<double>(route.routing.settings[0].second), 0.5);
  EXPECT_EQ(std::get<std::string>(route.routing.settings[1].second), "7");
  EXPECT_EQ(route.routing.settings[2].first, "weights.gpt-4.1");
  EXPECT_EQ(route.routing.settings[4].first, "order");
  EXPECT_EQ(route.routing.settings[5].first, "order");
  EXPECT_EQ(route.on_exhausted, OnExhausted::other_route);
  EXPECT_EQ(route.exhausted_route, 1u);
  EXPECT_EQ(route.attempt_timeout, seconds(30));
  EXPECT_TRUE(route.fallback_on_content_policy);
  EXPECT_EQ(route.retry.max_attempts, 3);
  EXPECT_EQ(route.retry.retry_budget.floor, 3);
  EXPECT_FALSE(route.retry.backoff.jitter);
  EXPECT_EQ(route.cache->ttl.id, "keyword_ttl");
  EXPECT_TRUE(route.cache->ttl.allow_text);
  EXPECT_EQ(route.cache->stale_if_error, hours(1));
  EXPECT_EQ(route.cache->stale_while_revalidate, milliseconds(500));
  ASSERT_TRUE(route.hedge);
  EXPECT_EQ(route.hedge->after, 0.99);
  EXPECT_EQ(route.hedge->share, 0.1);
  EXPECT_FALSE(config.routes[1].hedge);
  EXPECT_EQ(config.routes[1].retry.max_attempts, 6);
  EXPECT_EQ(config.routes[1].on_exhausted, OnExhausted::wait);
  EXPECT_EQ(config.routes[1].exhausted_wait, seconds(2));
  EXPECT_EQ(config.default_route, RouteIndex{1});

  EXPECT_EQ(config.accounts[0].limits.concurrency, 64);
  EXPECT_EQ(config.accounts[0].tiers.cheaper, 70);
  EXPECT_EQ(config.accounts[0].tiers.cache_only, 95);
  EXPECT_FALSE(config.accounts[2].tiers.cheaper);
  EXPECT_EQ(config.accounts[2].tiers.cache_only, 99);
  EXPECT_EQ(config.accounts[2].parent, AccountIndex{1});
  EXPECT_FALSE(config.accounts[2].enabled);
  EXPECT_EQ(config.accounts[2].client_keys[0], sha256_hex("client-secret"));
  EXPECT_EQ(config.breaker.failure_rate, 2.0);
  EXPECT_EQ(config.seed, 7u);
  EXPECT_EQ(config.traces_kept, 100u);
  EXPECT_EQ(config.connect_timeout, milliseconds(1500));
}

TEST(OurForm, ADowngradeTargetJoinsTheRoutesThatNeedIt) {
  Loaded loaded =
      read(with("  other: {targets: [b/n]}\n"
                "budgets: {relay: {usd: 1, downgrade: {a/m: b/n}}}\n"));
  ASSERT_EQ(format_problems(loaded), "");
  const RouteConfig& main = loaded.config.routes[0];
  ASSERT_EQ(main.targets.size(), 3u);
  EXPECT_EQ(loaded.config.targets[main.targets[2].target].name, "b/n");
  EXPECT_TRUE(main.targets[2].downgrade_only);
  EXPECT_EQ(loaded.config.routes[1].targets.size(), 1u);
  EXPECT_FALSE(loaded.config.routes[1].targets[0].downgrade_only);
}

TEST(OurForm, ADowngradeTargetBringsItsOwn) {
  Loaded loaded =
      read(with("budgets: {relay: {downgrade: {main: b/n, n: b/o}}}\n"
                "# b/o is known from here\n"));
  EXPECT_EQ(loaded.config.routes[0].targets.size(), 4u);
}

TEST(OurForm, ATargetIsSoleWhenItIsAloneEverywhere) {
  Loaded loaded = read(with("  one: {targets: [b/n]}\n  two: {targets: [b/n]}\n"));
  EXPECT_FALSE(loaded.config.targets[0].sole);
  EXPECT_FALSE(loaded.config.targets[1].sole);
  EXPECT_TRUE(loaded.config.targets[2].sole);
  loaded = read(with("  one: {targets: [b/n]}\n  two: {targets: [b/n, a/m]}\n"));
  EXPECT_FALSE(loaded.config.targets[2].sole);
}

TEST(OurForm, AModelNobodyKnowsIsANote) {
  Loaded loaded = read("providers: {openai: {}}\nroutes: {r: {targets: [openai/gpt-4.1-mimi]}}\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded.config.providers[0].models[0].price);
  EXPECT_THAT(loaded.notes,
              ::testing::ElementsAre(
                  "routes.r.targets[0]: openai/gpt-4.1-mimi is a model nobody here knows: without "
                  "a price it is refused where a budget applies; the nearest known is "
                  "\"gpt-4.1-mini\""));
}

TEST(OurForm, AModelsNameMayHaveSlashes) {
  Loaded loaded = read(
      "providers: {together: {keys: [k]}}\n"
      "routes: {r: {targets: [together/openai/gpt-oss-20b]}}\n");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.providers[0].models[0].name, "openai/gpt-oss-20b");
  EXPECT_EQ(loaded.config.providers[0].models[0].price->in, 50'000'000);
}

TEST(OurForm, IsJsonToo) {
  Loaded loaded = read(
      "{\"version\":\"1.0\",\"providers\":{\"a\":{\"base_url\":\"https:\\/\\/a.example\\/v1\","
      "\"keys\":[\"k\\u0065y\"],\"models\":{\"m\\ud83d\\ude00\":{\"price\":"
      "{\"in\":1e-07,\"out\":0.0}}}}},\t\"routes\":{\"caf\\u00e9\":{\"targets\":"
      "[\"a/m\\ud83d\\ude00\"],\"cache\":null}}}");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.providers[0].base_url, "https://a.example/v1");
  EXPECT_EQ(loaded.config.providers[0].keys[0].secret.reveal(), "key");
  EXPECT_EQ(loaded.config.providers[0].models[0].name, "m\xF0\x9F\x98\x80");
  EXPECT_EQ(loaded.config.providers[0].models[0].price->in, 100);
  EXPECT_EQ(loaded.config.routes[0].name, "caf\xC3\xA9");
}

TEST(OurForm, TakesVariablesAnywhereInAValue) {
  Loaded loaded = read(
      "providers: {a: {base_url: \"https://${HOST}:${PORT:-8443}/v1\", keys: []}}\n"
      "routes: {r: {targets: [\"a/${MODEL:-m}\"], timeout: \"${T}s\"}}\n",
      {{"HOST", "a.example"}, {"T", "7"}, {"MODEL", ""}});
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.providers[0].base_url, "https://a.example:8443/v1");
  EXPECT_EQ(loaded.config.targets[0].name, "a/m");
  EXPECT_EQ(loaded.config.routes[0].timeout, seconds(7));
}

}  // namespace
}  // namespace keel::relay
