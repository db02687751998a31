// A policy with nothing wrong, and its table to be spoilt.
#pragma once

#include <keel/policy.hpp>

namespace faulty {

using namespace keel::plugin;

struct Good {
  static constexpr Descriptor descriptor{.id = "good", .summary = "keeps the order it is given"};
  explicit Good(const Config&) {}
  Answer route(const Request&, Candidates candidates, Order& order) {
    for (uint32_t i = 0; i < candidates.size(); ++i) order.push(i);
    return Answer::ok();
  }
};

inline constexpr const keel_plugin& good_plugin = detail::Plugin<Good>::table;
inline constexpr const keel_policy& good_policy = detail::Glue<Good>::policy;

}  // namespace faulty
