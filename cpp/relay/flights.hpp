#pragma once
// Where a call meets the flight of its equals (SEMANTICS A9). flights.cpp also has the flight's
// part of Life.

#include "engine/cache.hpp"
#include "relay/call.hpp"

#include <optional>

namespace keel::relay {

// This call asks for nobody but itself any more; where nobody else asks, the longest waiting does.
// Nothing happens where it is in no flight.
void leave_flight(Engines& engines, Call& call, Instant now);
// This call is answered: with what the others may be given too, or with something that is for it
// alone.
void land_flight(Engines& engines, Call& call, std::optional<engine::CachedReply> answer,
                 Instant now);

}  // namespace keel::relay
