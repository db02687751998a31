#include "policy/scene.hpp"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000, kSecond = 1'000'000'000;

// A route's targets and a policy that has seen what became of them.
struct Route : Scene {
  explicit Route(const Settings& settings = {})
      : policy(builtin<RoutingPolicy>("least_latency", settings)) {}

  void saw(uint32_t target_index, int64_t first_token_ns, uint32_t verdict = KEEL_VERDICT_OK,
           int64_t total_ns = 0, int64_t limit_ns = 10 * kSecond, uint32_t status = 200) {
    keel_attempt attempt{};
    attempt.struct_size = sizeof attempt;
    attempt.target = &target(target_index);
    attempt.verdict = verdict;
    attempt.status = status;
    attempt.first_token_ns = first_token_ns;
    attempt.total_ns = std::max(first_token_ns, total_ns);
    attempt.limit_ns = limit_ns;
    attempt.now_ns = now_ns;
    EXPECT_TRUE(policy->observe(attempt));
  }
  std::vector<uint32_t> order(uint64_t entropy = 1, int32_t requested = -1) {
    keel_request asked = request();
    asked.entropy = entropy;
    asked.now_ns = now_ns;
    asked.requested_candidate = requested;
    std::vector<uint32_t> out;
    EXPECT_TRUE(policy->route(asked, view(), out));
    return out;
  }
  // Where each goes in a thousand requests.
  std::vector<int> firsts(uint64_t requests = 1'000) {
    std::vector<int> out(view().count);
    for (uint64_t entropy = 0; entropy < requests; ++entropy) ++out[order(entropy)[0]];
    return out;
  }

  std::unique_ptr<RoutingPolicy> policy;
  int64_t now_ns = 1'000 * kSecond;
};

TEST(LeastLatency, NoneAndOne) {
  Route route;
  EXPECT_THAT(route.order(), IsEmpty());
  route.add("a/x");
  EXPECT_THAT(route.order(), ElementsAre(0));
}

TEST(LeastLatency, OfTwoTheQuicker) {
  Route route;
  route.add("slow/x");
  route.add("quick/x");
  route.saw(0, 400 * kMs);
  route.saw(1, 200 * kMs);
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000));
}

