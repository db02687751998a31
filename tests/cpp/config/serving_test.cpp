// What the gateway is told: where to listen, whom to let in, how streams live, and models that are
// asked for by their names.

#include "config/listen.hpp"
#include "config/testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::problems;
using testing::read;
using testing::Texts;
using testing::with;

const StreamConfig& stream_of(const Loaded& loaded) {
  return loaded.config.routes[0].stream;
}

Loaded with_stream(const std::string& keys) {
  return read(
      "providers: {a: {base_url: \"https://a.example\", keys: []}}\n"
      "routes: {r: {targets: [a/m], stream: {" +
      keys + "}}}\n");
}

TEST(ServingConfig, AStreamHasDefaultsAndCanSayOtherwise) {
  Loaded loaded = with_stream("");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_THAT(stream_of(loaded).resume, ElementsAre(Resume::continuation, Resume::replay));
  EXPECT_FALSE(stream_of(loaded).replay_deterministic_only);
  EXPECT_EQ(stream_of(loaded).hold_back.tokens, 0);
  EXPECT_EQ(stream_of(loaded).first_token, seconds(10));
  EXPECT_EQ(stream_of(loaded).first_token_reasoning, seconds(60));
  EXPECT_EQ(stream_of(loaded).stall, seconds(15));

  loaded = with_stream(
      "resume: [replay], replay: deterministic, hold_back: 50, first_token: 3s, "
      "first_token_reasoning: 2m, stall: 500ms");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_THAT(stream_of(loaded).resume, ElementsAre(Resume::replay));
  EXPECT_TRUE(stream_of(loaded).replay_deterministic_only);
  EXPECT_EQ(stream_of(loaded).hold_back.tokens, 50);
  EXPECT_EQ(stream_of(loaded).first_token, seconds(3));
  EXPECT_EQ(stream_of(loaded).first_token_reasoning, minutes(2));
  EXPECT_EQ(stream_of(loaded).stall, milliseconds(500));
  EXPECT_TRUE(stream_of(with_stream("resume: []")).resume.empty());
}

TEST(ServingConfig, HoldBackIsOneOfThree) {
  EXPECT_EQ(stream_of(with_stream("hold_back: 200ms")).hold_back.time, milliseconds(200));
  EXPECT_EQ(stream_of(with_stream("hold_back: 200ms")).hold_back.tokens, 0);
  EXPECT_TRUE(stream_of(with_stream("hold_back: complete")).hold_back.complete);
  EXPECT_EQ(stream_of(with_stream("hold_back: 0")).hold_back.tokens, 0);
  for (const char* wrong : {"-1", "1.5x", "all", "[]", "2000000", "700s"}) {
    EXPECT_FALSE(with_stream("hold_back: " + std::string(wrong)).ok()) << wrong;
  }
}

TEST(ServingConfig, TheFilesStreamIsEveryRoutesUnlessItSaysOtherwise) {
  Loaded loaded =
      read(with("  other: {targets: [b/n], stream: {stall: 5s}}\n"
                "stream: {resume: [], stall: 3s}\n"));
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_TRUE(loaded.config.routes[0].stream.resume.empty());
  EXPECT_EQ(loaded.config.routes[0].stream.stall, seconds(3));
  EXPECT_TRUE(loaded.config.routes[1].stream.resume.empty());
  EXPECT_EQ(loaded.config.routes[1].stream.stall, seconds(5));
}

TEST(ServingConfig, EveryWrongWordOfAStreamIsTold) {
  Loaded loaded =
      with_stream("resume: [continue, contineu, continue], replay: anyone, hold_bakc: 1, stall: 0");
  EXPECT_EQ(format_problems(loaded),
            "keel.yaml:2: routes.r.stream.resume[1]: found \"contineu\", wanted continue or "
            "replay; the nearest is \"continue\"\n"
            "keel.yaml:2: routes.r.stream.resume[2]: found \"continue\" twice, wanted each once\n"
            "keel.yaml:2: routes.r.stream.replay: found \"anyone\", wanted any or deterministic\n"
            "keel.yaml:2: routes.r.stream.stall: found \"0\", wanted a duration from 1ms to 10m\n"
            "keel.yaml:2: routes.r.stream.hold_bakc: unknown key \"hold_bakc\"; the nearest is "
            "\"hold_back\"\n");
}

