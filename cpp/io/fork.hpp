#pragma once
// What fork() means for us: a child has none of our threads, and state the parent was changing at
// that moment may be torn. So a child uses nothing it inherited: objects are left to leak, their
// descriptors are closed at once (an open copy would keep the parent's connections alive after the
// parent closed them), and whoever owns the objects notices by comparing generations.

#include <cstdint>

namespace keel::io {

// 0 in the first process that asked, one more in each child of it. Install before the first thread.
uint32_t fork_generation();

// A descriptor that a child must close. A fixed table without locks, so that the handler in a child
// can read it whatever the parent was doing; descriptors beyond its size are not tracked.
inline constexpr int kTrackedDescriptorsMax = 4096;
void track_descriptor(int fd);
void untrack_descriptor(int fd);

}  // namespace keel::io
