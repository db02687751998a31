#include "config/parts.hpp"
#include "config/values.hpp"

namespace keel::relay {

namespace {

void read_default_route(const Value& value, Config& config) {
  auto name = value.text();
  if (!name) return;
  std::vector<std::string> names;
  for (size_t i = 0; i < config.routes.size(); ++i) {
    if (config.routes[i].name == *name) config.default_route = static_cast<RouteIndex>(i);
    names.push_back(config.routes[i].name);
  }
  if (config.default_route) return;
  value.problem("no route is named " + quoted(*name) + suggestion(*name, names, "there are:"));
}

// Sections that stand alone.
void read_settings(Section& root, Config& config) {
  if (auto value = root.get("limits")) read_limits(*value, config.accounts[0].limits);
  if (auto value = root.get("breaker")) read_breaker(*value, config);
  if (auto value = root.get("health_check")) read_health_check(*value, config.health_check);
  if (auto value = root.get("cache")) read_cache(*value, config.cache);
  if (auto value = root.get("request_log")) read_request_log(*value, config);
  if (auto value = root.get("server")) read_server(*value);
  if (auto value = root.get("stream")) read_stream(*value);
  if (auto value = root.get("observability")) read_observability(*value, config);
  root.read("connect_timeout", config.connect_timeout, milliseconds(1), minutes(1));
  if (auto value = root.get("seed")) {
    auto seed = value->integer(0, std::numeric_limits<int64_t>::max());
    config.seed = static_cast<uint64_t>(seed.value_or(0));
  }
}

}  // namespace

void read_ours(Section& root, Reading& reading) {
  Config& config = reading.out.config;
  auto providers = root.require("providers", "the providers to call");
  auto routes = root.require("routes", "the names clients ask for");
  auto policies_section = root.get("policies");
  auto tenants = root.get("tenants");
  auto budgets = root.get("budgets");
  auto retry_section = root.get("retry");
  auto default_route = root.get_unless_null("default_route");
  for (std::string_view later : {"queue", "store"}) root.later(later);

  if (providers) {
    Section section(*providers);
    read_providers(section, config);
    if (section.is_map() && config.providers.empty()) providers->wanted("at least one provider");
  }
  Policies policies;
  if (policies_section) policies.read(*policies_section);
  RetryConfig retry;
  if (retry_section) read_retry(*retry_section, retry);
  std::vector<Mapping> mapping;
  if (budgets) read_relay_budget(*budgets, config, mapping);
  if (routes) {
    Section section(*routes);
    read_routes(section, retry, policies, !mapping.empty(), config);
    if (section.is_map() && config.routes.empty()) routes->wanted("at least one route");
  }
  if (default_route) read_default_route(*default_route, config);
  apply_mapping(mapping, config);
  if (tenants) {
    Section section(*tenants);
    read_tenants(section, config);
  }
  read_settings(root, config);
  root.finish();
}

}  // namespace keel::relay
