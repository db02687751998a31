#pragma once
// The policy instances of one configuration, one set per route: loaded and created on the control
// path, before a relay exists.

#include "base/result.hpp"
#include "policy/timed.hpp"
#include "relay/config.hpp"

#include <memory>
#include <vector>

namespace keel::policy {
class Registry;
}

namespace keel::relay {

struct RoutePolicies {
  std::unique_ptr<policy::RoutingPolicy> routing;
  std::unique_ptr<policy::CostPolicy> cost;
  std::unique_ptr<policy::TtlPolicy> ttl;  // nothing where the route does not cache
};

using PolicySet = std::vector<RoutePolicies>;  // one per route

// Every problem at once: which route, which policy, what was expected and found.
struct PolicyLoad {
  PolicySet policies;
  std::vector<Error> problems;
};
PolicyLoad load_policies(const Config& config, policy::Registry& registry);

class Metrics;
// From now on every decision of these policies is timed and counted under its policy's id.
void time_decisions(RoutePolicies& policies, policy::Clock clock, Metrics& metrics);

}  // namespace keel::relay
