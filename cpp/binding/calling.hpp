#pragma once
// How Python's threads wait for a relay.

#include "binding/host.hpp"

namespace keel::binding {

// Signals get through a wait this often.
inline constexpr Duration kSignalInterval = milliseconds(100);

// Counts a thread that gives the GIL up until it has it back. Make it before giving the GIL up.
class Outside {
 public:
  explicit Outside(Host& host) : host_(host) { ++host_.callers_outside; }
  ~Outside() { --host_.callers_outside; }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Host& host_;
};

}  // namespace keel::binding
