// Every kind of mistake, and exactly what is said about it.

#include "config/testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using testing::kKeys;
using testing::problems;
using testing::read;
using testing::Texts;
using testing::with;

TEST(ConfigProblems, TheBaseOfTheseTestsHasNone) {
  EXPECT_EQ(problems(with("")), "");
}

TEST(ConfigProblems, AllAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(problems("providers:\n"
                     "  a: {base_url: \"ftp://a.example\", keys: [\"${NOT_SET}\"]}\n"
                     "routes:\n"
                     "  r:\n"
                     "    targets: [b/m]\n"
                     "    timeout: soon\n"
                     "    patince: 2s\n"
                     "cashe: {}\n"),
            "keel.yaml:2: providers.a.base_url: found \"ftp://a.example\", wanted a URL that "
            "begins with https://\n"
            "keel.yaml:2: providers.a.keys[0]: ${NOT_SET} is not set in the environment\n"
            "keel.yaml:5: routes.r.targets[0]: no provider is named \"b\"; the nearest is \"a\"\n"
            "keel.yaml:6: routes.r.timeout: found \"soon\", wanted a duration such as 500ms, 2s, "
            "5m, 1h or 1d (a bare number is seconds)\n"
            "keel.yaml:7: routes.r.patince: unknown key \"patince\"; the nearest is \"patience\"\n"
            "keel.yaml:8: cashe: unknown key \"cashe\"; the nearest is \"cache\"\n");
}

// ---- the document -----------------------------------------------------------------------------

TEST(ConfigProblems, NoDocument) {
  EXPECT_EQ(problems(""), "keel.yaml: found nothing, wanted a configuration\n");
  EXPECT_EQ(problems("# only a comment\n"), "keel.yaml: found nothing, wanted a configuration\n");
  EXPECT_EQ(problems("sk-canary-openai\n"),
            "keel.yaml:1: found no mapping, wanted providers and routes\n");
  EXPECT_EQ(problems("- a\n"), "keel.yaml:1: found no mapping, wanted providers and routes\n");
  EXPECT_EQ(problems("{}"),
            "keel.yaml:1: providers: missing, wanted the providers to call\n"
            "keel.yaml:1: routes: missing, wanted the names clients ask for\n");
  EXPECT_EQ(problems("providers:\nroutes: {}\n"),
            "keel.yaml:1: providers: found nothing, wanted at least one provider\n"
            "keel.yaml:2: routes: found a mapping, wanted at least one route\n");
}

TEST(ConfigProblems, Syntax) {
  EXPECT_EQ(problems("providers: {a: [}\n"), "keel.yaml:1: not valid YAML: illegal flow end\n");
  EXPECT_EQ(problems("a: b\n  c: d\n"), "keel.yaml:2: not valid YAML: illegal map value\n");
  EXPECT_EQ(problems("a: \"x\\q\"\n"), "keel.yaml:1: not valid YAML: unknown escape character\n");
  EXPECT_EQ(problems(with("") + "---\nversion: \"1.0\"\n"),
            "keel.yaml:7: found a second document, wanted one\n");
  for (const char* stuck : {", m: x\n", "# a\n, x: ~, y", "a: 1\n---\n] b"}) {
    EXPECT_NE(problems(stuck), "") << stuck;
  }
  EXPECT_EQ(problems(std::string("a: b\n\0c: d\n", 11)),
            "keel.yaml:2: found a control character (byte 0), wanted text\n");
  EXPECT_EQ(problems("a: \x04\n"),
            "keel.yaml:1: found a control character (byte 4), wanted text\n");
  EXPECT_EQ(problems("a: b\nc: \xC3\x28\n"), "keel.yaml:2: found bytes that are not UTF-8\n");
  EXPECT_EQ(problems("a: \xED\xA0\x80\n"), "keel.yaml:1: found bytes that are not UTF-8\n");
  EXPECT_EQ(problems(std::string((4 << 20) + 1, ' ')),
            "keel.yaml: found more than 4 MiB, wanted a configuration\n");
}

