#include "policy/timed.hpp"

#include <gtest/gtest.h>

namespace keel::policy {
namespace {

int looks = 0;
Instant clock_of_the_test() {
  return Instant{++looks * 10};
}

struct Told {
  std::vector<Duration> took;
  Took hear() {
    return [this](Duration d) { took.push_back(d); };
  }
};

class Routing : public RoutingPolicy {
 public:
  explicit Routing(bool observes) : observes_(observes) {}
  const Description& description() const override { return description_; }
  Decision route(const keel_request&, const keel_candidates&,
                 std::vector<uint32_t>& order) override {
    order = {2, 0};
    return Decision::refuse("no");
  }
  bool observes() const override { return observes_; }
  Decision observe(const keel_attempt&) override { return Decision::failed("deaf"); }

 private:
  bool observes_;
  Description description_{KEEL_KIND_ROUTING, "routing", "1", "", 1, false};
};

class Cost : public CostPolicy {
 public:
  const Description& description() const override { return description_; }
  Decision price(const keel_request&, const keel_target&, const keel_usage&,
                 int64_t& nano_usd) override {
    nano_usd = 7;
    return Decision::ok();
  }
  Decision advise(const keel_request&, uint32_t preferred, const keel_candidates&,
                  const keel_budget&, std::vector<uint32_t>& downgrades) override {
    downgrades = {preferred + 1};
    return Decision::abstain();
  }

 private:
  Description description_{KEEL_KIND_COST, "cost", "1", "", 1, false};
};

class Ttl : public TtlPolicy {
 public:
  const Description& description() const override { return description_; }
  Decision ttl(const keel_ttl_question&, int64_t& ttl_ns) override {
    ttl_ns = 9;
    return Decision::ok();
  }

 private:
  Description description_{KEEL_KIND_CACHE_TTL, "ttl", "1", "", 1, false};
};

TEST(Timed, AnOrderGoesThroughAndIsTimed) {
  Told told;
  auto policy = timed(std::make_unique<Routing>(true), &clock_of_the_test, told.hear());
  EXPECT_EQ(policy->description().id, "routing");
  EXPECT_TRUE(told.took.empty());
  std::vector<uint32_t> order;
  const Decision decision = policy->route({}, {}, order);
  EXPECT_EQ(decision.answered, Answered::refuse);
  EXPECT_EQ(decision.text, "no");
  EXPECT_EQ(order, (std::vector<uint32_t>{2, 0}));
  EXPECT_EQ(told.took, (std::vector<Duration>{nanoseconds(10)}));
}

TEST(Timed, WhatAPolicyIsToldOfIsNoDecision) {
  Told told;
  auto hears = timed(std::make_unique<Routing>(true), &clock_of_the_test, told.hear());
  auto deaf = timed(std::make_unique<Routing>(false), &clock_of_the_test, told.hear());
  EXPECT_TRUE(hears->observes());
  EXPECT_FALSE(deaf->observes());
  EXPECT_EQ(hears->observe({}).text, "deaf");
  EXPECT_TRUE(told.took.empty());
}

TEST(Timed, PricesAdviceAndLifetimesGoThroughAndAreTimed) {
  Told told;
  auto cost = timed(std::make_unique<Cost>(), &clock_of_the_test, told.hear());
  auto ttl = timed(std::make_unique<Ttl>(), &clock_of_the_test, told.hear());
  int64_t nano_usd = 0, ttl_ns = 0;
  EXPECT_TRUE(cost->price({}, {}, {}, nano_usd));
  EXPECT_EQ(nano_usd, 7);
  std::vector<uint32_t> downgrades;
  EXPECT_EQ(cost->advise({}, 3, {}, {}, downgrades).answered, Answered::abstain);
  EXPECT_EQ(downgrades, (std::vector<uint32_t>{4}));
  EXPECT_TRUE(ttl->ttl({}, ttl_ns));
  EXPECT_EQ(ttl_ns, 9);
  EXPECT_EQ(cost->description().id, "cost");
  EXPECT_EQ(ttl->description().id, "ttl");
  EXPECT_EQ(told.took.size(), 3u);
}

}  // namespace
}  // namespace keel::policy
