#pragma once
// How long to wait before a retry: full jitter (AWS Architecture Blog, "Exponential Backoff And
// Jitter"), SEMANTICS A3.

#include "base/time.hpp"

namespace keel::engine {

struct BackoffSettings {
  Duration scale = milliseconds(50);      // after a transient failure
  Duration throttled_scale = seconds(1);  // after throttling
  Duration cap = seconds(20);
  bool jitter = true;  // false: exactly min(scale * 2^(n-1), cap)
};

// Delay before the n-th retry of the same target, n >= 1. `unit` is uniform in [0, 1).
Duration backoff_delay(int n, Duration scale, Duration cap, bool jitter, double unit);

// A server's delay with the courtesy spread of A3: r + U(0, 0.1 r).
Duration spread_server_delay(Duration server_delay, double unit);

}  // namespace keel::engine