TEST(ConfigProblems, AKeyThatLostItsQuotesIsNotRepeated) {
  EXPECT_EQ(problems("providers: {a: {keys: [*sk-canary]}}\n").find("canary"), std::string::npos);
}

TEST(ConfigProblems, Keys) {
  EXPECT_EQ(problems(with("limits: {concurrency: 1}\nlimits: {}\n")),
            "keel.yaml:8: limits: this key stands twice (first on line 7), wanted it once\n");
  EXPECT_EQ(problems(with("breaker: {open: 1s, open: 2s}\n")),
            "keel.yaml:7: breaker.open: this key stands twice (first on line 7), wanted it once\n");
  EXPECT_EQ(problems(with("cache: {[a]: b}\n")),
            "keel.yaml:7: cache: found a key that is no text, wanted a name\n");
  EXPECT_EQ(problems(with("health_check: {paths: x}\n")),
            "keel.yaml:7: health_check.paths: unknown key \"paths\"; known here: interval, "
            "timeout\n");
  EXPECT_EQ(problems(with("cache: 64MiB\n")),
            "keel.yaml:7: cache: found \"64MiB\", wanted a mapping\n");
}

TEST(ConfigProblems, Forms) {
  EXPECT_EQ(problems(with("relay: {}\n")),
            "keel.yaml:7: relay: this is the article's form and providers and routes are ours, "
            "wanted one of the two\n");
  EXPECT_EQ(problems("version: 2\nproviders: {openai: {}}\nroutes: {r: {targets: "
                     "[openai/gpt-4.1]}}\n"),
            "keel.yaml:1: version: found \"2\", wanted \"1.0\"\n");
}

TEST(ConfigProblems, WhatComesLater) {
  EXPECT_EQ(problems(with("queue: {path: q.db}\nstore: sqlite:///x\n")),
            "keel.yaml:7: queue: not part of this version\n"
            "keel.yaml:8: store: not part of this version\n");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], on_exhausted: queue}\n")),
            "keel.yaml:7: routes.r.on_exhausted: queue is not part of this version, wanted reject, "
            "{wait: 2s} or {route: NAME}\n");
  EXPECT_EQ(problems("providers: {a: {base_url: \"https://a.example\", dialect: anthropic, keys: "
                     "[{command: get-key}]}}\nroutes: {r: {targets: [a/m]}}\n"),
            "keel.yaml:1: providers.a.dialect: found \"anthropic\", wanted openai, the one dialect "
            "of this version\n"
            "keel.yaml:1: providers.a.keys[0].command: not part of this version\n"
            "keel.yaml:1: providers.a.keys[0].key: missing, wanted a key such as ${NAME} or "
            "file:///path\n");
}

// ---- values ------------------------------------------------------------------------------------

