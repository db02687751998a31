#pragma once
// From candidates and a policy's order to a plan. The host filters and enforces: a policy can
// reorder or leave out candidates, never bring one back, and never starve a recovering target.

#include "base/vocabulary.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace keel::engine {

struct Standing {
  bool eligible = true;
  bool recovering = false;  // half-open and due a trial: goes first (SEMANTICS A5, "who probes")
  int tier = 0;             // lower first
  double weight = 1.0;
  double score = 1.0;  // health
};

enum class PolicyAnswer : uint8_t { ordered, abstained, failed };

// The candidates in the order they are to be tried. With PolicyAnswer::ordered, `order` holds the
// policy's indices: ineligible, repeated and unknown ones are skipped, eligible ones it left out
// stay out. Otherwise the host's default: by tier, then weight x score, then position.
// Then one recovering candidate, the best placed, is moved to the front, or put there if the policy
// left all of them out. Only one: a request risks one trial and has its failover right behind it,
// and while that trial is out its target is not eligible, so the next request serves the others.
std::vector<uint32_t> make_plan(std::span<const Standing> candidates, PolicyAnswer answer,
                                std::span<const uint32_t> order);

}  // namespace keel::engine
