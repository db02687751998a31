// Candidates and questions for policy tests, and where the plugins are.
#pragma once

#include "policy/policies.hpp"
#include "policy/registry.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace keel::policy {

inline const std::string kBuiltins = KEEL_BINARY_DIR "/plugins";
inline const std::string kCheapest = KEEL_BINARY_DIR "/tests/plugins/cheapest/cheapest.so";
inline const std::string kNano = KEEL_BINARY_DIR "/tests/abi/nano.so";
inline std::string faulty(std::string_view sin) {
  return KEEL_BINARY_DIR "/tests/plugins/faulty/" + std::string(sin) + ".so";
}

inline keel_request request() {
  keel_request r{};
  r.struct_size = sizeof r;
  r.route = text_of("support");
  r.model = text_of("support");
  r.deadline_left_ns = 30'000'000'000;
  r.budget_left_share = 1;
  r.attempt = 1;
  r.requested_candidate = -1;
  return r;
}

// A route's candidates; each `add` returns the new one to be changed.
class Scene {
 public:
  keel_candidate& add(std::string_view name, double score = 1.0, int64_t cost = 1000) {
    keel_target& target = targets_.emplace_back();
    target.struct_size = sizeof target;
    target.weight = 1;
    target.name = text_of(name);
    target.provider = text_of(name.substr(0, name.find('/')));
    target.model = text_of(name.substr(name.find('/') + 1));
    keel_candidate& c = candidates_.emplace_back();
    c.struct_size = sizeof c;
    c.position = static_cast<uint32_t>(candidates_.size() - 1);
    c.target = &target;
    c.health_score = score;
    c.success_rate = 1;
    c.estimated_cost_nano_usd = cost;
    c.worst_case_cost_nano_usd = cost;
    return c;
  }
  keel_target& target(uint32_t index) { return targets_[index]; }
  keel_candidate& operator[](uint32_t index) { return candidates_[index]; }
  keel_candidates view() const { return candidates_of(candidates_.data(), candidates_.size()); }
  std::vector<std::string> names(const std::vector<uint32_t>& order) const {
    std::vector<std::string> out;
    for (uint32_t i : order) out.emplace_back(view_of(candidates_.at(i).target->name));
    return out;
  }

 private:
  std::deque<keel_target> targets_;  // candidates point into it
  std::vector<keel_candidate> candidates_;
};

template <typename P>
std::unique_ptr<P> builtin(std::string_view id, const Settings& settings = {},
                           const CreateOptions& options = {}) {
  Registry registry({kBuiltins});
  auto made = registry.create<P>(id, settings, options);
  if (!made) {
    ADD_FAILURE() << made.error().text();
    return nullptr;
  }
  return std::move(*made);
}

// The one policy of a faulty plugin; nullptr with a test failure when even that is refused.
template <typename P>
std::unique_ptr<P> spoilt(std::string_view sin) {
  Registry registry({});
  auto library = registry.load(faulty(sin));
  if (!library) {
    ADD_FAILURE() << library.error().text();
    return nullptr;
  }
  auto made = Registry::create<P>(**library, "", {});
  if (!made) {
    ADD_FAILURE() << made.error().text();
    return nullptr;
  }
  return std::move(*made);
}

}  // namespace keel::policy