TEST(ConfigProblems, Values) {
  EXPECT_EQ(problems(with("limits: {concurrency: many, requests_per_minute: -1, "
                          "tokens_per_minute: 1.5}\n")),
            "keel.yaml:7: limits.requests_per_minute: found \"-1\", wanted a whole number from 0 "
            "to 1000000000000\n"
            "keel.yaml:7: limits.tokens_per_minute: found \"1.5\", wanted a whole number from 0 to "
            "1000000000000\n"
            "keel.yaml:7: limits.concurrency: found \"many\", wanted a whole number from 0 to "
            "1000000\n");
  EXPECT_EQ(problems(with("breaker: {failure_rate: 50, jitter: [], close_after: }\n")),
            "keel.yaml:7: breaker.failure_rate: found \"50\", wanted a number from 0.01 to 1\n"
            "keel.yaml:7: breaker.jitter: found a list, wanted a value\n"
            "keel.yaml:7: breaker.close_after: found nothing, wanted a value\n");
  EXPECT_EQ(problems(with("breaker: {open: 20s}\n")),
            "keel.yaml:7: breaker: open_max is shorter than open, wanted it as long or longer\n");
  EXPECT_EQ(problems(with("health_check: {timeout: 2 s, interval: 2d}\n")),
            "keel.yaml:7: health_check.interval: found \"2d\", wanted a duration from 0 to 1d\n"
            "keel.yaml:7: health_check.timeout: found \"2 s\", wanted a duration such as 500ms, "
            "2s, 5m, 1h or 1d (a bare number is seconds)\n");
  EXPECT_EQ(problems(with("cache: {max_bytes: lots, max_entry_bytes: 9999GiB}\n")),
            "keel.yaml:7: cache.max_bytes: found \"lots\", wanted a size such as 64MiB, 512KiB or "
            "1GB (a bare number is bytes)\n"
            "keel.yaml:7: cache.max_entry_bytes: found \"9999GiB\", wanted a size from 0 to "
            "1024GiB\n");
  EXPECT_EQ(problems(with("retry: {jitter: yes}\n")),
            "keel.yaml:7: retry.jitter: found \"yes\", wanted true or false\n");
  EXPECT_EQ(problems(with("observability: {log_level: warn, metrics_endpoint: nowhere}\n")),
            "keel.yaml:7: observability.log_level: found \"warn\", wanted debug, info, warning, "
            "error or off\n"
            "keel.yaml:7: observability.metrics_endpoint: found \"nowhere\", wanted a URL such as "
            "http://localhost:9090/metrics\n");
}

TEST(ConfigProblems, ALongValueIsCut) {
  EXPECT_EQ(problems(with("retry: {jitter: " + std::string(500, 'x') + "}\n")),
            "keel.yaml:7: retry.jitter: found \"" + std::string(60, 'x') +
                "...\", wanted true or false\n");
}

TEST(ConfigProblems, Variables) {
  EXPECT_EQ(problems(with("seed: ${NOT_SET}\n")),
            "keel.yaml:7: seed: ${NOT_SET} is not set in the environment\n");
  EXPECT_EQ(problems(with("seed: \"${not a name}\"\n")),
            "keel.yaml:7: seed: found a ${...} without a variable's name, wanted ${NAME} or "
            "${NAME:-default}\n");
  EXPECT_EQ(problems(with("seed: \"${OPEN\"\n")),
            "keel.yaml:7: seed: found ${ without its }, wanted ${NAME} or ${NAME:-default}\n");
  // What a variable holds is not shown, wherever it is used.
  EXPECT_EQ(problems(with("seed: ${OPENAI_API_KEY}\n")),
            "keel.yaml:7: seed: found \"${OPENAI_API_KEY}\", wanted a whole number from 0 to "
            "9223372036854775807\n");
}

// ---- providers and secrets ---------------------------------------------------------------------

std::string with_keys(const std::string& keys) {
  return "providers: {a: {base_url: \"https://a.example\", keys: " + keys +
         "}}\nroutes: {r: {targets: [a/m]}}\n";
}

TEST(ConfigProblems, Secrets) {
  EXPECT_EQ(problems(with_keys("sk-canary")),
            "keel.yaml:1: providers.a.keys: found no list, wanted a list of keys such as "
            "[\"${NAME}\"]\n");
  EXPECT_EQ(problems(with_keys("[\"\"]")), "keel.yaml:1: providers.a.keys[0]: the key is empty\n");
  EXPECT_EQ(problems(with_keys("[\"sk canary\"]")),
            "keel.yaml:1: providers.a.keys[0]: the key has characters that cannot stand in a "
            "header, wanted printable ASCII\n");
  EXPECT_EQ(problems(with_keys("[[x]]")),
            "keel.yaml:1: providers.a.keys[0]: found a list, wanted a key\n");
  EXPECT_EQ(problems(with_keys("[\"sk-canary-openai\", \"${OPENAI_API_KEY}\"]")),
            "keel.yaml:1: providers.a.keys[1]: the same key as another of this provider, wanted "
            "each key once\n");
  EXPECT_EQ(problems(with_keys("[\"file:///run/none\"]")),
            "keel.yaml:1: providers.a.keys[0]: the key file cannot be read: /run/none: no such "
            "file\n");
  EXPECT_EQ(problems(with_keys("[\"file://relative\"]")),
            "keel.yaml:1: providers.a.keys[0]: found a file:// that is not absolute, wanted "
            "file:///path\n");
  EXPECT_EQ(problems(with_keys("[\"file:///run/blank\"]"), kKeys, {{"/run/blank", " \n"}}),
            "keel.yaml:1: providers.a.keys[0]: the key is empty\n");
}

