#include "base/random.hpp"
#include "config/testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using testing::fixture;
using ::testing::HasSubstr;
using testing::kKeys;
using testing::read;
using testing::Texts;
using testing::with;

const Texts kEveryEnv{{"A_KEY", "one"}, {"CLIENT", "client-secret"}};
const Texts kEveryFile{{"/run/secrets/b", "two"}};

// The variables explain_config() stands keys for.
Texts placeholders(const Config& config) {
  Texts env;
  for (const ProviderConfig& provider : config.providers) {
    for (const KeyConfig& key : provider.keys) {
      env["KEY_" + key.label] = std::string(key.secret.reveal());
    }
  }
  for (const AccountConfig& account : config.accounts) {
    for (const std::string& digest : account.client_keys) {
      env["CLIENT_KEY_" + digest.substr(0, 8)] = "sha256:" + digest;
    }
  }
  return env;
}

// Reads what was explained and explains it again: the same, if nothing was lost.
void expect_same_again(const Loaded& loaded) {
  std::string text = explain_config(loaded.config);
  Loaded again = read(text, placeholders(loaded.config));
  ASSERT_EQ(format_problems(again), "") << text;
  EXPECT_EQ(explain_config(again.config), text);
  EXPECT_EQ(again.config.targets.size(), loaded.config.targets.size());
  for (size_t i = 0; i < again.config.targets.size(); ++i) {
    EXPECT_EQ(again.config.targets[i].name, loaded.config.targets[i].name);
    EXPECT_EQ(again.config.targets[i].sole, loaded.config.targets[i].sole);
  }
  for (size_t i = 0; i < again.config.routes.size(); ++i) {
    EXPECT_EQ(again.config.routes[i].targets.size(), loaded.config.routes[i].targets.size());
    EXPECT_EQ(again.config.routes[i].cost.settings, loaded.config.routes[i].cost.settings);
    EXPECT_EQ(again.config.routes[i].routing.settings, loaded.config.routes[i].routing.settings);
  }
  EXPECT_EQ(again.config.mapping, loaded.config.mapping);
}

TEST(ExplainConfig, ReadsBackAsTheSameConfiguration) {
  expect_same_again(read(fixture("our-form.yaml")));
  expect_same_again(read(fixture("every-knob.yaml"), kEveryEnv, kEveryFile));
  expect_same_again(read(with("")));
  expect_same_again(
      read(with("  other: {targets: [b/n]}\n"
                "budgets: {relay: {usd: 1, downgrade: {a/m: b/n}}}\n")));
}

TEST(ExplainConfig, TheArticlesFormReadsBackInOurs) {
  Loaded loaded = read(fixture("holy-sheep-config.yaml"));
  expect_same_again(loaded);
  Loaded again = read(explain_config(loaded), placeholders(loaded.config));
  EXPECT_EQ(format_problems(again), "");
}

TEST(ExplainConfig, NamesThatNeedQuotesReadBack) {
  expect_same_again(
      read("providers: {on: {base_url: \"https://a.example\", keys: []}}\n"
           "routes:\n"
           "  \"gpt:\\\"4\\\"#x\": {targets: [\"on/a:b#c\", \"on/{x}\", \"on/m:free\"]}\n"));
  expect_same_again(read(
      "providers: {on: {base_url: \"https://a.example\", keys: []}}\n"
      "routes: {\"null\": {targets: [\"on/$${x}\", \"on/caf\\u00e9\"], routing: {file: \"/a b\", "
      "settings: {x: \"true\", \"y.z\": [1, 2.0]}}}}\n"));
}

