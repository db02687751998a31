#include "binding/outbox.hpp"

#include <chrono>
#include <iterator>
#include <utility>

namespace keel::binding {

void Outbox::put(Item item) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    if (items_.size() >= kItemsMax) {
      ++lost_;
      return;
    }
    items_.push_back(std::move(item));
  }
  changed_.notify_one();
}

Outbox::Batch Outbox::take(Duration limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(limit.ns),
                    [this] { return !items_.empty() || closed_; });
  Batch batch;
  batch.items.assign(std::make_move_iterator(items_.begin()),
                     std::make_move_iterator(items_.end()));
  items_.clear();
  batch.lost = std::exchange(lost_, 0);
  batch.closed = closed_;
  return batch;
}

void Outbox::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace keel::binding
