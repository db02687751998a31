#include "engine/router.hpp"

#include <algorithm>
#include <cmath>

namespace keel::engine {

namespace {

double merit(const Standing& standing) {
  double product = standing.weight * standing.score;
  return std::isnan(product) ? 0 : product;  // NaN has no place in an order
}

std::vector<uint32_t> default_order(std::span<const Standing> candidates) {
  std::vector<uint32_t> plan;
  plan.reserve(candidates.size());
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].eligible) plan.push_back(i);
  }
  std::stable_sort(plan.begin(), plan.end(), [&](uint32_t a, uint32_t b) {
    const Standing &x = candidates[a], &y = candidates[b];
    return x.tier != y.tier ? x.tier < y.tier : merit(x) > merit(y);
  });
  return plan;
}

std::vector<uint32_t> checked(std::span<const Standing> candidates,
                              std::span<const uint32_t> order) {
  std::vector<uint32_t> plan;
  plan.reserve(candidates.size());
  std::vector<bool> seen(candidates.size());
  for (uint32_t index : order) {
    if (index >= candidates.size() || seen[index] || !candidates[index].eligible) continue;
    seen[index] = true;
    plan.push_back(index);
  }
  return plan;
}

}  // namespace

std::vector<uint32_t> make_plan(std::span<const Standing> candidates, PolicyAnswer answer,
                                std::span<const uint32_t> order) {
  std::vector<uint32_t> plan =
      answer == PolicyAnswer::ordered ? checked(candidates, order) : default_order(candidates);
  auto on_trial = [&](uint32_t i) { return candidates[i].eligible && candidates[i].recovering; };
  auto first = std::find_if(plan.begin(), plan.end(), on_trial);
  if (first != plan.end()) {
    std::rotate(plan.begin(), first, first + 1);
    return plan;
  }
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    if (!on_trial(i)) continue;
    plan.insert(plan.begin(), i);
    break;
  }
  return plan;
}

}  // namespace keel::engine