TEST(ConfigProblems, NoKeyIsEverPrinted) {
  // Wrong in every way a key can be wrong, and in places where it does not belong.
  const Texts env{{"K", "canary-1"}, {"CLIENT", "canary-4"}, {"OPENAI_API_KEY", "canary-5"}};
  const Texts files{{"/k", "canary 2\n"}};
  std::string text =
      "providers:\n"
      "  a: {base_url: \"${K}\", keys: [\"${K}\", \"${K}\", \"file:///k\", \"canary\\t3\", "
      "{key: \"canary-3\", account: [x]}]}\n"
      "  openai: {limits: {concurrency: \"${K}\"}}\n"
      "  b: {base_url: \"https://user:canary@b.example\", keys: canary}\n"
      "routes: {r: {targets: [a/m], timeout: \"${K}\", cache: {ttl: \"${K}\"}}}\n"
      "tenants:\n"
      "  s: {keys: [\"${CLIENT}\", \"${CLIENT}\", \"sha256:canary\"], budget: {usd: \"${K}\"}}\n"
      "  t: {keys: canary}\n"
      "observability: {log_level: \"${K}\"}\n";
  Loaded loaded = read(text, env, files);
  EXPECT_GE(loaded.problems.size(), 12u);
  EXPECT_EQ(format_problems(loaded).find("canary"), std::string::npos) << format_problems(loaded);
  for (const std::string& note : loaded.notes) EXPECT_EQ(note.find("canary"), std::string::npos);
  EXPECT_EQ(explain_config(loaded).find("canary"), std::string::npos);
}

TEST(ConfigProblems, WhereNothingIsSentNoKeyIsNeeded) {
  ConfigSources sources;
  sources.keys_needed = false;
  const char* text =
      "providers:\n"
      "  openai: {}\n"
      "  a: {base_url: \"https://a.example\", keys: [\"${A}\", \"${B}\", \"file:///no/key\"], "
      "models: {m: {}}}\n"
      "routes: {r: {targets: [openai/gpt-4.1, deepseek/deepseek-chat, a/m]}}\n";
  const Loaded loaded = read_config(text, "keel.yaml", sources);
  EXPECT_EQ(format_problems(loaded), "");
  std::vector<size_t> keys;
  for (const ProviderConfig& provider : loaded.config.providers)
    keys.push_back(provider.keys.size());
  EXPECT_THAT(keys, ::testing::UnorderedElementsAre(1, 1, 3));
  // What is no key still has to be there.
  EXPECT_NE(format_problems(read_config(std::string(text) + "seed: ${NOT_SET}\n", "k", sources)),
            "");
}

