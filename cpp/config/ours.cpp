#include "config/listen.hpp"
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
  // A route's target says itself that its provider is missing.
  auto providers = root.get("routes") ? root.get("providers")
                                      : root.require("providers", "the providers to call");
  auto server = root.get("server");
  auto listen = server ? read_server(*server, config.server) : std::nullopt;
  bool open_models = config.server.open_models;
  auto routes =
      open_models ? root.get("routes") : root.require("routes", "the names clients ask for");
  auto policies_section = root.get("policies");
  auto tenants = root.get("tenants");
  auto budgets = root.get("budgets");
  auto retry_section = root.get("retry");
  auto default_route = root.get_unless_null("default_route");
  for (std::string_view later : {"queue", "store"}) root.later(later);

  if (providers) {
    Section section(*providers);
    read_providers(section, config);
  }
  Policies policies;
  if (policies_section) policies.read(*policies_section);
  RouteDefaults defaults;
  if (retry_section) read_retry(*retry_section, defaults.retry);
  if (auto stream = root.get("stream")) read_stream(*stream, defaults.stream);
  std::vector<Mapping> mapping;
  if (budgets) read_relay_budget(*budgets, config, mapping);
  defaults.downgrades = !mapping.empty();
  if (routes) {
    Section section(*routes);
    read_routes(section, defaults, policies, config);
    if (section.is_map() && config.routes.empty() && !open_models) {
      routes->wanted("at least one route");
    }
  }
  if (default_route) read_default_route(*default_route, config);
  bool none = providers && (providers->is_map() || providers->is_null());
  if (none && config.providers.empty()) providers->wanted("at least one provider");
  if (open_models) add_open_routes(root.value(), defaults, config);
  apply_mapping(mapping, config);
  if (tenants) {
    Section section(*tenants);
    read_tenants(section, config);
  }
  if (auto why_not = listen ? exposure(config) : std::nullopt) listen->problem(*why_not);
  read_settings(root, config);
  root.finish();
}

}  // namespace keel::relay
