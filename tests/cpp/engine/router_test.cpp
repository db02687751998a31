#include "engine/router.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Plan = std::vector<uint32_t>;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Plan by_default(const std::vector<Standing>& candidates) {
  return make_plan(candidates, PolicyAnswer::abstained, {});
}
Plan by_policy(const std::vector<Standing>& candidates, const Plan& order) {
  return make_plan(candidates, PolicyAnswer::ordered, order);
}

TEST(Router, NoCandidatesNoPlan) {
  EXPECT_EQ(by_default({}), Plan{});
  EXPECT_EQ(by_policy({}, {0, 1, UINT32_MAX}), Plan{});
  EXPECT_EQ(by_default({{.eligible = false}, {.eligible = false}}), Plan{});
  EXPECT_EQ(by_policy({{.eligible = false}}, {0}), Plan{});
}

TEST(Router, DefaultIsTierThenWeightTimesScoreThenPosition) {
  std::vector<Standing> candidates = {
      {.tier = 1, .weight = 9},     {.weight = 0.5, .score = 0.8}, {.weight = 1, .score = 0.4},
      {.weight = 0.5, .score = 1},  {.tier = -1, .score = 0.1},    {.eligible = false, .tier = -2},
      {.weight = 0, .score = kNaN},
  };
  Plan expected = {4, 3, 1, 2, 6, 0};
  EXPECT_EQ(by_default(candidates), expected);
  EXPECT_EQ(make_plan(candidates, PolicyAnswer::failed, Plan{0, 1}), expected);
}

TEST(Router, NaNAndInfinityKeepTheOrderSound) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(by_default({{.score = kNaN}, {.weight = inf}, {.weight = inf, .score = 0}, {}}),
            (Plan{1, 3, 0, 2}));
}

TEST(Router, APolicysOrderIsTakenAndItsMistakesSkipped) {
  std::vector<Standing> candidates(4);
  candidates[2].eligible = false;
  EXPECT_EQ(by_policy(candidates, {3, 0}), (Plan{3, 0}));
  EXPECT_EQ(by_policy(candidates, {3, 3, 2, 4, UINT32_MAX, 1, 3}), (Plan{3, 1}));
  EXPECT_EQ(by_policy(candidates, {}), Plan{});
}

TEST(Router, ARecoveringTargetGoesFirst) {
  std::vector<Standing> candidates(3);
  candidates[2].recovering = true;
  candidates[2].tier = 7;
  EXPECT_EQ(by_default(candidates), (Plan{2, 0, 1}));
  EXPECT_EQ(by_policy(candidates, {1, 2, 0}), (Plan{2, 1, 0}));
}

TEST(Router, APolicyCannotStarveARecoveringTarget) {
  std::vector<Standing> candidates(3);
  candidates[2].recovering = true;
  EXPECT_EQ(by_policy(candidates, {1}), (Plan{2, 1}));
  EXPECT_EQ(by_policy(candidates, {}), Plan{2});
}

TEST(Router, OneTrialPerRequest) {
  std::vector<Standing> candidates(4);
  candidates[1].recovering = candidates[3].recovering = true;
  EXPECT_EQ(by_default(candidates), (Plan{1, 0, 2, 3}));
  EXPECT_EQ(by_policy(candidates, {0, 3, 2, 1}), (Plan{3, 0, 2, 1}));
  EXPECT_EQ(by_policy(candidates, {0, 2}), (Plan{1, 0, 2}));
  candidates[1].eligible = false;  // its trial is out
  EXPECT_EQ(by_policy(candidates, {0, 2}), (Plan{3, 0, 2}));
}

TEST(Router, RecoveringButNotEligibleStaysOut) {
  std::vector<Standing> candidates(2);
  candidates[0] = {.eligible = false, .recovering = true};
  EXPECT_EQ(by_default(candidates), Plan{1});
  EXPECT_EQ(by_policy(candidates, {0, 1}), Plan{1});
}

}  // namespace
}  // namespace keel::engine