TEST(LeastLatency, WhoIsBusyWaitsLongerAndWeightsDivide) {
  Route route;
  route.add("busy/x").in_flight = 2;
  route.add("idle/x");
  route.saw(0, 200 * kMs);
  route.saw(1, 500 * kMs);
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000)) << "3 x 200 against 500";
  route.target(0).weight = 1.3;
  EXPECT_THAT(route.firsts(), ElementsAre(1'000, 0)) << "600 / 1.3";
}

TEST(LeastLatency, TiersAreStrictAndARequestedTargetGoesFirst) {
  Route route;
  route.add("spare/x");
  route.add("main/x");
  route.add("main/y");
  route.target(0).tier = 1;
  route.saw(0, kMs);
  route.saw(1, 200 * kMs);
  route.saw(2, 300 * kMs);
  for (uint64_t entropy = 0; entropy < 100; ++entropy) {
    EXPECT_THAT(route.order(entropy), ElementsAre(1, 2, 0));
    EXPECT_THAT(route.order(entropy, 0), ElementsAre(0, 1, 2));
  }
}

TEST(LeastLatency, ItJumpsUpAtOnceAndComesDownSlowly) {
  Route route;
  route.add("a/x");
  route.add("b/x");
  route.saw(0, 100 * kMs);
  route.saw(1, 500 * kMs);
  route.saw(0, 2'000 * kMs);  // one slow answer
  EXPECT_EQ(route.order()[0], 1u);
  route.now_ns += 1 * kSecond;
  route.saw(0, 100 * kMs);
  route.saw(1, 500 * kMs);
  EXPECT_EQ(route.order()[0], 1u) << "a second later it is not forgotten";
  for (int s = 0; s < 120; ++s) {
    route.now_ns += 1 * kSecond;
    route.saw(0, 100 * kMs);
    route.saw(1, 500 * kMs);
  }
  EXPECT_EQ(route.order()[0], 0u) << "0.1 + 1.9 / e^2 s";
}

TEST(LeastLatency, AnErrorIsNoQuickAnswer) {
  Route route;
  route.add("fails/x");
  route.add("works/x");
  route.saw(1, 800 * kMs);
  for (uint32_t verdict : {KEEL_VERDICT_NOT_SENT, KEEL_VERDICT_BROKEN, KEEL_VERDICT_SILENT,
                           KEEL_VERDICT_PROVIDER_OVERLOAD, KEEL_VERDICT_TRANSIENT}) {
    Route fresh;
    fresh.add("fails/x");
    fresh.add("works/x");
    fresh.saw(1, 800 * kMs);
    fresh.saw(0, 0, verdict, 2 * kMs, 10 * kSecond, 500);
    EXPECT_EQ(fresh.firsts()[0], 0) << verdict;
  }
  // A limit that was short is no excuse where the slowest percent takes longer.
  route[0].first_token.p99_ns = 5 * kSecond;
  route.order();
  route.saw(0, 0, KEEL_VERDICT_TRANSIENT, 2 * kMs, 10 * kMs, 503);
  EXPECT_EQ(route.firsts()[0], 0);
}

TEST(LeastLatency, WhatIsNobodysFaultSaysNothing) {
  Route route;
  route.add("a/x");
  route.add("b/x");
  route.saw(0, 100 * kMs);
  route.saw(1, 200 * kMs);
  for (uint32_t verdict : {KEEL_VERDICT_CANCELLED, KEEL_VERDICT_FATAL, KEEL_VERDICT_THROTTLED_KEY,
                           KEEL_VERDICT_KEY_DEAD, KEEL_VERDICT_CONTEXT, KEEL_VERDICT_NONE})
    route.saw(0, 0, verdict, 9 * kSecond, 10 * kSecond, 400);
  route.saw(0, 0, KEEL_VERDICT_TRANSIENT, 9 * kSecond, 10 * kSecond, 409);
  EXPECT_EQ(route.order()[0], 0u);
}

TEST(LeastLatency, APlainRepliesWholeTimeIsItsFirstToken) {
  Route route;
  route.add("a/x");
  route.add("b/x");
  route.saw(0, 0, KEEL_VERDICT_OK, 3 * kSecond);
  route.saw(1, 0, KEEL_VERDICT_OK, 2 * kSecond);
  EXPECT_EQ(route.order()[0], 1u);
}

TEST(LeastLatency, AnUnknownTargetIsAskedOneAtATime) {
  Route route;
  route.add("known/x");
  route.add("new/x");
  route.saw(0, 200 * kMs);
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000)) << "nothing pending: it is tried";
  route[1].in_flight = 1;
  EXPECT_THAT(route.firsts(), ElementsAre(1'000, 0)) << "not stampeded";
  route[0].in_flight = 1'000;
  EXPECT_THAT(route.firsts(), ElementsAre(1'000, 0));
  route[0].in_flight = 0;
  route.saw(1, 90 * kMs);
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000)) << "2 x 90 against 200";
}

TEST(LeastLatency, OfTwoUnknownOnesTheLessAsked) {
  Route route;
  route.add("a/x").in_flight = 3;
  route.add("b/x").in_flight = 1;
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000));
}

