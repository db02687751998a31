#include "base/money.hpp"
#include "base/random.hpp"
#include "policy/scene.hpp"

#include <limits>

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

keel_usage usage(uint32_t kind, int64_t in, int64_t out, int64_t cached = 0, int64_t write = 0) {
  return {sizeof(keel_usage), kind, in, cached, write, out, 0};
}

keel_target target(const Price& price) {
  keel_target t{};
  t.struct_size = sizeof t;
  t.name = text_of("a/x");
  t.price_in_nano_usd_per_million = price.in;
  t.price_out_nano_usd_per_million = price.out;
  t.price_cached_nano_usd_per_million = price.cached_or_in();
  t.price_cache_write_nano_usd_per_million = price.cache_write_or_in();
  return t;
}

class ListPrice : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    Settings settings;
    if (std::string_view(GetParam()) == "downgrade") {
      settings.push_back({"mapping.a", std::string("b")});
    }
    policy = builtin<CostPolicy>(GetParam(), settings);
  }
  std::unique_ptr<CostPolicy> policy;
};
INSTANTIATE_TEST_SUITE_P(Builtin, ListPrice, ::testing::Values("list_price", "downgrade"),
                         [](const auto& id) { return std::string(id.param); });

// The ledger's own rule and the plugin's are the same rule.
TEST_P(ListPrice, AgreesWithTheLedgerToTheNanoDollar) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    auto draw = [&](uint64_t n) { return static_cast<int64_t>(random.below(n)); };
    Price price{draw(100'000'000'000), draw(100'000'000'000), {}, {}};
    if (random.chance(1, 2)) price.cached = draw(100'000'000'000);
    if (random.chance(1, 2)) price.cache_write = draw(100'000'000'000);
    Usage used{draw(1'000'000), draw(1'200'000), draw(500'000), draw(100'000), 0};
    keel_target t = target(price);
    int64_t cost = 0, bound = 0;
    ASSERT_TRUE(policy->price(
        request(), t, usage(KEEL_USAGE_ACTUAL, used.in, used.out, used.cached, used.cache_write),
        cost));
    ASSERT_TRUE(
        policy->price(request(), t, usage(KEEL_USAGE_WORST_CASE, used.in, used.out), bound));
    ASSERT_EQ(cost, cost_of(used, price).value);
    ASSERT_EQ(bound, worst_case(used.in, used.out, price).value);
    ASSERT_GE(bound, cost);
  }
}

TEST_P(ListPrice, NothingAndTooMuch) {
  int64_t cost = 7;
  keel_target t = target({8'000'000'000, 8'000'000'000, {}, {}});
  EXPECT_TRUE(policy->price(request(), t, usage(KEEL_USAGE_ACTUAL, 0, 0), cost));
  EXPECT_EQ(cost, 0);
  EXPECT_TRUE(policy->price(request(), t, usage(KEEL_USAGE_ACTUAL, -5, -5), cost));
  EXPECT_EQ(cost, 0);
  EXPECT_TRUE(policy->price(request(), t, usage(KEEL_USAGE_ACTUAL, 1, 0), cost));
  EXPECT_EQ(cost, 8000);
  int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(policy->price(request(), t, usage(KEEL_USAGE_WORST_CASE, most, most), cost));
  EXPECT_EQ(cost, most);
}

