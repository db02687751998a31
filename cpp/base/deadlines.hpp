#pragma once
// An indexed binary heap of instants: what is due next, and removal in O(log n) without leaving
// stale entries behind (a 600 s deadline of a finished call must not live for 600 s). No allocation
// once it has reached its size.

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace keel {

template <typename Payload>
class Deadlines {
 public:
  using Handle = uint32_t;
  static constexpr Handle kNone = UINT32_MAX;

  // The next due instant, or never.
  Instant next() const { return heap_.empty() ? Instant::never() : slots_[heap_[0]].at; }
  std::size_t size() const { return heap_.size(); }

  Handle add(Instant at, Payload payload) {
    Handle handle = take_slot();
    slots_[handle] = {at, order_++, static_cast<uint32_t>(heap_.size()), payload};
    heap_.push_back(handle);
    sift_up(heap_.size() - 1);
    return handle;
  }

  // Forgets a deadline and clears the handle; kNone is ignored.
  void remove(Handle& handle) {
    if (handle == kNone) return;
    erase_at(slots_[handle].position);
    free_.push_back(handle);
    handle = kNone;
  }

  // Takes the earliest entry that is due. Equal instants leave in the order they were added.
  bool pop_due(Instant now, Payload& payload) {
    if (heap_.empty() || slots_[heap_[0]].at > now) return false;
    Handle handle = heap_[0];
    payload = slots_[handle].payload;
    erase_at(0);
    free_.push_back(handle);
    return true;
  }

 private:
  struct Slot {
    Instant at;
    uint64_t order = 0;
    uint32_t position = 0;
    Payload payload{};
  };

  Handle take_slot() {
    if (free_.empty()) {
      slots_.emplace_back();
      return static_cast<Handle>(slots_.size() - 1);
    }
    Handle handle = free_.back();
    free_.pop_back();
    return handle;
  }
  bool before(Handle a, Handle b) const {
    const Slot &x = slots_[a], &y = slots_[b];
    return x.at != y.at ? x.at < y.at : x.order < y.order;
  }
  void place(std::size_t position, Handle handle) {
    heap_[position] = handle;
    slots_[handle].position = static_cast<uint32_t>(position);
  }
  void sift_up(std::size_t i) {
    Handle moving = heap_[i];
    while (i > 0 && before(moving, heap_[(i - 1) / 2])) {
      place(i, heap_[(i - 1) / 2]);
      i = (i - 1) / 2;
    }
    place(i, moving);
  }
  void sift_down(std::size_t i) {
    Handle moving = heap_[i];
    for (std::size_t child = 2 * i + 1; child < heap_.size(); child = 2 * i + 1) {
      if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], moving)) break;
      place(i, heap_[child]);
      i = child;
    }
    place(i, moving);
  }
  void erase_at(std::size_t position) {
    Handle last = heap_.back();
    heap_.pop_back();
    if (position == heap_.size()) return;
    place(position, last);
    sift_up(position);
    sift_down(slots_[last].position);
  }

  std::vector<Slot> slots_;
  std::vector<Handle> heap_;
  std::vector<Handle> free_;
  uint64_t order_ = 0;
};

}  // namespace keel