TEST(ConfigProblems, Providers) {
  EXPECT_EQ(problems("providers: {openai: {}}\nroutes: {r: {targets: [openai/gpt-4.1]}}\n", {}),
            "keel.yaml:1: providers.openai.keys: missing, and ${OPENAI_API_KEY} is not set in the "
            "environment, wanted a list of keys\n");
  EXPECT_EQ(problems("providers: {a: {keys: []}}\nroutes: {r: {targets: [a/m]}}\n"),
            "keel.yaml:1: providers.a.base_url: missing, wanted a URL such as https://host/v1\n");
  EXPECT_EQ(problems("providers: {a/b: {base_url: \"https://a.example\", keys: []}}\nroutes: {r: "
                     "{targets: [\"a/b/m\"]}}\n"),
            "keel.yaml:1: providers[\"a/b\"]: found \"a/b\" as a provider's name, wanted letters, "
            "digits, - _ .\n"
            "keel.yaml:2: routes.r.targets[0]: no provider is named \"a\"; there are: a/b\n");
  EXPECT_EQ(problems("providers: {a: {base_url: \"http://a.example/v1\", keys: [], health_path: "
                     "\"models?x=1\", key_order: least_loded}}\nroutes: {r: {targets: [a/m]}}\n"),
            "keel.yaml:1: providers.a.base_url: found \"http://a.example/v1\", wanted https:// "
            "(http:// only to 127.0.0.1 or [::1], or with allow_plaintext: true)\n"
            "keel.yaml:1: providers.a.key_order: found \"least_loded\", wanted least_loaded or "
            "least_used_random; the nearest is \"least_loaded\"\n"
            "keel.yaml:1: providers.a.health_path: found \"models?x=1\", wanted a path below "
            "base_url such as /models\n");
}

TEST(ConfigProblems, Prices) {
  EXPECT_EQ(problems("providers:\n"
                     "  a:\n"
                     "    base_url: https://a.example\n"
                     "    models:\n"
                     "      m: {price: {in: 0.0000000001, out: cheap, cachd: 1}}\n"
                     "      n: {price: {in: 1}, lacks: [tool]}\n"
                     "routes: {r: {targets: [a/m]}}\n"),
            "keel.yaml:5: providers.a.models.m.price.in: found \"0.0000000001\", wanted US dollars "
            "with at most nine decimals\n"
            "keel.yaml:5: providers.a.models.m.price.out: found \"cheap\", wanted US dollars from "
            "0 to 1000000\n"
            "keel.yaml:5: providers.a.models.m.price.cachd: unknown key \"cachd\"; the nearest is "
            "\"cached\"\n"
            "keel.yaml:6: providers.a.models.n.price.out: missing, wanted USD per million output "
            "tokens\n"
            "keel.yaml:6: providers.a.models.n.lacks[0]: found \"tool\", wanted tools, schema, "
            "images or audio; the nearest is \"tools\"\n");
}

// ---- routes and policies -----------------------------------------------------------------------

TEST(ConfigProblems, Targets) {
  EXPECT_EQ(problems(with("  r: {targets: [n, a/, /m, a/m, a/m, {target: b/m, weight: 0, teir: 1}, "
                          "[a/m], {weight: 1}]}\n")),
            "keel.yaml:7: routes.r.targets[0]: found \"n\", wanted provider/model, perhaps "
            "\"b/n\"\n"
            "keel.yaml:7: routes.r.targets[1]: found \"a/\", wanted provider/model\n"
            "keel.yaml:7: routes.r.targets[2]: found \"/m\", wanted provider/model\n"
            "keel.yaml:7: routes.r.targets[4]: \"a/m\" is on this route already, wanted each "
            "target once\n"
            "keel.yaml:7: routes.r.targets[5].weight: found \"0\", wanted a number from 0.000001 "
            "to 1000000\n"
            "keel.yaml:7: routes.r.targets[5].teir: unknown key \"teir\"; the nearest is "
            "\"tier\"\n"
            "keel.yaml:7: routes.r.targets[6]: found a list, wanted a value\n"
            "keel.yaml:7: routes.r.targets[7].target: missing, wanted provider/model\n");
  EXPECT_EQ(problems(with("  r: {targets: []}\n  s: {}\n  t: {targets: a/m}\n")),
            "keel.yaml:7: routes.r.targets: found an empty list, wanted a target\n"
            "keel.yaml:8: routes.s.targets: missing, wanted a list of provider/model\n"
            "keel.yaml:9: routes.t.targets: found \"a/m\", wanted a list\n");
}

