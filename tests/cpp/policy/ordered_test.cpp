#include "policy/scene.hpp"

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Ordered : ::testing::Test {
  std::vector<uint32_t> order;
  std::unique_ptr<RoutingPolicy> policy = builtin<RoutingPolicy>("ordered");
};

TEST_F(Ordered, NoneAndOne) {
  EXPECT_TRUE(policy->route(request(), candidates_of(nullptr, 0), order));
  EXPECT_THAT(order, IsEmpty());
  Scene scene;
  scene.add("a/x");
  EXPECT_TRUE(policy->route(request(), scene.view(), order));
  EXPECT_THAT(order, ElementsAre(0));
}

TEST_F(Ordered, ByTierThenPositionWhateverTheirHealth) {
  Scene scene;
  scene.add("late/x", 1.0).position = 3;
  scene.add("second/x", 0.1).position = 1;
  scene.add("spare/x", 1.0).position = 0;
  scene.add("first/x", 0.0).position = 0;
  scene.target(2).tier = 1;
  EXPECT_TRUE(policy->route(request(), scene.view(), order));
  EXPECT_THAT(scene.names(order), ElementsAre("first/x", "second/x", "late/x", "spare/x"));
}

TEST_F(Ordered, ARequestedTargetGoesFirst) {
  Scene scene;
  for (const char* name : {"a/x", "b/x", "c/x", "d/x"}) scene.add(name);
  scene.target(2).tier = 1;
  keel_request asked = request();
  asked.requested_candidate = 2;
  EXPECT_TRUE(policy->route(asked, scene.view(), order));
  EXPECT_THAT(order, ElementsAre(2, 0, 1, 3));
}

TEST_F(Ordered, TakesNoSettings) {
  Registry registry({kBuiltins});
  EXPECT_FALSE(registry.create<RoutingPolicy>("ordered", {{"spread", true}}));
}

}  // namespace
}  // namespace keel::policy
