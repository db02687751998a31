#pragma once
// Policies that answer as a test tells them to.

#include "policy/policies.hpp"

#include <string>
#include <utility>
#include <vector>

namespace keel::relay {

// Prices by the host's own sum and advises the same candidates every time.
class FakeCost : public policy::CostPolicy {
 public:
  explicit FakeCost(std::vector<uint32_t> instead) : instead_(std::move(instead)) {}
  const policy::Description& description() const override { return description_; }
  policy::Decision price(const keel_request&, const keel_target&, const keel_usage&,
                         int64_t&) override {
    return policy::Decision::abstain();
  }
  policy::Decision advise(const keel_request&, uint32_t, const keel_candidates& candidates,
                          const keel_budget& budget, std::vector<uint32_t>& downgrades) override {
    downgrades.clear();
    if (only_when_low && !budget.alert_passed) return policy::Decision::ok();
    for (uint32_t position : instead_)
      for (uint32_t i = 0; i < candidates.count; ++i)
        if (policy::candidate_at(candidates, i).position == position) downgrades.push_back(i);
    return policy::Decision::ok();
  }

  bool only_when_low = false;

 private:
  policy::Description description_{KEEL_KIND_COST, "fake_cost", "1", "", 1, false};
  std::vector<uint32_t> instead_;
};

class FailingRouting : public policy::RoutingPolicy {
 public:
  const policy::Description& description() const override { return description_; }
  policy::Decision route(const keel_request&, const keel_candidates&,
                         std::vector<uint32_t>& order) override {
    order.clear();
    return policy::Decision::failed("it always does");
  }

 private:
  policy::Description description_{KEEL_KIND_ROUTING, "failing", "1", "", 1, false};
};

class RefusingRouting : public policy::RoutingPolicy {
 public:
  const policy::Description& description() const override { return description_; }
  policy::Decision route(const keel_request&, const keel_candidates&,
                         std::vector<uint32_t>& order) override {
    order.clear();
    return policy::Decision::refuse("not on a Sunday");
  }

 private:
  policy::Description description_{KEEL_KIND_ROUTING, "sundays", "1", "", 1, false};
};

class FakeTtl : public policy::TtlPolicy {
 public:
  explicit FakeTtl(int64_t ttl_ns) : ttl_ns_(ttl_ns) {}
  const policy::Description& description() const override { return description_; }
  policy::Decision ttl(const keel_ttl_question&, int64_t& ttl_ns) override {
    ttl_ns = ttl_ns_;
    return policy::Decision::ok();
  }

 private:
  policy::Description description_{KEEL_KIND_CACHE_TTL, "fake_ttl", "1", "", 1, false};
  int64_t ttl_ns_;
};

}  // namespace keel::relay
