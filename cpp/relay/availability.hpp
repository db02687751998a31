#pragma once
// The one function that answers "is this target available, and if not, until when and why". The
// choice, Retry-After, metrics, readiness and explain all use it.

#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/key_pool.hpp"

#include <string_view>
#include <vector>

namespace keel::relay {

struct Engines;

// Nobody knows when a place in a full pool becomes free; a second is when asking again is not rude.
inline constexpr Duration kAskAgain = seconds(1);

enum class Removed : uint8_t {
  none,
  // of the target, for everybody
  breaker_open,
  ramping,  // its breaker closed a moment ago and lets in more step by step
  no_key,
  provider_limit,
  pool_limit,  // in flight there is what the provider bears (SEMANTICS A2, THROTTLED_POOL)
  // of the target, for this request
  asked_to_wait,   // the provider named a delay for this target
  over,            // an earlier attempt ruled it out
  capability,      // known not to do what is asked
  context,         // too small
  downgrade_only,  // reached by a downgrade only
  retry_budget,    // another send here would be one retry too many
  extra_sends,     // the route has spent its extra sends
  cannot_resume,   // not able to go on with this stream
  unknown_price,   // a budget applies
  money,
  racing,  // asked already: a hedge goes to another
};
std::string_view name_of(Removed why);

struct Availability {
  Removed why = Removed::none;
  Instant until = Instant::never();  // when it may be available again, as far as known
  engine::KeyReason key = engine::KeyReason::none;

  explicit operator bool() const { return why == Removed::none; }
};

Availability available(const Engines& engines, TargetIndex target, int64_t tokens,
                       const std::vector<KeyIndex>& spent_keys, Instant now);

}  // namespace keel::relay
