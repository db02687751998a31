#include "relay/availability.hpp"

#include "relay/engines.hpp"

#include <algorithm>

namespace keel::relay {

std::string_view name_of(Removed why) {
  switch (why) {
    case Removed::none:
      return "available";
    case Removed::breaker_open:
      return "breaker open";
    case Removed::ramping:
      return "coming back step by step";
    case Removed::no_key:
      return "no usable key";
    case Removed::provider_limit:
      return "provider limit reached";
    case Removed::pool_limit:
      return "as many in flight as the provider bears";
    case Removed::asked_to_wait:
      return "asked to be left alone";
    case Removed::over:
      return "ruled out by an earlier attempt";
    case Removed::capability:
      return "cannot do what is asked";
    case Removed::context:
      return "context too small";
    case Removed::downgrade_only:
      return "for downgrades only";
    case Removed::retry_budget:
      return "retry budget spent";
    case Removed::extra_sends:
      return "route's extra sends spent";
    case Removed::cannot_resume:
      return "cannot go on with this stream";
    case Removed::unknown_price:
      return "price unknown and a budget applies";
    case Removed::money:
      return "does not fit the budget";
    case Removed::racing:
      return "asked already";
  }
  return "unknown";
}

// The end of the wait; where the wait is over already, a probe is out and has its time limit.
Instant may_be_admitted_at(const Engines& engines, const engine::Breaker& breaker, Instant now) {
  switch (breaker.state()) {
    case engine::Breaker::State::open:
      if (breaker.open_until() > now) return breaker.open_until();
      return now + std::max(engines.config->health_check.timeout, kAskAgain);
    case engine::Breaker::State::half_open:
      return now + kAskAgain;
    default:
      return Instant::never();
  }
}

Availability available(const Engines& engines, TargetIndex index, int64_t tokens,
                       const std::vector<KeyIndex>& spent_keys, Instant now) {
  const TargetEngines& target = engines.targets[index];
  if (!target.breaker.would_admit(now)) {
    if (target.breaker.state() == engine::Breaker::State::closed)
      return {Removed::ramping, now + kAskAgain};
    return {Removed::breaker_open, may_be_admitted_at(engines, target.breaker, now)};
  }
  const ProviderEngines& provider = engines.provider_engines(index);
  auto keys =
      provider.keys.availability(engines.config->targets[index].model, tokens, spent_keys, now);
  if (keys.reason == engine::KeyReason::limited && keys.until == Instant::never())
    keys.until = now + kAskAgain;
  if (keys.reason != engine::KeyReason::none) return {Removed::no_key, keys.until, keys.reason};
  engine::Allowance limit = provider.limits.would_allow(tokens, now);
  if (limit.kind == engine::Allowance::Kind::never) return {Removed::provider_limit};
  if (!limit) return {Removed::provider_limit, now + limit.retry_after};
  if (!target.pool->would_allow(now)) return {Removed::pool_limit, now + kAskAgain};
  return {};
}

}  // namespace keel::relay