TEST(ServingConfig, ListensOnThisMachineUnlessTold) {
  const ServerConfig server = read(with("")).config.server;
  EXPECT_EQ(server.host, "127.0.0.1");
  EXPECT_EQ(server.port, 3000);
  EXPECT_EQ(server.drain, seconds(30));
  EXPECT_FALSE(server.open_models);
  EXPECT_EQ(server.connections, 4096);
  EXPECT_EQ(server.connections_per_address, 1024);
  const ServerConfig six = read(with("server: {listen: \"[::1]:0\", drain: 5s}\n")).config.server;
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.port, 0);
  EXPECT_EQ(six.drain, seconds(5));
  const ServerConfig few =
      read(with("server: {connections: 10, connections_per_address: 2}\n")).config.server;
  EXPECT_EQ(few.connections, 10);
  EXPECT_EQ(few.connections_per_address, 2);
  EXPECT_EQ(read(with("server: {listen: localhost:8080}\n")).config.server.host, "127.0.0.1");
  for (const char* wrong : {"3000", ":3000", "example.com:3000", "127.0.0.1", "127.1:80", "::1:80",
                            "127.0.0.1:65536", "127.0.0.1:-1", "[127.0.0.1]:1", ""}) {
    EXPECT_FALSE(parse_listen(wrong)) << wrong;
    EXPECT_THAT(problems(with("server: {listen: \"" + std::string(wrong) + "\"}\n")),
                HasSubstr("keel.yaml:7: server.listen: found \"" + std::string(wrong) +
                          "\", wanted an address and a port such as 127.0.0.1:3000"));
  }
}

TEST(ServingConfig, OthersCanReachItOnlyWithKeys) {
  EXPECT_EQ(problems(with("server: {listen: \"0.0.0.0:3000\"}\n")),
            "keel.yaml:7: server.listen: \"0.0.0.0:3000\" can be reached from other machines and "
            "no tenant has keys, so anybody could spend what the providers bill; wanted 127.0.0.1, "
            "[::1] or tenants with keys\n");
  EXPECT_NE(problems(with("server: {listen: \"[::]:3000\"}\ntenants: {shop: {}}\n")), "");
  EXPECT_EQ(problems(with("server: {listen: \"[::]:3000\"}\n"
                          "tenants: {shop: {keys: [shop-secret], enabled: false}}\n")),
            "");
  // The command line may say another address: the same rule.
  Config config = read(with("")).config;
  EXPECT_FALSE(exposure(config));
  config.server.host = "10.0.0.7";
  EXPECT_TRUE(exposure(config));
  config.server.host = "127.9.9.9";
  EXPECT_FALSE(exposure(config));
}

TEST(ServingConfig, ASecondPlaceForMetricsOnThisMachineOnly) {
  auto at = [](const std::string& url) {
    Config config;
    config.metrics_endpoint = url;
    return metrics_listener(config);
  };
  EXPECT_EQ(at("http://localhost:9090/metrics"), (ListenAddress{"127.0.0.1", 9090}));
  EXPECT_EQ(at("http://[::1]:9090"), (ListenAddress{"::1", 9090}));
  for (const char* no : {"", "https://localhost:9090", "http://10.0.0.7:9090/metrics",
                         "http://localhost/metrics", "http://metrics:9090"}) {
    EXPECT_FALSE(at(no)) << no;
  }
  Loaded loaded =
      read(with("observability: {metrics_endpoint: \"http://metrics:9090/metrics\"}\n"));
  EXPECT_THAT(loaded.notes,
              ElementsAre("observability.metrics_endpoint: no http:// URL on this machine with a "
                          "port, so metrics are on the client port only"));
}

TEST(ServingConfig, ModelsCanSayHowTheyTakeAPrefillAndProvidersThatTheyRefuseOptions) {
  Loaded loaded = read(
      "providers: {a: {base_url: \"https://a.example\", keys: [], stream_options: false, models: "
      "{m: {prefill: final_message}, n: {}}}}\n"
      "routes: {r: {targets: [a/m, a/n]}}\n");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_FALSE(loaded.config.providers[0].stream_options);
  EXPECT_EQ(loaded.config.providers[0].models[0].prefill, Prefill::final_message);
  EXPECT_EQ(loaded.config.providers[0].models[1].prefill, Prefill::none);
  EXPECT_THAT(problems("providers: {a: {base_url: \"https://a.example\", keys: [], models: {m: "
                       "{prefill: echo}}}}\nroutes: {r: {targets: [a/m]}}\n"),
              HasSubstr("providers.a.models.m.prefill: found \"echo\", wanted none, plain, prefix, "
                        "prefix_echoed or final_message"));
}

// ---- no more than keys -------------------------------------------------------------------------

const Texts kTwo{{"OPENAI_API_KEY", "sk-canary-openai"}, {"DEEPSEEK_API_KEY", "sk-canary-deep"}};

