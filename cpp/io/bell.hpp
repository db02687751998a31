#pragma once
// A descriptor that one thread rings and another's event loop listens to (an eventfd). A child of
// fork() has it closed: a copy would ring, and silence, its parent's.

#include <cstdint>

namespace keel::io {

class Bell {
 public:
  Bell();  // throws std::system_error
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  // Readable from ring() to silence(). Stop listening before the bell goes.
  int fd() const { return fd_; }
  // From any thread; neither blocks.
  void ring();
  void silence();

  bool forked() const;  // this is a child's copy

 private:
  const int fd_;
  const uint32_t generation_;
};

}  // namespace keel::io
