#pragma once
// The real built-in policies, from the plugins of this build.

#include "policy/registry.hpp"
#include "relay/policy_set.hpp"
#include "sim/night.hpp"

#include <string>

#include <gtest/gtest.h>

namespace keel::sim {

inline relay::PolicySet policies_of(const relay::Config& config) {
  static policy::Registry registry({KEEL_BINARY_DIR "/plugins"});
  relay::PolicyLoad load = relay::load_policies(config, registry);
  for (const Error& problem : load.problems) ADD_FAILURE() << problem.text();
  return std::move(load.policies);
}

inline relay::PolicySet policies_of(const Night& night) {
  return night.with_policies ? policies_of(*night.config) : relay::PolicySet{};
}

}  // namespace keel::sim