TEST(ExplainConfig, ShowsKeysAsLabelsOnly) {
  std::string text = explain_config(read(fixture("every-knob.yaml"), kEveryEnv, kEveryFile));
  EXPECT_EQ(text.find("client-secret"), std::string::npos);
  EXPECT_EQ(text.find("literal"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("- \"${KEY_7692c3ad}\"\n"));
  EXPECT_THAT(text, HasSubstr("keys: [\"${CLIENT_KEY_"));
  // A configuration that could not be read in full can be shown too.
  explain_config(read("providers: {a: }"));
  explain_config(read(""));
}

TEST(ExplainConfig, SaysWhatEachLineOfTheArticlesFormBecame) {
  std::string text = explain_config(read(fixture("holy-sheep-config.yaml")));
  for (const char* line :
       {"    base_url: https://api.holysheep.ai/v1  # from relay.base_url\n",
        "    key_order: least_used_random  # its key pool: the least used, ties at random\n",
        "      - {target: relay/gpt-4.1, tier: 0, weight: 0.4}  # from "
        "relay.provider_strategy.fallback_order; weight by its family\n",
        "      max_attempts: 4  # from relay.failover.max_retries, and the first send\n",
        "      scale: 500ms  # from relay.failover.retry_delay_ms\n",
        "limits: {requests_per_minute: 10000, tokens_per_minute: 500000, concurrency: 0}  # from "
        "relay.rate_limits\n",
        "    usd: 10000  # from relay.cost_optimization.budget_cap_usd\n",
        "    alert_percent: 80  # from relay.cost_optimization.alert_threshold_percent\n",
        "    downgrade:  # from relay.cost_optimization.model_mapping\n",
        "  consecutive: 5  # from relay.failover.circuit_breaker_threshold\n",
        "  failure_rate: off  # its breaker counts failures in a row only\n",
        "  open: 1m  # from relay.failover.recovery_timeout_seconds\n",
        "  interval: 30s  # from observability.health_check_interval_seconds\n",
        "default_route: default  # auto, or a name that is no target, is answered here\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  text = explain_config(read("relay: {base_url: \"https://api.holysheep.ai/v1\", api_key: k}\n"));
  EXPECT_THAT(text, HasSubstr("max_attempts: 4  # not given, the article's own: "
                              "relay.failover.max_retries"));
}

// ---- whatever the text is ----------------------------------------------------------------------

void expect_an_answer(const std::string& text) {
  Loaded loaded = read(text, kEveryEnv, kEveryFile);
  if (loaded.ok()) {
    EXPECT_FALSE(loaded.config.providers.empty()) << text;
    EXPECT_FALSE(loaded.config.routes.empty()) << text;
  }
  for (const Problem& problem : loaded.problems) EXPECT_FALSE(problem.message.empty());
  explain_config(loaded);
}

const std::vector<std::string> kFixtures{"our-form.yaml", "holy-sheep-config.yaml",
                                         "every-knob.yaml"};

TEST(HostileConfig, CutAtEveryByte) {
  for (const std::string& name : kFixtures) {
    std::string text = fixture(name);
    for (size_t length = 0; length <= text.size(); ++length) {
      expect_an_answer(text.substr(0, length));
    }
  }
}

TEST(HostileConfig, BytesChangedAtRandom) {
  constexpr std::string_view kBytes = "{}[]:,\"'#&*!|>%@`-? \n\t\\$\x80\x00 0aZ";
  Random random(11);
  for (const std::string& name : kFixtures) {
    const std::string original = fixture(name);
    for (int round = 0; round < 1000; ++round) {
      std::string text = original;
      for (int change = 0; change < 3; ++change) {
        size_t at = random.below(text.size());
        text[at] = kBytes[random.below(kBytes.size())];
      }
      expect_an_answer(text);
    }
  }
}

TEST(HostileConfig, LinesLeftOut) {
  for (const std::string& name : kFixtures) {
    const std::string text = fixture(name);
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      expect_an_answer(text.substr(0, at) + text.substr(end));
      at = end;
    }
  }
}

TEST(HostileConfig, DeepAndEndless) {
  expect_an_answer(std::string(100'000, '['));
  expect_an_answer(std::string(100'000, '{'));
  expect_an_answer("a: &x [*x, *x]\nproviders: *x\nroutes: &r {r: *r}\n");
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before +
              "]\n";
  }
  expect_an_answer(laughs + "providers: *a39\nroutes: {r: {targets: *a39}}\n");
}

}  // namespace
}  // namespace keel::relay