TEST(ConfigProblems, Policies) {
  EXPECT_EQ(problems(with("  r: {targets: [a/m], routing: weigted_health, cost: fixed_ttl}\n")),
            "keel.yaml:7: routes.r.routing: no policy is named \"weigted_health\"; the nearest is "
            "\"weighted_health\"\n"
            "keel.yaml:7: routes.r.cost: found the TTL policy fixed_ttl, wanted a cost policy such "
            "as list_price or downgrade\n");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], routing: cheapest}\n"
                          "policies: {mine: {file: /mine.so}}\n")),
            "keel.yaml:7: routes.r.routing: no policy is named \"cheapest\"; there are: ordered, "
            "weighted_health, least_latency, mine\n");
  EXPECT_EQ(problems(with("policies:\n"
                          "  mine: {file: mine.so, sha256: abc, seting: {}}\n"
                          "  ordered: {id: ordered}\n"
                          "  none: {settings: {a: {b: {c: 1}}}}\n")),
            "keel.yaml:8: policies.mine.file: found \"mine.so\", wanted an absolute path to a "
            "policy's shared object\n"
            "keel.yaml:8: policies.mine.sha256: found \"abc\", wanted a SHA-256 as 64 lower-case "
            "hex digits\n"
            "keel.yaml:8: policies.mine.seting: unknown key \"seting\"; the nearest is "
            "\"settings\"\n"
            "keel.yaml:9: policies.ordered: \"ordered\" is a built-in policy's id, wanted another "
            "name\n"
            "keel.yaml:10: policies.none.id: missing, wanted a policy's id\n"
            "keel.yaml:10: policies.none.settings.a.b: found a mapping, wanted a value\n");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], cost: downgrade}\n")),
            "keel.yaml:7: routes.r.cost: downgrade has no mapping to go by, wanted "
            "budgets.relay.downgrade\n");
}

TEST(ConfigProblems, RouteCaches) {
  EXPECT_EQ(problems(with("  r: {targets: [a/m], cache: {when: sometimes}}\n")),
            "keel.yaml:7: routes.r.cache.ttl: missing, wanted a duration such as 60s\n"
            "keel.yaml:7: routes.r.cache.when: found \"sometimes\", wanted deterministic or "
            "always\n");
  EXPECT_EQ(
      problems(with("  r: {targets: [a/m], cache: {ttl: 1s, policy: {id: fixed_ttl, settings: "
                    "{ttl_seconds: 2}}}}\n")),
      "keel.yaml:7: routes.r.cache.ttl: the policy sets the lifetime itself, wanted ttl or "
      "settings, not both\n");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], cache: {ttl: 1s, stale_if_error: 9999d, "
                          "stale_while_revalidate: -2}}\n")),
            "keel.yaml:7: routes.r.cache.stale_if_error: found \"9999d\", wanted a duration from 0 "
            "to 365d\n"
            "keel.yaml:7: routes.r.cache.stale_while_revalidate: found \"-2\", wanted a duration "
            "such as 500ms, 2s, 5m, 1h or 1d (a bare number is seconds)\n");
}

TEST(ConfigProblems, Hedges) {
  EXPECT_EQ(problems(with("  r: {targets: [a/m], hedge: {}}\n")), "");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], hedge: null}\n")), "");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], hedge: {after: 1s, share: 2}}\n")),
            "keel.yaml:7: routes.r.hedge.after: found \"1s\", wanted p50 to p99\n"
            "keel.yaml:7: routes.r.hedge.share: found \"2\", wanted a number from 0.0001 to 1\n");
  EXPECT_EQ(problems(with("  r: {targets: [a/m], hedge: p95}\n")),
            "keel.yaml:7: routes.r.hedge: found \"p95\", wanted a mapping\n");
}

