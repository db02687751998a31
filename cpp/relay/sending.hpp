#pragma once
// What leaves for the provider: the caller's own bytes, with what this attempt changes spliced in.

#include "relay/events.hpp"

namespace keel::relay {

struct Call;
struct Engines;

// Of the call's attempt, which has been taken.
Send send_of(const Engines& engines, const Call& call);

}  // namespace keel::relay
