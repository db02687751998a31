#pragma once
// The only real clock of the house. Everything above takes `now` as an argument.

#include "base/time.hpp"

#include <cstdint>

namespace keel::io {

// Monotonic; never steps back. Its zero is arbitrary.
Instant now();

// Wall clock, nanoseconds since 1970 UTC: for dates people read, budget windows and logs only.
int64_t wall_unix_ns();

}  // namespace keel::io