TEST(ConfigProblems, RoutesInACircle) {
  EXPECT_EQ(problems(with("  x: {targets: [a/m], on_exhausted: {route: y}}\n"
                          "  y: {targets: [a/m], on_exhausted: {route: x}}\n"
                          "  z: {targets: [a/m], on_exhausted: {route: x}}\n")),
            "keel.yaml:7: routes.x.on_exhausted.route: the routes go in a circle: x -> y -> x\n"
            "keel.yaml:8: routes.y.on_exhausted.route: the routes go in a circle: y -> x -> y\n");
  EXPECT_EQ(problems(with("  x: {targets: [a/m], on_exhausted: {route: x}}\n")),
            "keel.yaml:7: routes.x.on_exhausted.route: the routes go in a circle: x -> x\n");
  EXPECT_EQ(problems(with("  x: {targets: [a/m], on_exhausted: {route: mian}}\n"
                          "  y: {targets: [a/m], on_exhausted: {wait: 1h}}\n"
                          "default_route: mani\n")),
            "keel.yaml:7: routes.x.on_exhausted.route: no route is named \"mian\"; the nearest is "
            "\"main\"\n"
            "keel.yaml:8: routes.y.on_exhausted.wait: found \"1h\", wanted a duration from 0 to "
            "2m\n"
            "keel.yaml:9: default_route: no route is named \"mani\"; the nearest is \"main\"\n");
}

// ---- money and tenants -------------------------------------------------------------------------

TEST(ConfigProblems, Budgets) {
  EXPECT_EQ(problems(with("budgets: {relay: {usd: 9000000.000000001, window: week, alert_percent: "
                          "0}}\n")),
            "keel.yaml:7: budgets.relay.usd: found \"9000000.000000001\", wanted US dollars from 0 "
            "to 9000000\n"
            "keel.yaml:7: budgets.relay.window: found \"week\", wanted minute, hour, day, month or "
            "forever\n"
            "keel.yaml:7: budgets.relay.alert_percent: found \"0\", wanted a whole number from 1 "
            "to 100\n");
  EXPECT_EQ(problems(with("budgets: {relay: {}, shop: {usd: 1}}\n")),
            "keel.yaml:7: budgets.relay: found no usd and no downgrade, wanted one of them at "
            "least\n"
            "keel.yaml:7: budgets.shop: unknown key \"shop\"; known here: relay\n");
  EXPECT_EQ(problems(with("budgets: {relay: {usd: -1}}\n")),
            "keel.yaml:7: budgets.relay.usd: found \"-1\", wanted US dollars from 0 to 9000000\n");
}

TEST(ConfigProblems, Tiers) {
  EXPECT_EQ(
      problems(with("budgets: {relay: {usd: 1, tiers: {0: cheaper, 80: cheap, 101: refuse, "
                    "x: cheaper}}}\n")),
      "keel.yaml:7: budgets.relay.tiers: found \"0\" as a share of the budget, wanted a whole "
      "number of percent from 1 to 100\n"
      "keel.yaml:7: budgets.relay.tiers.80: found \"cheap\", wanted cheaper, cache_only "
      "or refuse\n"
      "keel.yaml:7: budgets.relay.tiers: found \"101\" as a share of the budget, wanted a "
      "whole number of percent from 1 to 100\n"
      "keel.yaml:7: budgets.relay.tiers: found \"x\" as a share of the budget, wanted a whole "
      "number of percent from 1 to 100\n");
  EXPECT_EQ(problems(with("budgets: {relay: {usd: 1, tiers: {95: cheaper, 80: cache_only}}}\n")),
            "keel.yaml:7: budgets.relay.tiers: found cache_only at 80 and cheaper at 95, wanted "
            "cheaper to come first\n");
  EXPECT_EQ(problems(with("budgets: {relay: {usd: 1, tiers: {90: refuse}}}\n")),
            "keel.yaml:7: budgets.relay.tiers.90: found refuse at 90, wanted it at 100: a "
            "budget that ends earlier is a smaller usd\n");
  EXPECT_EQ(problems(with("tenants: {shop: {budget: {usd: 1, tiers: {90: cache_only, 95: "
                          "cache_only}}}}\n")),
            "keel.yaml:7: tenants.shop.budget.tiers.95: this word stands at 90 already\n");
  EXPECT_EQ(problems(with("budgets: {relay: {usd: 1, tiers: [80]}}\n")),
            "keel.yaml:7: budgets.relay.tiers: found a list, wanted shares in percent with a word "
            "each, such as {80: cheaper, 95: cache_only, 100: refuse}\n");
  EXPECT_EQ(problems(with("budgets: {relay: {downgrade: {a/m: b/n}, tiers: {90: cache_only}}}\n")),
            "keel.yaml:7: budgets.relay.tiers: found tiers without usd, wanted the budget they are "
            "shares of\n");
  EXPECT_EQ(problems(with("budgets: {relay: {usd: 1, tiers: {80: cheaper, 95: cache_only, 100: "
                          "refuse}}}\n")),
            "");
}

