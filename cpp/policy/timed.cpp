#include "policy/timed.hpp"

#include <utility>

namespace keel::policy {

namespace {

template <typename P>
class Timed : public P {
 public:
  Timed(std::unique_ptr<P> policy, Clock clock, Took took)
      : policy_(std::move(policy)), clock_(clock), took_(std::move(took)) {}

  const Description& description() const override { return policy_->description(); }

 protected:
  P& policy() { return *policy_; }
  const P& policy() const { return *policy_; }

  template <typename Ask>
  Decision ask(Ask&& ask) {
    const Instant began = clock_();
    Decision decision = ask();
    took_(elapsed(began, clock_()));
    return decision;
  }

 private:
  std::unique_ptr<P> policy_;
  Clock clock_;
  Took took_;
};

class TimedRouting final : public Timed<RoutingPolicy> {
 public:
  using Timed::Timed;

  Decision route(const keel_request& request, const keel_candidates& candidates,
                 std::vector<uint32_t>& order) override {
    return ask([&] { return policy().route(request, candidates, order); });
  }
  bool observes() const override { return policy().observes(); }
  Decision observe(const keel_attempt& attempt) override { return policy().observe(attempt); }
};

class TimedCost final : public Timed<CostPolicy> {
 public:
  using Timed::Timed;

  Decision price(const keel_request& request, const keel_target& target, const keel_usage& usage,
                 int64_t& nano_usd) override {
    return ask([&] { return policy().price(request, target, usage, nano_usd); });
  }
  Decision advise(const keel_request& request, uint32_t preferred,
                  const keel_candidates& candidates, const keel_budget& budget,
                  std::vector<uint32_t>& downgrades) override {
    return ask([&] { return policy().advise(request, preferred, candidates, budget, downgrades); });
  }
};

class TimedTtl final : public Timed<TtlPolicy> {
 public:
  using Timed::Timed;

  Decision ttl(const keel_ttl_question& question, int64_t& ttl_ns) override {
    return ask([&] { return policy().ttl(question, ttl_ns); });
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> timed(std::unique_ptr<RoutingPolicy> policy, Clock clock,
                                     Took took) {
  return std::make_unique<TimedRouting>(std::move(policy), clock, std::move(took));
}

std::unique_ptr<CostPolicy> timed(std::unique_ptr<CostPolicy> policy, Clock clock, Took took) {
  return std::make_unique<TimedCost>(std::move(policy), clock, std::move(took));
}

std::unique_ptr<TtlPolicy> timed(std::unique_ptr<TtlPolicy> policy, Clock clock, Took took) {
  return std::make_unique<TimedTtl>(std::move(policy), clock, std::move(took));
}

}  // namespace keel::policy
