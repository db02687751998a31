#pragma once
// A random configuration: providers, keys, limits, routes, tenants, budgets and policies of any
// sort that the configuration reader would accept.

#include "base/random.hpp"
#include "relay/config.hpp"

#include <memory>

namespace keel::sim {

std::shared_ptr<relay::Config> random_config(Random& random);
// Marks the targets that are the only one on every route that names them.
void find_sole_targets(relay::Config& config);

inline Duration between(Random& random, Duration low, Duration high) {
  return low +
         Duration{static_cast<int64_t>(random.below(static_cast<uint64_t>((high - low).ns) + 1))};
}
// 0 to n, both included.
inline int64_t up_to(Random& random, int64_t n) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(n) + 1));
}

}  // namespace keel::sim
