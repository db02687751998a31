#include "policy/adapter.hpp"

#include "policy/instance.hpp"

#include <string>
#include <utility>

namespace keel::policy {

namespace {

std::string quoted(keel_text name) {
  std::string out = "'";
  out += view_of(name);
  out += '\'';
  return out;
}

// Room for an answer that orders candidates, and the check of what came back.
class OrderSlot {
 public:
  keel_order* open(std::vector<uint32_t>& indices, uint32_t candidates) {
    indices.assign(candidates, 0);
    order_ = {sizeof(keel_order), candidates, 0, 0, indices.data()};
    return &order_;
  }

  // Leaves `indices` as the answer, or empty and says what is wrong with it.
  std::string close(std::vector<uint32_t>& indices, uint32_t candidates) {
    std::string problem = problem_of(indices, candidates);
    indices.resize(problem.empty() ? order_.count : 0);
    return problem;
  }

 private:
  std::string problem_of(const std::vector<uint32_t>& indices, uint32_t candidates) {
    if (order_.count > candidates) {
      return "answered with " + std::to_string(order_.count) + " indices for " +
             std::to_string(candidates) + " candidates";
    }
    seen_.assign(candidates, 0);
    for (uint32_t i = 0; i < order_.count; ++i) {
      uint32_t index = indices[i];
      if (index >= candidates) {
        return "answered with index " + std::to_string(index) + ", wanted one below " +
               std::to_string(candidates);
      }
      if (seen_[index]++ != 0) {
        return "answered with index " + std::to_string(index) + " twice";
      }
    }
    return {};
  }

  keel_order order_{};
  std::vector<uint8_t> seen_;
};

class RoutingAdapter final : public RoutingPolicy {
 public:
  explicit RoutingAdapter(std::unique_ptr<Instance> instance)
      : instance_(std::move(instance)),
        functions_(*static_cast<const keel_routing_functions*>(instance_->functions())) {}

  const Description& description() const override { return instance_->description(); }

  Decision route(const keel_request& request, const keel_candidates& candidates,
                 std::vector<uint32_t>& order) override {
    keel_order* out = slot_.open(order, candidates.count);
    Decision decision = instance_->ask(true, [&](void* self, keel_message* message) {
      return functions_.route(self, &request, &candidates, out, message);
    });
    std::string problem = slot_.close(order, candidates.count);
    if (!decision) {
      order.clear();
    } else if (!problem.empty()) {
      return instance_->failed(problem);
    }
    return decision;
  }

  bool observes() const override { return functions_.observe != nullptr; }

  Decision observe(const keel_attempt& attempt) override {
    if (!observes()) return Decision::ok();
    return instance_->ask(false, [&](void* self, keel_message* message) {
      return functions_.observe(self, &attempt, message);
    });
  }

 private:
  std::unique_ptr<Instance> instance_;
  const keel_routing_functions& functions_;
  OrderSlot slot_;
};

class CostAdapter final : public CostPolicy {
 public:
  explicit CostAdapter(std::unique_ptr<Instance> instance)
      : instance_(std::move(instance)),
        functions_(*static_cast<const keel_cost_functions*>(instance_->functions())) {}

  const Description& description() const override { return instance_->description(); }

  Decision price(const keel_request& request, const keel_target& target, const keel_usage& usage,
                 int64_t& nano_usd) override {
    nano_usd = 0;
    int64_t answer = -1;
    Decision decision = instance_->ask(false, [&](void* self, keel_message* message) {
      return functions_.price(self, &request, &target, &usage, &answer, message);
    });
    if (!decision) return decision;
    if (answer < 0) {
      return instance_->failed("priced " + quoted(target.name) + " at " + std::to_string(answer) +
                               " nano-USD, wanted 0 or more");
    }
    nano_usd = answer;
    return decision;
  }

