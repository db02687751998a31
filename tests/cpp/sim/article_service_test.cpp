// SEMANTICS section C, row by row, in virtual time: models, health checks, cache, client, key pool.

#include "sim/article.hpp"

#include <set>

#include <gmock/gmock.h>

namespace keel::sim {
namespace {

using ::testing::ElementsAre;
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

// ---- its models: limits and prices ----

TEST(Article, PricesAreItsOwn) {
  struct Row {
    const char* model;
    int64_t in, out;  // nano-USD per 1,000 tokens
  };
  for (const Row& row : {Row{kGpt, 8'000'000, 8'000'000}, Row{kClaude, 15'000'000, 15'000'000},
                         Row{kGemini, 2'500'000, 10'000'000}, Row{kDeepseek, 420'000, 1'680'000}}) {
    Article a;
    a.manners[row.model] = Article::well({.in = 1'000, .out = 500});
    relay::Request request = Article::request(row.model, std::string(4'000, 'x'), 500);
    EXPECT_EQ(a.ask_now(request).cost, NanoUsd{row.in + row.out / 2}) << row.model;
  }
}

TEST(Article, PricesOfTheFileGoBeforeItsOwn) {
  Article a(Edits{{"  # Failover settings", "  prices: {gpt-4.1: {in: 1, out: 2}}\n  # Failover"}});
  EXPECT_EQ(a.ask_now(kGpt).cost, NanoUsd{20 * 1'000 + 10 * 2'000});
}

TEST(Article, ContextLimitsOfItsModels) {
  struct Row {
    int64_t tokens;
    std::vector<std::string> able;
  };
  for (const Row& row :
       {Row{127'000, {kGpt, kClaude, kGemini, kDeepseek}}, Row{150'000, {kGpt, kClaude, kGemini}},
        Row{250'000, {kGpt, kGemini}}, Row{1'048'000, {kGemini}}}) {
    Article a(Edits{{"tokens_per_minute: 500000", "tokens_per_minute: 100000000"}});
    for (const char* model : {kGpt, kClaude, kGemini, kDeepseek})
      a.manners[model] = Article::ill(Fault::refused);
    a.ask_now(Article::request("auto", std::string(static_cast<size_t>(row.tokens) * 4, 'x')));
    const Models models = a.last_models();
    EXPECT_EQ(std::set<std::string>(models.begin(), models.end()),
              std::set<std::string>(row.able.begin(), row.able.end()))
        << row.tokens;
  }
}

TEST(Article, OutputLimitsOfItsModelsBoundTheHold) {
  struct Row {
    const char* model;
    int64_t output, nano_usd_each;
  };
  for (const Row& row : {Row{kGpt, 32'768, 8'000}, Row{kClaude, 64'000, 15'000},
                         Row{kGemini, 65'536, 10'000}, Row{kDeepseek, 64'000, 1'680}}) {
    Article a;
    relay::Request request;
    request.body = Body::take(R"({"model":")" + std::string(row.model) +
                              R"(","messages":[{"role":"user","content":"hello"}]})");
    request.facts = *wire::read_facts(Operation::chat, request.body);
    const relay::Answer& answer = a.ask_now(request);
    const NanoUsd held = answer.trace->attempts.back().held;
    EXPECT_GE(held.value, row.output * row.nano_usd_each) << row.model;
    EXPECT_LT(held.value, row.output * row.nano_usd_each + 20'000'000) << row.model;
  }
}

// ---- observability: health_check_interval_seconds ----

TEST(Article, HealthCheckEvery30SecondsWithin2AtItsPath) {
  Article a;
  a.ask("auto", at(seconds(600)));
  a.sim.run();
  EXPECT_EQ(a.config->providers[0].health_path, "/health");
  ASSERT_GE(a.probes.size(), 18u);
  EXPECT_LE(a.probes.size(), 22u);
  Instant last;
  for (const auto& [now, probe] : a.probes) {
    EXPECT_GE(now - last, seconds(27));
    EXPECT_LE(now - last, seconds(33));
    EXPECT_EQ(probe.limit, seconds(2));
    last = now;
  }
}

TEST(Article, HealthCheckFeedsTheScores) {
  Article a;
  a.probe_result = {.reachable = false, .status = 0};
  a.ask("auto", at(seconds(70)));  // two checks failed, three would open
  a.sim.run();
  EXPECT_LT(a.sim.relay().engines().targets[0].health.availability(State::closed, a.sim.now()),
            0.7);
  EXPECT_EQ(a.answers[1].status, 200) << "checks alone refuse nothing";
}

// ---- cache ----

TEST(Article, CacheAlways60Seconds) {
  Article a;
  const relay::Request request = Article::request("auto", "hello");  // temperature 0.7
  const CallId first = a.ask(request, at(seconds(1)));
  const CallId young = a.ask(request, at(seconds(61)));  // stored 0.4 s after it was asked
  const CallId old = a.ask(request, at(seconds(61) + ms(400)));
  a.sim.run();
  EXPECT_FALSE(a.answers[first].cached);
  EXPECT_TRUE(a.answers[young].cached);
  EXPECT_EQ(a.answers[young].age, seconds(60) - ms(400));
  EXPECT_EQ(a.answers[young].cost, NanoUsd{0});
  EXPECT_FALSE(a.answers[old].cached) << "60 s exactly, without jitter";
}

TEST(Article, CacheKeywordLifetimes) {
  struct Row {
    const char* text;
    Duration life;
  };
  for (const Row& row : {Row{"a realtime price", seconds(5)}, Row{"a static page", seconds(3600)},
                         Row{"Realtime", seconds(60)}}) {
    Article a;
    const relay::Request request = Article::request("auto", row.text);
    a.ask(request, Instant{});
    const CallId young = a.ask(request, at(ms(400) + row.life - nanoseconds(1)));
    const CallId old = a.ask(request, at(ms(400) + row.life));
    a.sim.run();
    EXPECT_TRUE(a.answers[young].cached) << row.text;
    EXPECT_FALSE(a.answers[old].cached) << row.text;
  }
}

TEST(Article, CacheNoCacheSkipsTheLookUpAndStillStores) {
  Article a;
  relay::Request request = Article::request("auto", "hello");
  a.ask_now(request);
  request.no_cache = true;
  EXPECT_FALSE(a.ask_now(request).cached);
  const Instant stored = a.sim.now();
  request.no_cache = false;
  const CallId later = a.ask(request, stored + seconds(59));
  a.sim.run();
  EXPECT_TRUE(a.answers[later].cached) << "the fresh answer is kept";
}

// Its "stale cache causing wrong responses": model and temperature are part of the question.
TEST(Article, CacheKeepsModelsAndTemperaturesApart) {
  Article a;
  a.ask_now(Article::request(kGpt, "hello"));
  EXPECT_FALSE(a.ask_now(Article::request(kClaude, "hello")).cached);
  EXPECT_THAT(a.last_models(), ElementsAre(kClaude));
  EXPECT_TRUE(a.ask_now(Article::request(kGpt, "hello")).cached);
  EXPECT_FALSE(a.ask_now(Article::request(kGpt, "hello", 100, R"(,"top_p":0.5)")).cached);
}

// ---- its client ----

TEST(Article, ClientTimeoutIs30SecondsPerAttemptAndRetriedOnTheSameTarget) {
  Article a({kNotCheaper});
  a.manners[kGpt] = Article::ill(Fault::silence);
  const CallId call = a.ask("auto", Instant{});
  a.sim.run();
  EXPECT_EQ(a.answers[call].status, 200);
  ASSERT_THAT(a.last_models(), ElementsAre(kGpt, kGpt, kClaude));
  EXPECT_EQ(a.sends[1].at, at(seconds(30) + ms(500)));
  EXPECT_EQ(a.sends[2].at, at(seconds(60) + ms(500)));
}

TEST(Article, ClientRetriesWhatItsCodeRetries) {
  for (Fault fault : {Fault::reset, Fault::server_error, Fault::unavailable, Fault::gateway_timeout,
                      Fault::throttled, Fault::throttled_bare}) {
    Article a({kOnlyGpt});
    a.manners[kGpt] = Article::ill_at_first(1, fault);
    EXPECT_EQ(a.ask_now("auto").status, 200) << static_cast<int>(fault);
    EXPECT_EQ(a.last_models().size(), 2u);
  }
  for (Fault fault : {Fault::bad_request, Fault::content_policy, Fault::redirect}) {
    Article a({kOnlyGpt});
    a.manners[kGpt] = Article::ill_at_first(1, fault);
    EXPECT_NE(a.ask_now("auto").status, 200) << static_cast<int>(fault);
    EXPECT_EQ(a.last_models().size(), 1u);
  }
}

TEST(Article, ProviderWeightsDecideWhereNoRuleDoes) {
  // Nobody is near the best once it is alone in being well: the rest follows by weight x score.
  Article a({kNotCheaper});
  const double weights[] = {0.4, 0.3, 0.2, 0.1};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(a.config->routes[0].targets[i].weight, weights[i]);
  for (const char* model : {kGpt, kGemini, kDeepseek}) a.manners[model] = Article::ill_at_first(4);
  for (const char* model : {kGpt, kGemini, kDeepseek}) {
    a.ask_now(model);
    a.ask_now(model);
  }
  for (const char* model : {kGpt, kClaude, kGemini, kDeepseek})
    a.manners[model] = Article::ill(Fault::refused);
  a.ask_now("auto");
  const Models models = a.last_models();
  ASSERT_GE(models.size(), 4u);
  EXPECT_THAT(Models(models.begin(), models.begin() + 4),
              ElementsAre(kClaude, kGpt, kGemini, kDeepseek));
}

// ---- key pool ----

const Edits kThreeKeys = {
    {R"(api_key: "${HOLYSHEEP_API_KEY}")", "api_keys: [key-a, key-b, key-c]"}};

TEST(Article, KeyPoolTheLeastUsedPerMinute) {
  Article a(kThreeKeys);
  for (int i = 0; i < 30; ++i) a.ask("auto", at(seconds(60) + ms(1'900 * i)));
  a.sim.run();
  std::map<KeyIndex, int> used;
  for (const Article::Asked& send : a.sends) {
    ++used[send.key];
    auto [least, most] = std::minmax({used[0], used[1], used[2]});
    EXPECT_LE(most - least, 1);
  }
  EXPECT_EQ(used, (std::map<KeyIndex, int>{{0, 10}, {1, 10}, {2, 10}}));
}

TEST(Article, KeyPoolCountsAreResetEveryMinute) {
  Article a(kThreeKeys);
  for (int i = 0; i < 4; ++i) a.ask("auto", at(seconds(60 + i)));
  for (int i = 0; i < 3; ++i) a.ask("auto", at(seconds(120 + i)));
  a.sim.run();
  std::set<KeyIndex> used;
  for (size_t i = 4; i < a.sends.size(); ++i) used.insert(a.sends[i].key);
  EXPECT_EQ(used.size(), 3u) << "the fourth use of the minute before does not count";
}

// ---- failure ----

TEST(Article, FailureA4xxKeepsItsStatus) {
  Article a;
  for (const char* model : {kGpt, kClaude, kGemini, kDeepseek})
    a.manners[model] = Article::ill(Fault::bad_request);
  EXPECT_EQ(a.ask_now("auto").status, 400);
}

}  // namespace
}  // namespace keel::sim
