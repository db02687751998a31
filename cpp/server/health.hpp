#pragma once
// Is it alive, and is there somebody to ask? Readiness is the relay's own answer to "is this target
// available": what readiness says is what a request would find.

#include "http/message.hpp"
#include "relay/engines.hpp"

#include <string>

namespace keel::server {

// {"status": "healthy", "uptime": seconds}
http::Reply health(Duration uptime);
http::Reply liveness();
// 200 if some route has a target that is available, else 503 with the reason of each.
http::Reply readiness(const relay::Engines& engines, bool draining, Instant now);

}  // namespace keel::server
