#include "policy/scene.hpp"

#include <map>

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> routed(Scene& scene, const Settings& settings = {},
                                const keel_request& asked = request()) {
  auto policy = builtin<RoutingPolicy>("weighted_health", settings);
  std::vector<uint32_t> order;
  EXPECT_TRUE(policy->route(asked, scene.view(), order));
  return scene.names(order);
}

TEST(WeightedHealth, NoneAndOne) {
  Scene scene;
  EXPECT_THAT(routed(scene), IsEmpty());
  scene.add("a/x", 0.0);
  EXPECT_THAT(routed(scene), ElementsAre("a/x"));
}

TEST(WeightedHealth, TheHealthiestFirstTiesAsConfigured) {
  Scene scene;
  scene.add("sick/x", 0.2);
  scene.add("well/x", 0.9);
  scene.add("as_well/x", 0.9);
  EXPECT_THAT(routed(scene), ElementsAre("well/x", "as_well/x", "sick/x"));
}

TEST(WeightedHealth, WeightTimesScore) {
  Scene scene;
  for (const char* name : {"openai/x", "anthropic/x", "google/x", "deepseek/x"}) scene.add(name);
  double weights[] = {0.4, 0.3, 0.2, 0.1};
  for (uint32_t i = 0; i < 4; ++i) scene.target(i).weight = weights[i];
  EXPECT_THAT(routed(scene), ElementsAre("openai/x", "anthropic/x", "google/x", "deepseek/x"));
  scene[0].health_score = 0.45;  // 0.18, below google's 0.2
  EXPECT_THAT(routed(scene), ElementsAre("anthropic/x", "google/x", "openai/x", "deepseek/x"));
}

TEST(WeightedHealth, TiersAreStrict) {
  Scene scene;
  scene.add("spare/x", 1.0);
  scene.add("main/x", 0.01);
  scene.target(0).tier = 1;
  EXPECT_THAT(routed(scene), ElementsAre("main/x", "spare/x"));
  EXPECT_THAT(routed(scene, {{"cheapest_within", 1.0}}), ElementsAre("main/x", "spare/x"));
  EXPECT_THAT(routed(scene, {{"spread", true}}), ElementsAre("main/x", "spare/x"));
}

TEST(WeightedHealth, WithinToleranceTheConfiguredOrder) {
  Scene scene;
  scene.add("first/x", 0.95);
  scene.add("best/x", 1.0);
  scene.add("far/x", 0.94);
  EXPECT_THAT(routed(scene, {{"tolerance", 0.05}}), ElementsAre("first/x", "best/x", "far/x"));
  EXPECT_THAT(routed(scene, {{"tolerance", 0.04}}), ElementsAre("best/x", "first/x", "far/x"));
  EXPECT_THAT(routed(scene), ElementsAre("best/x", "first/x", "far/x"));
}

TEST(WeightedHealth, AmongTheNearBestTheCheapest) {
  Scene scene;
  scene.add("dear/x", 1.0, 8000);
  scene.add("cheap/x", 0.91, 400);
  scene.add("cheapest_but_sick/x", 0.89, 1);
  scene.add("unknown/x", 0.99, -1);
  EXPECT_THAT(routed(scene, {{"cheapest_within", 0.1}}),
              ElementsAre("cheap/x", "dear/x", "unknown/x", "cheapest_but_sick/x"));
  // With both, only the price rule.
  EXPECT_THAT(routed(scene, {{"cheapest_within", 0.1}, {"tolerance", 0.05}}),
              ElementsAre("cheap/x", "dear/x", "unknown/x", "cheapest_but_sick/x"));
}

// Both options compare health: a small weight must not keep a healthy target out, nor may a large
// one let a sick target in.
TEST(WeightedHealth, TheOptionsCompareHealthNotWeights) {
  Scene scene;
  scene.add("heavy/x", 1.0, 8000);
  scene.add("light/x", 0.96, 420);
  scene.add("sick/x", 0.5, 1);
  double weights[] = {0.4, 0.1, 0.9};
  for (uint32_t i = 0; i < 3; ++i) scene.target(i).weight = weights[i];
  EXPECT_THAT(routed(scene), ElementsAre("sick/x", "heavy/x", "light/x"));
  EXPECT_THAT(routed(scene, {{"tolerance", 0.05}}), ElementsAre("heavy/x", "light/x", "sick/x"));
  EXPECT_THAT(routed(scene, {{"cheapest_within", 0.1}}),
              ElementsAre("light/x", "heavy/x", "sick/x"));
  scene[1].health_score = 0.89;  // now behind, by weight x score with the other one
  EXPECT_THAT(routed(scene, {{"cheapest_within", 0.1}}),
              ElementsAre("heavy/x", "sick/x", "light/x"));
}

TEST(WeightedHealth, ARequestedTargetGoesFirst) {
  Scene scene;
  scene.add("best/x", 1.0);
  scene.add("asked/x", 0.1);
  scene.add("good/x", 0.9);
  keel_request asked = request();
  asked.requested_candidate = 1;
  EXPECT_THAT(routed(scene, {}, asked), ElementsAre("asked/x", "best/x", "good/x"));
}

TEST(WeightedHealth, SpreadDrawsInProportionAndReplays) {
  Scene scene;
  scene.add("three/x", 0.75);
  scene.add("one/x", 0.25);
  scene.add("never/x", 0.0);
  auto policy = builtin<RoutingPolicy>("weighted_health", {{"spread", true}});
  std::map<std::string, int> first;
  std::vector<uint32_t> order, again;
  keel_request asked = request();
  for (asked.entropy = 0; asked.entropy < 10'000; ++asked.entropy) {
    ASSERT_TRUE(policy->route(asked, scene.view(), order));
    ASSERT_TRUE(policy->route(asked, scene.view(), again));
    ASSERT_EQ(order, again);
    ASSERT_EQ(order.size(), 3u);
    ASSERT_EQ(order[2], 2u);
    ++first[scene.names(order)[0]];
  }
  EXPECT_NEAR(first["three/x"], 7500, 200);
  EXPECT_NEAR(first["one/x"], 2500, 200);
}

TEST(WeightedHealth, SpreadWithNobodyWellKeepsTheOrder) {
  Scene scene;
  scene.add("a/x", 0.0);
  scene.add("b/x", 0.0);
  EXPECT_THAT(routed(scene, {{"spread", true}}), ElementsAre("a/x", "b/x"));
}

}  // namespace
}  // namespace keel::policy
