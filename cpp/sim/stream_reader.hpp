#pragma once
// A caller who reads a stream slowly, or leaves in its middle.

#include "base/time.hpp"

#include <cstdint>

namespace keel::sim {

// How a caller reads. The defaults: everything at once, to the end.
struct Reading {
  int64_t bytes_per_second = 0;  // 0 with a limit: it stops reading once it is full
  int64_t unread_max = 0;        // more than this and it says that it is full; 0: never
  uint32_t leaves_after = 0;     // so many pieces; 0: never

  bool slowly() const { return unread_max > 0 || leaves_after > 0; }
};

class SlowReader {
 public:
  SlowReader(const Reading& reading) : reading_(reading) {}

  // More bytes lie before it.
  void given(size_t bytes, Instant now) {
    ++pieces_;
    read_until(now);
    unread_ += static_cast<int64_t>(bytes);
  }
  bool leaves() const { return reading_.leaves_after > 0 && pieces_ == reading_.leaves_after; }
  // It has become full just now; once until there is room again.
  bool becomes_full() {
    if (full_ || reading_.unread_max == 0 || unread_ <= reading_.unread_max) return false;
    return full_ = true;
  }
  // When half of its room is free again.
  Instant has_room_at(Instant now) const {
    if (reading_.bytes_per_second == 0) return Instant::never();
    const auto half = reading_.unread_max / 2;
    const double excess = static_cast<double>(unread_ - half);
    return now + from_seconds(excess / static_cast<double>(reading_.bytes_per_second)) +
           nanoseconds(1);
  }
  void has_room(Instant now) {
    full_ = false;
    read_until(now);
  }

 private:
  void read_until(Instant now) {
    const double read =
        elapsed(at_, now).seconds() * static_cast<double>(reading_.bytes_per_second);
    if (read < 1) return;  // not to lose what is less than a byte
    unread_ = static_cast<double>(unread_) <= read ? 0 : unread_ - static_cast<int64_t>(read);
    at_ = now;
  }

  Reading reading_;
  int64_t unread_ = 0;
  uint32_t pieces_ = 0;
  bool full_ = false;
  Instant at_;
};

}  // namespace keel::sim
