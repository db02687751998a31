#include "policy/registry.hpp"

#include "policy/scene.hpp"
#include "policy/table.hpp"

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> listed(Registry& registry, std::vector<Error>* problems = nullptr) {
  std::vector<std::string> out;
  for (const keel_policy* policy : registry.builtins(problems)) out.push_back(name_of(*policy));
  return out;
}

TEST(Registry, ListsTheBuiltins) {
  Registry registry({kBuiltins});
  EXPECT_THAT(listed(registry),
              ElementsAre("fixed_ttl (keel.cache-ttl/1)", "keyword_ttl (keel.cache-ttl/1)",
                          "downgrade (keel.cost/1)", "list_price (keel.cost/1)",
                          "least_latency (keel.routing/1)", "ordered (keel.routing/1)",
                          "weighted_health (keel.routing/1)"));
}

TEST(Registry, TheSameBuiltinTwiceIsListedOnce) {
  Registry registry({kBuiltins, kBuiltins + "/."});
  EXPECT_EQ(listed(registry).size(), 7u);
}

TEST(Registry, NoDirectoryOrAnEmptyOne) {
  Registry none({});
  EXPECT_TRUE(listed(none).empty());
  Registry absent({"/nonexistent/keel"});
  EXPECT_TRUE(listed(absent).empty());
  auto policy = absent.find(KEEL_KIND_ROUTING, "ordered");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().message,
            "found no built-in policy 'ordered' of kind keel.routing/1; there are none");
}

TEST(Registry, UnknownIdNamesTheNearest) {
  Registry registry({kBuiltins});
  auto near = registry.create<RoutingPolicy>("weighted-health", {});
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().message,
            "found no built-in policy 'weighted-health' of kind keel.routing/1; the nearest name "
            "is 'weighted_health'");
  auto far = registry.create<TtlPolicy>("x", {});
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().message,
            "found no built-in policy 'x' of kind keel.cache-ttl/1; known: 'fixed_ttl', "
            "'keyword_ttl'");
  EXPECT_FALSE(registry.create<RoutingPolicy>("", {}));
  EXPECT_FALSE(registry.create<RoutingPolicy>("../plugins/ordered", {}));
  EXPECT_FALSE(registry.create<CostPolicy>("ordered", {}));
}

TEST(Registry, TheSamePathIsLoadedOnce) {
  Registry registry({});
  auto first = registry.load(kCheapest);
  auto second = registry.load(kCheapest);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  EXPECT_FALSE(registry.load(kCheapest, std::string(64, '0')));  // a pin is checked all the same
}

TEST(Registry, BrokenBuiltinsAreReportedAndLeftOut) {
  Registry registry({kBuiltins, KEEL_BINARY_DIR "/tests/plugins/faulty"});
  std::vector<Error> problems;
  std::vector<std::string> found = listed(registry, &problems);
  EXPECT_THAT(found, ::testing::Contains("ordered (keel.routing/1)"));
  EXPECT_THAT(found, ::testing::Contains("good (keel.routing/1)"));
  EXPECT_EQ(problems.size(), 13u);
}

TEST(Registry, APolicyOutlivesItsRegistry) {
  auto policy = builtin<RoutingPolicy>("ordered");
  Scene scene;
  scene.add("a/x");
  std::vector<uint32_t> order;
  EXPECT_TRUE(policy->route(request(), scene.view(), order));
  EXPECT_FALSE(policy->observes());
}

}  // namespace
}  // namespace keel::policy
