#pragma once
// Where a call meets the cache: which requests may be answered from it, under which identity, and
// which replies may be kept (SEMANTICS A9).

#include "engine/cache.hpp"
#include "relay/call.hpp"

#include <string>
#include <string_view>

namespace keel::relay {

struct CacheLook {
  const engine::CachedReply* reply = nullptr;
  std::string_view result;  // hit | miss | bypass
  std::string why;          // for the trace
};

// Asks for the route's targets in configured order.
CacheLook look_into_cache(Engines& engines, Call& call, Instant now);
// Keeps a complete, billed, unfiltered answer under the target that gave it.
void store_in_cache(Engines& engines, Call& call, Instant now);

}  // namespace keel::relay
