#pragma once
// What a conductor goes by, checked before anything runs.

#include "base/result.hpp"
#include "net/driver.hpp"
#include "net/endpoint.hpp"
#include "wire/exchange.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keel::net {

// What a driver's options and the configuration's URLs come to.
struct DriverPlan {
  struct Provider {
    std::shared_ptr<const Endpoint> endpoint;
    const wire::Dialect* dialect = nullptr;
  };
  std::shared_ptr<const relay::Config> config;
  std::vector<Provider> providers;  // as in the configuration
  Redirections redirections;
  std::string ca_file;
  std::function<void(const relay::Notice&)> on_notice;
  std::function<void(const relay::Answer&, int64_t began_unix_ns)> on_refresh;
};
// Error codes as of Driver::create.
Result<DriverPlan> plan_driver(std::shared_ptr<const relay::Config> config, DriverOptions options);

}  // namespace keel::net
