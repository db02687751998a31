#pragma once
// One more attempt beside one that is late (SEMANTICS A3): once a request's first attempt takes
// longer than its target usually does, another target is asked the same, where the route names it
// and its share of hedges, the extra load, the money and the sends allow. Two attempts of a call
// race then: `attempt` is the one the event is about, `rival` the other. Who first has content of a
// stream, or a plain reply that can be used, goes on; the other is closed and settled as what may
// have been billed. Where one fails the other goes on alone. hedging.cpp also has the hedge's part
// of Life.

#include "relay/call.hpp"

namespace keel::relay {

// Of a request's first attempt, which is about to leave: counts it for the route's share of
// hedges, and waits until it is late.
void expect_in_time(Engines& engines, Call& call, Instant now);
// This verdict of one of two ends the request, whatever the other would say.
bool ends_the_race(const Engines& engines, const Call& call, const Verdict& verdict);
// From here on `attempt` is the one with this id.
void turn_to(Call& call, AttemptId attempt);

}  // namespace keel::relay