TEST(OnlyKeys, ATargetsProviderNeedsNoSection) {
  Loaded loaded =
      read("routes: {chat: {targets: [openai/gpt-4.1, deepseek/deepseek-chat]}}\n", kTwo);
  ASSERT_EQ(format_problems(loaded), "");
  ASSERT_EQ(loaded.config.providers.size(), 2u);
  const ProviderConfig& deepseek = loaded.config.providers[1];
  EXPECT_EQ(deepseek.name, "deepseek");
  EXPECT_EQ(deepseek.base_url, "https://api.deepseek.com");
  EXPECT_EQ(deepseek.keys[0].secret.reveal(), "sk-canary-deep");
  ASSERT_EQ(deepseek.models.size(), 1u);
  EXPECT_TRUE(deepseek.models[0].price);
  EXPECT_THAT(explain_config(loaded),
              HasSubstr("  deepseek:  # from the catalog, asked with ${DEEPSEEK_API_KEY}\n"));
}

TEST(OnlyKeys, AMissingKeyIsToldByItsUsualName) {
  EXPECT_EQ(problems("routes: {chat: {targets: [openai/gpt-4.1, deepseek/deepseek-chat]}}\n"),
            "keel.yaml:1: routes.chat.targets[1]: no provider is named \"deepseek\", and "
            "${DEEPSEEK_API_KEY} is not set in the environment, wanted one of the two\n");
  EXPECT_EQ(problems("routes: {chat: {targets: [open-ai/gpt-4.1]}}\n"),
            "keel.yaml:1: routes.chat.targets[0]: no provider is named \"open-ai\"\n");
}

TEST(OnlyKeys, AMappingMayLeadToOne) {
  Loaded loaded = read(
      "routes: {chat: {targets: [openai/gpt-4.1]}}\n"
      "budgets: {relay: {usd: 1, downgrade: {gpt-4.1: deepseek/deepseek-chat}}}\n",
      kTwo);
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.mapping.at("gpt-4.1"), "deepseek/deepseek-chat");
}

// ---- models by their names ---------------------------------------------------------------------

const RouteConfig* route_named(const Config& config, std::string_view name) {
  for (const RouteConfig& route : config.routes) {
    if (route.name == name) return &route;
  }
  return nullptr;
}

std::string target_of(const Config& config, std::string_view route) {
  const RouteConfig* found = route_named(config, route);
  if (found == nullptr || found->targets.size() != 1) return "(none)";
  return config.targets[found->targets[0].target].name;
}

TEST(OpenModels, EveryModelOfEveryProviderHasARoute) {
  Loaded loaded =
      read("providers: {openai: {}, deepseek: {}}\nserver: {open_models: true}\n", kTwo);
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(target_of(loaded.config, "openai/gpt-4.1"), "openai/gpt-4.1");
  EXPECT_EQ(target_of(loaded.config, "gpt-4.1"), "openai/gpt-4.1");
  EXPECT_EQ(target_of(loaded.config, "deepseek-chat"), "deepseek/deepseek-chat");
  EXPECT_EQ(route_named(loaded.config, "gpt-4.1")->routing.id, "weighted_health");
  EXPECT_FALSE(read("providers: {openai: {}}\n").ok());
}

TEST(OpenModels, RoutesOfTheFileComeFirstAndNamesOfTwoStandForNone) {
  Loaded loaded =
      read(with("  n: {targets: [a/m], timeout: 5s}\n"
                "server: {open_models: true}\nstream: {stall: 3s}\n"));
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(target_of(loaded.config, "n"), "a/m");
  EXPECT_EQ(route_named(loaded.config, "n")->timeout, seconds(5));
  EXPECT_EQ(route_named(loaded.config, "m"), nullptr);
  EXPECT_EQ(target_of(loaded.config, "a/m"), "a/m");
  EXPECT_EQ(target_of(loaded.config, "b/n"), "b/n");
  EXPECT_EQ(route_named(loaded.config, "b/n")->stream.stall, seconds(3));
}

TEST(OpenModels, WhatIsExplainedIsShortAndReadsBack) {
  const std::string text =
      "providers: {openai: {models: {mine: {price: {in: 1, out: 2}}}}}\n"
      "routes: {chat: {targets: [openai/gpt-4.1]}}\nserver: {open_models: true}\n";
  Loaded loaded = read(text);
  ASSERT_EQ(format_problems(loaded), "");
  std::string explained = explain_config(loaded.config);
  EXPECT_THAT(explained, HasSubstr("      mine:\n"));
  EXPECT_THAT(explained, HasSubstr("      gpt-4.1:\n"));
  EXPECT_EQ(explained.find("gpt-4o"), std::string::npos);
  EXPECT_THAT(explained, HasSubstr("of the catalog, by their names"));
  Texts keys{{"KEY_" + loaded.config.providers[0].keys[0].label, "sk-canary-openai"}};
  Loaded again = read(explained, keys);
  ASSERT_EQ(format_problems(again), "");
  EXPECT_EQ(explain_config(again.config), explained);
  EXPECT_EQ(again.config.routes.size(), loaded.config.routes.size());
  EXPECT_EQ(again.config.targets.size(), loaded.config.targets.size());
}

}  // namespace
}  // namespace keel::relay
