// SEMANTICS section C, row by row: what the article's form becomes.

#include "config/listen.hpp"
#include "config/testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using testing::fixture;
using testing::kKeys;
using testing::problems;
using testing::read;

// The fixture with one text replaced by another.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = fixture("holy-sheep-config.yaml");
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Loaded article() {
  Loaded loaded = read(fixture("holy-sheep-config.yaml"));
  EXPECT_EQ(format_problems(loaded), "");
  return loaded;
}

const SettingValue* setting(const PolicyConfig& policy, std::string_view name) {
  for (const auto& [other, value] : policy.settings) {
    if (other == name) return &value;
  }
  return nullptr;
}

TEST(ArticleForm, BaseUrlAndApiKey) {
  const Config& config = article().config;
  ASSERT_EQ(config.providers.size(), 1u);
  const ProviderConfig& relay = config.providers[0];
  EXPECT_EQ(relay.name, "relay");
  EXPECT_EQ(relay.dialect, "openai");
  EXPECT_EQ(relay.base_url, "https://api.holysheep.ai/v1");
  EXPECT_FALSE(relay.allow_plaintext);
  ASSERT_EQ(relay.keys.size(), 1u);
  EXPECT_EQ(relay.keys[0].secret.reveal(), "hs-canary-relay");
}

TEST(ArticleForm, ApiKeysOfItsThirdFix) {
  Loaded loaded = read(
      changed("api_key: \"${HOLYSHEEP_API_KEY}\"", "api_keys: [\"${K1}\", \"${K2}\", \"${K3}\"]"),
      {{"K1", "one"}, {"K2", "two"}, {"K3", "three"}});
  ASSERT_EQ(format_problems(loaded), "");
  ASSERT_EQ(loaded.config.providers[0].keys.size(), 3u);
  EXPECT_EQ(loaded.config.providers[0].keys[2].secret.reveal(), "three");
}

TEST(ArticleForm, FallbackOrder) {
  Loaded loaded = article();
  const Config& config = loaded.config;
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0].name, "default");
  EXPECT_EQ(config.default_route, RouteIndex{0});
  std::vector<std::string> names;
  for (const RouteTarget& target : config.routes[0].targets) {
    names.push_back(config.targets[target.target].name);
    EXPECT_EQ(target.tier, 0);
    EXPECT_FALSE(target.downgrade_only);
    EXPECT_FALSE(config.targets[target.target].sole);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("relay/gpt-4.1", "relay/claude-sonnet-4.5",
                                            "relay/gemini-2.5-flash", "relay/deepseek-v3.2"));
}

TEST(ArticleForm, PrimaryAuto) {
  const PolicyConfig cheap = article().config.routes[0].routing;
  EXPECT_EQ(cheap.id, "weighted_health");
  EXPECT_EQ(*setting(cheap, "cheapest_within"), SettingValue(0.1));
  EXPECT_EQ(setting(cheap, "tolerance"), nullptr);

  const Loaded loaded =
      read(changed("prefer_cheaper_models: true", "prefer_cheaper_models: false"));
  const PolicyConfig& ordered = loaded.config.routes[0].routing;
  EXPECT_EQ(ordered.id, "weighted_health");
  EXPECT_EQ(*setting(ordered, "tolerance"), SettingValue(0.05));
  EXPECT_EQ(setting(ordered, "cheapest_within"), nullptr);
}

