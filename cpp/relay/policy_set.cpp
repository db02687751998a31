#include "relay/policy_set.hpp"

#include "policy/registry.hpp"
#include "relay/metrics.hpp"

#include <utility>

namespace keel::relay {

namespace {

policy::Settings settings_of(const PolicyConfig& config) {
  policy::Settings out;
  for (const auto& [name, value] : config.settings)
    std::visit([&, &key = name](const auto& v) { out.push_back({key, v}); }, value);
  return out;
}

template <typename P>
Result<std::unique_ptr<P>> create(const PolicyConfig& config, policy::Registry& registry) {
  policy::CreateOptions options{.allow_text = config.allow_text, .log = {}};
  if (config.file.empty()) return registry.create<P>(config.id, settings_of(config), options);
  auto library = registry.load(config.file, config.sha256);
  if (!library) return library.error();
  return policy::Registry::create<P>(**library, config.id, settings_of(config), options);
}

template <typename P>
void create_into(std::unique_ptr<P>& slot, const std::string& where, const PolicyConfig& config,
                 policy::Registry& registry, std::vector<Error>& problems) {
  auto made = create<P>(config, registry);
  if (made) {
    slot = std::move(*made);
    return;
  }
  Error problem = made.error();
  problem.where = problem.where.empty() ? where : where + "." + problem.where;
  problems.push_back(std::move(problem));
}

}  // namespace

PolicyLoad load_policies(const Config& config, policy::Registry& registry) {
  PolicyLoad out;
  for (const RouteConfig& route : config.routes) {
    RoutePolicies policies;
    const std::string where = "routes." + route.name;
    create_into(policies.routing, where + ".routing", route.routing, registry, out.problems);
    create_into(policies.cost, where + ".cost", route.cost, registry, out.problems);
    if (route.cache)
      create_into(policies.ttl, where + ".cache.policy", route.cache->ttl, registry, out.problems);
    out.policies.push_back(std::move(policies));
  }
  return out;
}

void time_decisions(RoutePolicies& policies, policy::Clock clock, Metrics& metrics) {
  auto time = [&](auto& policy) {
    if (!policy) return;
    auto took = metrics.decisions_of(policy->description().id);
    policy = policy::timed(std::move(policy), clock, std::move(took));
  };
  time(policies.routing);
  time(policies.cost);
  time(policies.ttl);
}

}  // namespace keel::relay