TEST(ConfigProblems, Mappings) {
  EXPECT_EQ(
      problems(with("budgets: {relay: {usd: 1, downgrade: {gpt-9: b/n, a/m: c/n, m: m, main: "
                    "lama, b/m: b/m}}}\n")),
      "keel.yaml:7: budgets.relay.downgrade.gpt-9: no route, target or model in use is named "
      "\"gpt-9\"; there are: a/m, b/m, m, main\n"
      "keel.yaml:7: budgets.relay.downgrade[\"a/m\"]: no target or model is named \"c/n\"; the "
      "nearest is \"b/n\"\n"
      "keel.yaml:7: budgets.relay.downgrade.m: more than one provider has \"m\", wanted one of "
      "\"a/m\", \"b/m\"\n"
      "keel.yaml:7: budgets.relay.downgrade.main: no target or model is named \"lama\"; there are: "
      "m, a/m, m, b/m, n, b/n\n"
      "keel.yaml:7: budgets.relay.downgrade[\"b/m\"]: \"b/m\" is mapped to itself, wanted another "
      "target\n");
}

TEST(ConfigProblems, Tenants) {
  EXPECT_EQ(problems(with("tenants:\n"
                          "  relay: {}\n"
                          "  x: {parent: y, budget: {}}\n"
                          "  y: {parent: x, keys: [\"sha256:abc\", k1, k1]}\n"
                          "  z: {parent: zz, keys: [k1], enabled: 1}\n")),
            "keel.yaml:8: tenants.relay: found \"relay\" as a tenant's name, wanted letters, "
            "digits, - _ . and not relay\n"
            "keel.yaml:9: tenants.x.budget.usd: missing, wanted US dollars\n"
            "keel.yaml:9: tenants.x.parent: the tenants go in a circle: x -> y -> x\n"
            "keel.yaml:10: tenants.y.keys[0]: found sha256: without 64 hex digits after it\n"
            "keel.yaml:10: tenants.y.keys[2]: this key is \"y\"'s already, wanted each key once\n"
            "keel.yaml:10: tenants.y.parent: the tenants go in a circle: y -> x -> y\n"
            "keel.yaml:11: tenants.z.keys[0]: this key is \"y\"'s already, wanted each key once\n"
            "keel.yaml:11: tenants.z.enabled: found \"1\", wanted true or false\n"
            "keel.yaml:11: tenants.z.parent: no tenant is named \"zz\"; there are: relay, relay, "
            "x, y\n");
}

TEST(ConfigProblems, AreFormattedWithWhatTheyHave) {
  EXPECT_EQ(format_problem("f.yaml", {3, "a.b", "m"}), "f.yaml:3: a.b: m");
  EXPECT_EQ(format_problem("f.yaml", {0, "", "m"}), "f.yaml: m");
  EXPECT_EQ(format_problem("", {0, "a", "m"}), "a: m");
}

}  // namespace
}  // namespace keel::relay