TEST(LeastLatency, BeginsWithWhatTheHostKnows) {
  Route route;
  route.add("slow/x").first_token = {.samples = 50, .ewma_ns = 900 * kMs};
  route.add("quick/x").first_token = {.samples = 50, .ewma_ns = 300 * kMs};
  route[1].in_flight = 1;  // 600 against 900
  EXPECT_THAT(route.firsts(), ElementsAre(0, 1'000));
}

TEST(LeastLatency, AfterAWhileWithoutAnswersNothingIsKnown) {
  Route route;
  route.add("failed/x");
  route.add("works/x");
  route.saw(0, 0, KEEL_VERDICT_SILENT, 10 * kSecond, 10 * kSecond, 0);
  for (int s = 0; s < 181; ++s) {
    route.saw(1, 200 * kMs);
    if (s < 180) {
      ASSERT_EQ(route.order()[0], 1u) << s << " s";
    }
    route.now_ns += kSecond;
  }
  EXPECT_EQ(route.order()[0], 0u) << "tried again after three time constants";
  route[0].in_flight = 1;
  EXPECT_EQ(route.order()[0], 1u) << "by one";
}

TEST(LeastLatency, DecaySecondsSetsThePace) {
  Route route({{"decay_seconds", 10.0}});
  route.add("failed/x");
  route.add("works/x");
  route.saw(0, 0, KEEL_VERDICT_SILENT, 10 * kSecond, 10 * kSecond, 0);
  route.now_ns += 29 * kSecond;
  route.saw(1, 200 * kMs);
  EXPECT_EQ(route.order()[0], 1u);
  route.now_ns += 2 * kSecond;
  EXPECT_EQ(route.order()[0], 0u);
}

TEST(LeastLatency, AClockThatStepsBackFadesNothing) {
  Route route;
  route.add("a/x");
  route.add("b/x");
  route.saw(0, 100 * kMs);
  route.saw(1, 200 * kMs);
  route.now_ns -= 500 * kSecond;
  EXPECT_EQ(route.order()[0], 0u);
}

TEST(LeastLatency, TheSameQuestionHasTheSameAnswer) {
  Route route;
  for (const char* name : {"a/x", "b/x", "c/x", "d/x"}) route.add(name);
  for (uint64_t entropy = 0; entropy < 100; ++entropy)
    EXPECT_EQ(route.order(entropy), route.order(entropy));
}

// ---- the shares of a power of two choices, exactly ----

// Chi-square against expected shares; 0.999 quantiles of the distribution by degrees of freedom.
void expect_shares(const std::vector<int>& seen, const std::vector<double>& shares) {
  constexpr double kLimits[] = {0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322};
  const double all = std::accumulate(seen.begin(), seen.end(), 0.0);
  double chi = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    const double expected = all * shares[i];
    if (expected == 0) {
      EXPECT_EQ(seen[i], 0) << i;
    } else {
      chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
  }
  EXPECT_LT(chi, kLimits[seen.size() - 1]) << testing::PrintToString(seen);
}

TEST(LeastLatency, EqualsAreAskedEquallyOften) {
  for (int count = 2; count <= 8; ++count) {
    Route route;
    const std::vector<std::string> names = {"a/x", "b/x", "c/x", "d/x", "e/x", "f/x", "g/x", "h/x"};
    for (int i = 0; i < count; ++i) {
      route.add(names[static_cast<size_t>(i)]);
      route.saw(static_cast<uint32_t>(i), 200 * kMs);
    }
    expect_shares(route.firsts(20'000),
                  std::vector<double>(static_cast<size_t>(count), 1.0 / count));
  }
}

// Of n unequal ones, the one that r are better than wins the pairs with the n - 1 - r worse ones.
TEST(LeastLatency, UnequalOnesByTheirRank) {
  for (int count = 2; count <= 8; ++count) {
    Route route;
    const std::vector<std::string> names = {"a/x", "b/x", "c/x", "d/x", "e/x", "f/x", "g/x", "h/x"};
    std::vector<double> shares;
    for (int i = 0; i < count; ++i) {
      const int rank = (i * 3 + 1) % count;  // not in order
      const bool distinct = count % 3 != 0;
      route.add(names[static_cast<size_t>(i)]);
      const int better = distinct ? rank : i;
      route.saw(static_cast<uint32_t>(i), (100 + 10 * better) * kMs);
      shares.push_back(2.0 * (count - 1 - better) / (count * (count - 1)));
    }
    expect_shares(route.firsts(20'000), shares);
  }
}

// Ties among unequal ones: two quick, two slow. A quick one wins its pairs with both slow ones and
// half of the one with its equal; a slow one half of one.
TEST(LeastLatency, TiesAreHalves) {
  Route route;
  for (const char* name : {"q/1", "q/2", "s/1", "s/2"}) route.add(name);
  for (uint32_t i = 0; i < 4; ++i) route.saw(i, (i < 2 ? 100 : 200) * kMs);
  expect_shares(route.firsts(40'000), {2.5 / 6, 2.5 / 6, 0.5 / 6, 0.5 / 6});
}

}  // namespace
}  // namespace keel::policy
