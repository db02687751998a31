#include "io/clock.hpp"

#include <chrono>

namespace keel::io {

namespace {
template <typename Clock>
int64_t ns_of() {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(Clock::now().time_since_epoch()).count();
}
}  // namespace

Instant now() {
  return {ns_of<std::chrono::steady_clock>()};
}
int64_t wall_unix_ns() {
  return ns_of<std::chrono::system_clock>();
}

}  // namespace keel::io
