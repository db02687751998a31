#pragma once
// Policies whose decisions are timed. Timing changes no answer; who has no clock, as a simulator,
// wraps nothing and measures nothing.

#include "base/time.hpp"
#include "policy/policies.hpp"

#include <functional>
#include <memory>

namespace keel::policy {

using Clock = Instant (*)();                 // monotonic
using Took = std::function<void(Duration)>;  // is told of every decision

// Everything goes through to `policy`. Each answer costs two looks at the clock. What a policy is
// told of (observe) is no decision and is not timed.
std::unique_ptr<RoutingPolicy> timed(std::unique_ptr<RoutingPolicy> policy, Clock clock, Took took);
std::unique_ptr<CostPolicy> timed(std::unique_ptr<CostPolicy> policy, Clock clock, Took took);
std::unique_ptr<TtlPolicy> timed(std::unique_ptr<TtlPolicy> policy, Clock clock, Took took);

}  // namespace keel::policy
