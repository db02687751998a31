#include "net/driver_plan.hpp"

#include "net/ca_file.hpp"

#include <utility>

namespace keel::net {

Result<DriverPlan> plan_driver(std::shared_ptr<const relay::Config> config, DriverOptions options) {
  DriverPlan plan;
  auto redirections = Redirections::parse(options.resolve);
  if (!redirections) return redirections.error();
  plan.redirections = std::move(*redirections);
  auto ca_file = trusted_ca_file(options.ca_file);
  if (!ca_file) return ca_file.error();
  plan.ca_file = std::move(*ca_file);
  for (const relay::ProviderConfig& provider : config->providers) {
    auto endpoint =
        parse_endpoint(provider.base_url, provider.allow_plaintext, provider.allow_private);
    if (!endpoint) return endpoint.error();
    const wire::Dialect* dialect = wire::dialect_named(provider.dialect);
    if (!dialect) {
      return Error{"unknown_dialect", "providers." + provider.name + ".dialect",
                   "nobody here speaks " + provider.dialect};
    }
    plan.providers.push_back({std::make_shared<const Endpoint>(std::move(*endpoint)), dialect});
  }
  plan.config = std::move(config);
  plan.on_notice = std::move(options.on_notice);
  plan.on_refresh = std::move(options.on_refresh);
  return plan;
}

}  // namespace keel::net
