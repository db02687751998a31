#include "engine/backoff.hpp"

#include <algorithm>

namespace keel::engine {

Duration backoff_delay(int n, Duration scale, Duration cap, bool jitter, double unit) {
  int doublings = std::clamp(n - 1, 0, 62);
  Duration most = std::min(scale * (int64_t{1} << doublings), cap);
  most = std::max(most, Duration::zero());
  return jitter ? scaled(most, unit) : most;
}

Duration spread_server_delay(Duration server_delay, double unit) {
  Duration stated = std::max(server_delay, Duration::zero());
  return stated + scaled(stated / 10, unit);
}

}  // namespace keel::engine