  Decision advise(const keel_request& request, uint32_t preferred,
                  const keel_candidates& candidates, const keel_budget& budget,
                  std::vector<uint32_t>& downgrades) override {
    downgrades.clear();
    if (functions_.advise == nullptr) return Decision::ok();
    keel_order* out = slot_.open(downgrades, candidates.count);
    Decision decision = instance_->ask(true, [&](void* self, keel_message* message) {
      return functions_.advise(self, &request, preferred, &candidates, &budget, out, message);
    });
    std::string problem = slot_.close(downgrades, candidates.count);
    if (problem.empty()) problem = upgrade_in(downgrades, preferred, candidates);
    if (!decision || !problem.empty()) downgrades.clear();
    if (decision && !problem.empty()) return instance_->failed(problem);
    return decision;
  }

 private:
  // A downgrade may not cost more, nor can it be one when either cost is unknown.
  static std::string upgrade_in(const std::vector<uint32_t>& downgrades, uint32_t preferred,
                                const keel_candidates& candidates) {
    const keel_candidate& from = candidate_at(candidates, preferred);
    for (uint32_t index : downgrades) {
      const keel_candidate& to = candidate_at(candidates, index);
      if (index == preferred) {
        return "advised to go from " + quoted(to.target->name) + " to itself";
      }
      if (to.estimated_cost_nano_usd >= 0 &&
          to.estimated_cost_nano_usd <= from.estimated_cost_nano_usd) {
        continue;
      }
      return "advised to go from " + quoted(from.target->name) + " at " +
             std::to_string(from.estimated_cost_nano_usd) + " nano-USD to " +
             quoted(to.target->name) + " at " + std::to_string(to.estimated_cost_nano_usd) +
             ", wanted no upgrade in price";
    }
    return {};
  }

  std::unique_ptr<Instance> instance_;
  const keel_cost_functions& functions_;
  OrderSlot slot_;
};

class TtlAdapter final : public TtlPolicy {
 public:
  TtlAdapter(std::unique_ptr<Instance> instance, bool allow_text)
      : instance_(std::move(instance)),
        functions_(*static_cast<const keel_ttl_functions*>(instance_->functions())),
        pass_text_(allow_text && instance_->description().needs_text) {}

  const Description& description() const override { return instance_->description(); }

  Decision ttl(const keel_ttl_question& question, int64_t& ttl_ns) override {
    ttl_ns = 0;
    keel_ttl_question asked = question;
    if (!pass_text_) asked.first_message = {nullptr, 0};
    int64_t answer = -1;
    Decision decision = instance_->ask(false, [&](void* self, keel_message* message) {
      return functions_.ttl(self, &asked, &answer, message);
    });
    if (!decision) return decision;
    if (answer < 0 || answer > KEEL_TTL_MAX_NS) {
      return instance_->failed("answered with a TTL of " + std::to_string(answer) +
                               " ns, wanted 0 to " + std::to_string(KEEL_TTL_MAX_NS));
    }
    ttl_ns = answer;
    return decision;
  }

 private:
  std::unique_ptr<Instance> instance_;
  const keel_ttl_functions& functions_;
  bool pass_text_;
};

}  // namespace

template <>
Result<std::unique_ptr<RoutingPolicy>> adapt(const keel_policy& policy, const Settings& settings,
                                             const CreateOptions& options) {
  auto made = Instance::create(RoutingPolicy::kKind, policy, settings, options);
  if (!made) return made.error();
  return std::unique_ptr<RoutingPolicy>(new RoutingAdapter(std::move(*made)));
}

template <>
Result<std::unique_ptr<CostPolicy>> adapt(const keel_policy& policy, const Settings& settings,
                                          const CreateOptions& options) {
  auto made = Instance::create(CostPolicy::kKind, policy, settings, options);
  if (!made) return made.error();
  return std::unique_ptr<CostPolicy>(new CostAdapter(std::move(*made)));
}

template <>
Result<std::unique_ptr<TtlPolicy>> adapt(const keel_policy& policy, const Settings& settings,
                                         const CreateOptions& options) {
  auto made = Instance::create(TtlPolicy::kKind, policy, settings, options);
  if (!made) return made.error();
  return std::unique_ptr<TtlPolicy>(new TtlAdapter(std::move(*made), options.allow_text));
}

}  // namespace keel::policy
