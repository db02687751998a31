#include "policy/adapter.hpp"

#include "policy/scene.hpp"

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string creation_error(std::string_view sin) {
  Registry registry({});
  auto library = registry.load(faulty(sin));
  if (!library) return "not loaded: " + library.error().text();
  auto made = Registry::create<RoutingPolicy>(**library, "", {});
  return made ? "was created" : made.error().message;
}

TEST(Adapter, CreateFails) {
  EXPECT_EQ(creation_error("throws_in_create"), "policy 'faulty': cannot reach the moon");
  EXPECT_EQ(creation_error("lets_create_throw"),
            "policy 'good': let an exception escape: no such luck");
  EXPECT_EQ(creation_error("create_abstains"), "policy 'good': create abstained");
}

TEST(Adapter, WrongKind) {
  auto library = Library::open(kBuiltins + "/ordered.so");
  ASSERT_TRUE(library);
  auto made = adapt<CostPolicy>(*library->policies()[0], {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "found policy ordered (keel.routing/1), wanted one of kind keel.cost/1");
}

struct Sin {
  const char* plugin;
  const char* says;
};

class WrongOrder : public ::testing::TestWithParam<Sin> {};

TEST_P(WrongOrder, IsAFailure) {
  auto policy = spoilt<RoutingPolicy>(GetParam().plugin);
  ASSERT_TRUE(policy);
  Scene scene;
  scene.add("a/x");
  scene.add("b/x");
  std::vector<uint32_t> order{9, 9, 9};
  for (int again = 0; again < 2; ++again) {
    Decision decision = policy->route(request(), scene.view(), order);
    EXPECT_EQ(decision.answered, Answered::failed);
    EXPECT_THAT(decision.text, HasSubstr(GetParam().says));
    EXPECT_THAT(order, IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Faulty, WrongOrder,
    ::testing::Values(
        Sin{"index_out_of_range", "policy 'faulty': answered with index 2, wanted one below 2"},
        Sin{"duplicate_index", "answered with index 0 twice"},
        Sin{"too_many_indices", "more indices than candidates"},
        Sin{"count_over_capacity", "answered with 3 indices for 2 candidates"},
        Sin{"message_over_capacity", "left a message of 513 bytes, wanted at most 512"},
        Sin{"unknown_status", "found status 17, wanted 0 to 3"},
        Sin{"refuses_in_latin_1", "left a message that is not UTF-8"},
        Sin{"throws_in_route", "policy 'faulty': lost the plot"},
        Sin{"throws_a_number", "threw something that is not a std::exception"},
        Sin{"lets_route_throw", "let an exception escape: over the wall"}),
    [](const auto& sin) { return std::string(sin.param.plugin); });

TEST(Adapter, NegativePrice) {
  auto policy = spoilt<CostPolicy>("negative_price");
  ASSERT_TRUE(policy);
  Scene scene;
  scene.add("a/x");
  int64_t nano_usd = 5;
  Decision decision = policy->price(request(), scene.target(0), {}, nano_usd);
  EXPECT_EQ(decision.answered, Answered::failed);
  EXPECT_EQ(decision.text, "policy 'faulty': priced 'a/x' at -1 nano-USD, wanted 0 or more");
  EXPECT_EQ(nano_usd, 0);
}

TEST(Adapter, UpgradeInPrice) {
  auto policy = spoilt<CostPolicy>("upgrades");
  ASSERT_TRUE(policy);
  Scene scene;
  scene.add("a/x", 1, 100);
  scene.add("b/x", 1, 101);
  std::vector<uint32_t> downgrades;
  Decision decision = policy->advise(request(), 0, scene.view(), {}, downgrades);
  EXPECT_EQ(decision.answered, Answered::failed);
  EXPECT_THAT(decision.text, HasSubstr("from 'a/x' at 100 nano-USD to 'b/x' at 101"));
  EXPECT_THAT(downgrades, IsEmpty());

  scene[1].estimated_cost_nano_usd = -1;
  EXPECT_FALSE(policy->advise(request(), 0, scene.view(), {}, downgrades));
  EXPECT_THAT(policy->advise(request(), 1, scene.view(), {}, downgrades).text,
              HasSubstr("'b/x' to itself"));
  scene[1].estimated_cost_nano_usd = 100;  // no dearer
  EXPECT_TRUE(policy->advise(request(), 0, scene.view(), {}, downgrades));
  EXPECT_THAT(downgrades, ElementsAre(1));
}

TEST(Adapter, TtlOutOfRange) {
  keel_ttl_question question{};
  for (const char* sin : {"endless_ttl", "negative_ttl"}) {
    auto policy = spoilt<TtlPolicy>(sin);
    ASSERT_TRUE(policy);
    int64_t ttl_ns = 5;
    Decision decision = policy->ttl(question, ttl_ns);
    EXPECT_EQ(decision.answered, Answered::failed);
    EXPECT_THAT(decision.text, HasSubstr("wanted 0 to 31536000000000000"));
    EXPECT_EQ(ttl_ns, 0);
  }
}

// A host of a later version hands over larger structs; a plugin of today walks them by stride.
TEST(Adapter, LargerCandidatesAreWalked) {
  struct Tomorrow {
    keel_candidate candidate;
    uint64_t news[3];
  };
  Scene scene;
  scene.add("a/x");
  scene.add("b/x");
  scene[0].position = 1;
  scene[1].position = 0;
  Tomorrow larger[2] = {{scene[0], {~0u, ~0u, ~0u}}, {scene[1], {~0u, ~0u, ~0u}}};
  keel_candidates candidates{sizeof candidates, 2, sizeof(Tomorrow), &larger[0].candidate};
  std::vector<uint32_t> order;
  EXPECT_TRUE(builtin<RoutingPolicy>("ordered")->route(request(), candidates, order));
  EXPECT_THAT(order, ElementsAre(1, 0));
}

TEST(Adapter, SettingsAreCheckedBeforeCreate) {
  Registry registry({kBuiltins});
  auto made = registry.create<RoutingPolicy>("weighted_health",
                                             {{"tolerence", 0.05}, {"spread", std::string("yes")}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "policy_setting");
  EXPECT_EQ(made.error().text(),
            "tolerence: policy 'weighted_health' has no setting 'tolerence'; the nearest name is "
            "'tolerance'; spread: found the text 'yes', wanted true or false");
}

// The plugin in tests/plugins/cheapest, built the way a user builds one.
TEST(Adapter, AUsersPlugin) {
  Registry registry({});
  auto library = registry.load(kCheapest);
  ASSERT_TRUE(library) << library.error().text();
  std::vector<std::string> lines;
  CreateOptions options;
  options.log = [&](uint32_t, std::string_view policy, std::string_view line) {
    lines.push_back(std::string(policy) + ": " + std::string(line));
  };
  auto made = Registry::create<RoutingPolicy>(**library, "", {{"limit_usd", 1e-6}}, options);
  ASSERT_TRUE(made) << made.error().text();
  RoutingPolicy& policy = **made;
  EXPECT_THAT(lines, ElementsAre("cheapest: limit of 1000 nano-USD"));
  EXPECT_EQ(policy.description().id, "cheapest");
  EXPECT_EQ(policy.description().kind, KEEL_KIND_ROUTING);
  EXPECT_FALSE(policy.description().needs_text);

  Scene scene;
  scene.add("a/x", 1, 900);
  scene.add("b/x", 1, 1001);
  scene.add("c/x", 1, 1000);
  scene.add("d/x", 1, -1);
  std::vector<uint32_t> order;
  EXPECT_TRUE(policy.route(request(), scene.view(), order));
  EXPECT_THAT(order, ElementsAre(0, 2));

  Decision refused = policy.route(request(), candidates_of(nullptr, 0), order);
  EXPECT_EQ(refused.answered, Answered::refuse);
  EXPECT_EQ(refused.text, "no target is cheap enough");
  EXPECT_THAT(order, IsEmpty());

  keel_attempt attempt{};
  attempt.struct_size = sizeof attempt;
  EXPECT_TRUE(policy.observes());
  EXPECT_TRUE(policy.observe(attempt));
  attempt.cost_nano_usd = -1;
  EXPECT_EQ(policy.observe(attempt).text, "policy 'cheapest': a negative cost was posted");
}

TEST(Adapter, TwoInstancesAreIndependent) {
  Registry registry({});
  auto library = registry.load(kCheapest);
  ASSERT_TRUE(library);
  auto strict = Registry::create<RoutingPolicy>(**library, "cheapest", {{"limit_usd", 0.0}});
  auto loose = Registry::create<RoutingPolicy>(**library, "cheapest", {});
  ASSERT_TRUE(strict && loose);
  Scene scene;
  scene.add("a/x");
  std::vector<uint32_t> order;
  EXPECT_FALSE((*strict)->route(request(), scene.view(), order));
  strict = Error{};  // destroyed; the other lives on
  EXPECT_TRUE((*loose)->route(request(), scene.view(), order));
}

}  // namespace
}  // namespace keel::policy
