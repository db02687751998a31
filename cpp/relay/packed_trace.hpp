#pragma once
// A trace in one piece of memory. Thousands are kept and few are ever asked for: as objects each
// would be dozens of small pieces, long cold when they are given back.

#include "relay/trace.hpp"

#include <string>
#include <string_view>

namespace keel::relay {

// Replaces what is in `out`, whose memory is used again. The targets' names, which thousands share,
// are not part of it.
void pack(const Trace& trace, std::string& out);
// Of what pack() made, in this process.
Trace unpack(std::string_view packed);

}  // namespace keel::relay
