#pragma once
// What the engines say of themselves at one instant: availability, health, breakers, keys, money,
// cache.

#include "base/time.hpp"
#include "relay/exposition.hpp"

namespace keel::relay {

struct Engines;

void render_gauges(Exposition& out, const Engines& engines, Instant now);

}  // namespace keel::relay
