#pragma once
// The requests of a hostile night: what is asked, in which words, and how a stream's caller reads.

#include "base/random.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/stream_reader.hpp"

namespace keel::sim {

// Without a body: its meaning only.
wire::Facts random_facts(Random& random, const relay::Config& config);
// Gives the request a body, and its facts anew from that.
void add_body(Random& random, bool streamed, relay::Request& request);
Reading random_reading(Random& random);

}  // namespace keel::sim
