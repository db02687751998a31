#include "io/fork.hpp"

#include <array>
#include <atomic>

#include <pthread.h>
#include <unistd.h>

namespace keel::io {

namespace {

std::atomic<uint32_t> generation{0};
// Indexed by the descriptor itself: no search, and an entry needs one flag only.
std::array<std::atomic<bool>, kTrackedDescriptorsMax> tracked{};

void in_child() {
  generation.fetch_add(1, std::memory_order_relaxed);
  for (int fd = 0; fd < kTrackedDescriptorsMax; ++fd) {
    if (tracked[static_cast<size_t>(fd)].exchange(false, std::memory_order_relaxed)) ::close(fd);
  }
}

bool in_table(int fd) {
  return fd >= 0 && fd < kTrackedDescriptorsMax;
}

}  // namespace

uint32_t fork_generation() {
  static const int installed = pthread_atfork(nullptr, nullptr, in_child);
  static_cast<void>(installed);
  return generation.load(std::memory_order_relaxed);
}

void track_descriptor(int fd) {
  if (in_table(fd)) tracked[static_cast<size_t>(fd)].store(true, std::memory_order_relaxed);
}

void untrack_descriptor(int fd) {
  if (in_table(fd)) tracked[static_cast<size_t>(fd)].store(false, std::memory_order_relaxed);
}

}  // namespace keel::io