TEST(ArticleForm, PrimaryByName) {
  const Loaded loaded = read(changed("primary: \"auto\"", "primary: \"gemini-2.5-flash\""));
  ASSERT_EQ(format_problems(loaded), "");
  const Config& config = loaded.config;
  EXPECT_EQ(config.routes[0].routing.id, "ordered");
  std::vector<std::string> names;
  for (const RouteTarget& target : config.routes[0].targets) {
    names.push_back(config.targets[target.target].name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("relay/gemini-2.5-flash", "relay/gpt-4.1",
                                            "relay/claude-sonnet-4.5", "relay/deepseek-v3.2"));
}

TEST(ArticleForm, RateLimits) {
  const AccountConfig relay = article().config.accounts[0];
  EXPECT_EQ(relay.name, "relay");
  EXPECT_EQ(relay.limits.requests_per_minute, 10'000);
  EXPECT_EQ(relay.limits.tokens_per_minute, 500'000);
  EXPECT_EQ(relay.limits.concurrency, 0);
}

TEST(ArticleForm, MaxRetriesAndRetryDelay) {
  const RetryConfig retry = article().config.routes[0].retry;
  EXPECT_EQ(retry.max_attempts, 4);
  EXPECT_EQ(retry.backoff.scale, milliseconds(500));
  EXPECT_EQ(retry.backoff.throttled_scale, milliseconds(500));
  EXPECT_EQ(retry.backoff.cap, seconds(30));
  EXPECT_FALSE(retry.backoff.jitter);
}

TEST(ArticleForm, CircuitBreaker) {
  const Config config = article().config;
  EXPECT_EQ(config.breaker.consecutive, 5);
  EXPECT_TRUE(config.breaker_consecutive_named);
  EXPECT_GT(config.breaker.failure_rate, 1.0);
  EXPECT_GT(config.breaker.slow_rate, 1.0);
  EXPECT_EQ(config.breaker.open, seconds(60));
  EXPECT_EQ(config.breaker.open_max, seconds(60));
  EXPECT_EQ(config.breaker.jitter, 0.0);
  EXPECT_EQ(config.breaker.close_after, 1);
}

TEST(ArticleForm, PreferCheaperModelsAndModelMapping) {
  const Config config = article().config;
  EXPECT_EQ(config.routes[0].cost.id, "downgrade");
  EXPECT_EQ(*setting(config.routes[0].cost, "always"), SettingValue(true));
  EXPECT_EQ(*setting(config.routes[0].cost, "mapping.gpt-4"),
            SettingValue(std::string("relay/deepseek-v3.2")));
  EXPECT_EQ(config.mapping.at("gpt-4"), "relay/deepseek-v3.2");

  const Loaded dear = read(changed("prefer_cheaper_models: true", "prefer_cheaper_models: false"));
  EXPECT_EQ(*setting(dear.config.routes[0].cost, "always"), SettingValue(false));
  const Loaded unmapped = read(changed("\"gpt-4\": \"deepseek-v3.2\"", ""));
  EXPECT_EQ(format_problems(unmapped), "");
  EXPECT_EQ(unmapped.config.routes[0].cost.id, "list_price");
}

TEST(ArticleForm, BudgetCap) {
  const auto budget = article().config.accounts[0].budget;
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->limit.value, 10'000'000'000'000);
  EXPECT_EQ(budget->window, engine::BudgetWindow::month);
  const Loaded loaded = read(changed("budget_cap_usd: 10000", "daily_budget_usd: 333.25"));
  EXPECT_EQ(loaded.config.accounts[0].budget->limit.value, 333'250'000'000);
  EXPECT_EQ(loaded.config.accounts[0].budget->window, engine::BudgetWindow::day);
}

TEST(ArticleForm, AlertThreshold) {
  EXPECT_EQ(article().config.accounts[0].budget->alert_percent, 80);
  EXPECT_EQ(read(changed("alert_threshold_percent: 80", "alert_threshold_percent: 65"))
                .config.accounts[0]
                .budget->alert_percent,
            65);
}

TEST(ArticleForm, LimitsOfItsModels) {
  const Config config = article().config;
  const std::vector<std::pair<int64_t, int64_t>> wanted{
      {1'047'576, 32'768}, {200'000, 64'000}, {1'048'576, 65'536}, {128'000, 64'000}};
  for (size_t i = 0; i < 4; ++i) {
    const ModelConfig& model = config.providers[0].models[config.targets[i].model];
    EXPECT_EQ(model.context_tokens, wanted[i].first) << model.name;
    EXPECT_EQ(model.output_tokens, wanted[i].second) << model.name;
  }
}

TEST(ArticleForm, Prices) {
  const Config config = article().config;
  const std::vector<std::pair<int64_t, int64_t>> wanted{{8'000'000'000, 8'000'000'000},
                                                        {15'000'000'000, 15'000'000'000},
                                                        {2'500'000'000, 10'000'000'000},
                                                        {420'000'000, 1'680'000'000}};
  for (size_t i = 0; i < 4; ++i) {
    const ModelConfig& model = config.providers[0].models[config.targets[i].model];
    EXPECT_EQ(model.price->in, wanted[i].first) << model.name;
    EXPECT_EQ(model.price->out, wanted[i].second) << model.name;
    EXPECT_FALSE(model.price->cached);
  }
}

TEST(ArticleForm, PricesThatSayOtherwise) {
  Loaded loaded =
      read(changed("- \"deepseek-v3.2\"", "- \"deepseek-v3.2\"\n      - \"llama-4\"") + "");
  EXPECT_EQ(loaded.notes[0].substr(0, 47), "relay.provider_strategy.fallback_order[4]: rela");
  loaded =
      read(changed("  # Rate limiting configuration",
                   "  prices: {gpt-4.1: {in: 2, out: 8, cached: 0.5}, other: {in: 1, out: 1}}"));
  ASSERT_EQ(format_problems(loaded), "");
  const ModelConfig& model = loaded.config.providers[0].models[0];
  EXPECT_EQ(model.price->in, 2'000'000'000);
  EXPECT_EQ(model.price->cached, 500'000'000);
  EXPECT_EQ(model.context_tokens, 1'047'576);
}

TEST(ArticleForm, LogLevel) {
  EXPECT_EQ(article().config.log_level, LogLevel::info);
}

TEST(ArticleForm, MetricsEndpoint) {
  Loaded loaded = article();
  EXPECT_EQ(loaded.config.metrics_endpoint, "http://localhost:9090/metrics");
  EXPECT_EQ(metrics_listener(loaded.config), (ListenAddress{"127.0.0.1", 9090}));
  EXPECT_TRUE(loaded.notes.empty());
  EXPECT_EQ(loaded.config.server.host, "127.0.0.1");
  EXPECT_EQ(loaded.config.server.port, 3000);
}

TEST(ArticleForm, HealthCheckInterval) {
  const Config config = article().config;
  EXPECT_EQ(config.health_check.interval, seconds(30));
  EXPECT_EQ(config.health_check.timeout, seconds(2));
  EXPECT_EQ(config.providers[0].health_path, "/health");
}

TEST(ArticleForm, Cache) {
  const RouteConfig route = article().config.routes[0];
  ASSERT_TRUE(route.cache);
  EXPECT_EQ(route.cache->when, CacheWhen::always);
  EXPECT_EQ(route.cache->jitter, 0.0);
  EXPECT_EQ(route.cache->ttl.id, "keyword_ttl");
  EXPECT_TRUE(route.cache->ttl.allow_text);
  EXPECT_EQ(*setting(route.cache->ttl, "default_seconds"), SettingValue(int64_t{60}));
  EXPECT_EQ(*setting(route.cache->ttl, "keywords.realtime"), SettingValue(int64_t{5}));
  EXPECT_EQ(*setting(route.cache->ttl, "keywords.static"), SettingValue(int64_t{3600}));
}

TEST(ArticleForm, ItsClient) {
  const RouteConfig route = article().config.routes[0];
  EXPECT_EQ(route.attempt_timeout, seconds(30));
  EXPECT_TRUE(route.retry.retry_silent);
  EXPECT_EQ(route.timeout, seconds(600));
  std::vector<double> weights;
  for (const RouteTarget& target : route.targets) weights.push_back(target.weight);
  EXPECT_THAT(weights, ::testing::ElementsAre(0.4, 0.3, 0.2, 0.1));
}

TEST(ArticleForm, KeyPool) {
  EXPECT_EQ(article().config.providers[0].key_order, engine::KeyOrder::least_used_random);
}

TEST(ArticleForm, IsCompleteWithoutItsOptionalParts) {
  Loaded loaded = read(
      "relay: {base_url: \"https://api.holysheep.ai/v1\", api_key: \"${HOLYSHEEP_API_KEY}\"}\n");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.routes[0].targets.size(), 4u);
  EXPECT_EQ(loaded.config.routes[0].retry.max_attempts, 4);
  EXPECT_EQ(loaded.config.breaker.open, seconds(60));
  EXPECT_EQ(loaded.config.health_check.interval, seconds(30));
  EXPECT_FALSE(loaded.config.accounts[0].budget);
}

TEST(ArticleForm, IsReadAsStrictly) {
  EXPECT_EQ(problems(changed("max_retries", "max_retry")),
            "keel.yaml:20: relay.failover.max_retry: unknown key \"max_retry\"; the nearest is "
            "\"max_retries\"\n");
  EXPECT_EQ(problems(changed("# Monitoring", "Monitoring:")),
            "keel.yaml:31: Monitoring: unknown key \"Monitoring\"; known here: version, relay, "
            "observability\n");
  EXPECT_EQ(
      problems(changed("\"gpt-4\": \"deepseek-v3.2\"", "\"gpt-4\": \"deepsek-v3.2\"")),
      "keel.yaml:28: relay.cost_optimization.model_mapping.gpt-4: no target or model is named "
      "\"deepsek-v3.2\"; the nearest is \"deepseek-v3.2\"\n");
  EXPECT_EQ(
      problems(changed("budget_cap_usd: 10000", "budget_cap_usd: 1\n    daily_budget_usd: 2")),
      "keel.yaml:30: relay.cost_optimization.daily_budget_usd: found budget_cap_usd and "
      "daily_budget_usd, wanted one of them\n");
  EXPECT_EQ(problems(changed("https://api", "http://api")),
            "keel.yaml:4: relay.base_url: found \"http://api.holysheep.ai/v1\", wanted https:// "
            "(http:// only to 127.0.0.1 or [::1], or with allow_plaintext: true)\n");
  EXPECT_EQ(problems(changed("- \"claude-sonnet-4.5\"", "- \"gpt-4.1\"")),
            "keel.yaml:11: relay.provider_strategy.fallback_order[1]: \"gpt-4.1\" is in this list "
            "already, wanted each model once\n");
  EXPECT_EQ(problems("relay:\n"),
            "keel.yaml:1: relay.base_url: missing, wanted a URL such as https://host/v1\n"
            "keel.yaml:1: relay.api_key: missing, wanted a key such as ${NAME}\n");
  EXPECT_EQ(problems("relay: [x]\n"), "keel.yaml:1: relay: found a list, wanted a mapping\n");
  EXPECT_EQ(problems(fixture("holy-sheep-config.yaml"), {}),
            "keel.yaml:5: relay.api_key: ${HOLYSHEEP_API_KEY} is not set in the environment\n");
}

}  // namespace
}  // namespace keel::relay