TEST_P(ListPrice, AnUnknownPriceAbstains) {
  keel_target t = target({-1, 8'000'000'000, {}, {}});
  int64_t cost = 7;
  EXPECT_EQ(policy->price(request(), t, usage(KEEL_USAGE_ACTUAL, 1, 1), cost).answered,
            Answered::abstain);
  EXPECT_EQ(cost, 0);
  t = target({8'000'000'000, -1, {}, {}});
  EXPECT_EQ(policy->price(request(), t, usage(KEEL_USAGE_ACTUAL, 1, 1), cost).answered,
            Answered::abstain);
}

keel_budget budget(bool alert_passed) {
  return {sizeof(keel_budget), 1, alert_passed ? 1u : 0u, 0, alert_passed ? 0.8 : 0.79, 0.8, 1};
}

struct DowngradeAdvice : ::testing::Test {
  DowngradeAdvice() {
    scene.add("openai/gpt-4.1", 1, 8000);
    scene.add("google/gemini-2.5-flash", 1, 6000);
    scene.add("deepseek/deepseek-v3.2", 1, 1000);
    scene.add("local/llama", 1, 200);
  }
  std::vector<std::string> advised(const Settings& settings, uint32_t preferred = 0,
                                   const keel_budget& state = budget(true),
                                   const keel_request& asked = request()) {
    auto policy = builtin<CostPolicy>("downgrade", settings);
    std::vector<uint32_t> out;
    EXPECT_TRUE(policy->advise(asked, preferred, scene.view(), state, out));
    return scene.names(out);
  }
  Scene scene;
};

Setting maps(const std::string& from, const std::string& to) {
  return {"mapping." + from, to};
}

TEST_F(DowngradeAdvice, BeginsAtTheAlertShare) {
  Settings settings{maps("gpt-4.1", "local/llama")};
  EXPECT_THAT(advised(settings, 0, budget(false)), IsEmpty());
  EXPECT_THAT(advised(settings, 0, budget(true)), ElementsAre("local/llama"));
  EXPECT_THAT(advised(settings, 0, keel_budget{sizeof(keel_budget), 0, 1, 0, 1, 1, 0}), IsEmpty());
}

TEST_F(DowngradeAdvice, AlwaysNeedsNoBudget) {
  Settings settings{maps("gpt-4.1", "local/llama"), {"always", true}};
  EXPECT_THAT(advised(settings, 0, keel_budget{sizeof(keel_budget), 0, 0, 0, 0, 0, 0}),
              ElementsAre("local/llama"));
}

TEST_F(DowngradeAdvice, NamesTargetsModelsOrWhatWasAskedFor) {
  EXPECT_THAT(advised({maps("openai/gpt-4.1", "llama")}), ElementsAre("local/llama"));
  EXPECT_THAT(advised({maps("gpt-4", "deepseek-v3.2")}), IsEmpty());
  keel_request asked = request();
  asked.model = text_of("gpt-4");  // no target of this route; the policy chose gpt-4.1 for it
  EXPECT_THAT(advised({maps("gpt-4", "deepseek-v3.2")}, 0, budget(true), asked),
              ElementsAre("deepseek/deepseek-v3.2"));
}

TEST_F(DowngradeAdvice, AChainInOrder) {
  EXPECT_THAT(advised({maps("gpt-4.1", "llama"), maps("gpt-4.1", "deepseek-v3.2")}),
              ElementsAre("local/llama", "deepseek/deepseek-v3.2"));
  EXPECT_THAT(advised({maps("gemini-2.5-flash", "deepseek-v3.2"), maps("deepseek-v3.2", "llama"),
                       maps("gpt-4.1", "gemini-2.5-flash")}),
              ElementsAre("google/gemini-2.5-flash", "deepseek/deepseek-v3.2", "local/llama"));
}

TEST_F(DowngradeAdvice, ACircleEnds) {
  EXPECT_THAT(advised({maps("gpt-4.1", "llama"), maps("llama", "gpt-4.1")}),
              ElementsAre("local/llama"));
  EXPECT_THAT(advised({maps("gpt-4.1", "gpt-4.1")}), IsEmpty());
}

TEST_F(DowngradeAdvice, NeverUpgrades) {
  EXPECT_THAT(advised({maps("llama", "gpt-4.1")}, 3), IsEmpty());
  scene[3].estimated_cost_nano_usd = -1;
  EXPECT_THAT(advised({maps("gpt-4.1", "llama")}), IsEmpty());
  scene[0].estimated_cost_nano_usd = -1;
  EXPECT_THAT(advised({maps("gpt-4.1", "deepseek-v3.2")}), IsEmpty());
}

TEST_F(DowngradeAdvice, StandInsThatAreNotThereAreSkipped) {
  EXPECT_THAT(advised({maps("gpt-4.1", "nobody"), maps("gpt-4.1", "llama")}),
              ElementsAre("local/llama"));
  EXPECT_THAT(advised({maps("gpt-4.1", "nobody")}), IsEmpty());
}

TEST_F(DowngradeAdvice, NeedsAMapping) {
  Registry registry({kBuiltins});
  auto made = registry.create<CostPolicy>("downgrade", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().where, "mapping");
}

}  // namespace
}  // namespace keel::policy
