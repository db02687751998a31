#include "io/bell.hpp"

#include "io/fork.hpp"

#include <cerrno>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace keel::io {

namespace {

int open_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

Bell::Bell() : fd_(open_eventfd()), generation_(fork_generation()) {
  track_descriptor(fd_);
}

Bell::~Bell() {
  if (forked()) return;  // closed there already; the number may be somebody else's
  untrack_descriptor(fd_);
  ::close(fd_);
}

void Bell::ring() {
  if (!forked()) ::eventfd_write(fd_, 1);  // fails at 2^64 - 2 unheard rings
}

void Bell::silence() {
  eventfd_t count = 0;
  if (!forked()) ::eventfd_read(fd_, &count);
}

bool Bell::forked() const {
  return fork_generation() != generation_;
}

}  // namespace keel::io
