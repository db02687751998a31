#pragma once
// Where a call meets the cache: which requests may be answered from it, under which identity, which
// replies may be kept and shared, and when an answer past its time is better than none (SEMANTICS
// A9).

#include "engine/cache.hpp"
#include "relay/call.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace keel::relay {

struct CacheLook {
  const engine::CachedReply* reply = nullptr;
  std::string_view result;  // hit | stale | miss | bypass
  std::string why;          // for the trace
};

// Asks for the route's targets in configured order. Stale is what the route lets be given while it
// is asked for anew; what it lets be given instead of an error is remembered by the call.
CacheLook look_into_cache(Engines& engines, Call& call, Instant now);
// What this call may be given instead of that failure, if the cache still has it; its `result` says
// what it is by now. Nothing of a stream the caller has the beginning of.
CacheLook look_instead_of(Engines& engines, const Call& call, const Answer& failure, Instant now);
// Keeps a complete, billed, unfiltered answer under the target that gave it, and returns what the
// same question may be answered with; nothing: the answer is for this call alone.
std::optional<engine::CachedReply> store_in_cache(Engines& engines, Call& call, Instant now);
// What calls share that ask the same at the same time: as in the cache, with the route in place of
// a target. After look_into_cache() found nothing.
engine::CacheKey flight_identity(const Engines& engines, const Call& call);

}  // namespace keel::relay
