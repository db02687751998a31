#pragma once
// How many may be in flight at once, in one process. Every enter() is matched by one leave().

#include <cstdint>
#include <memory>

namespace keel::engine {

class Concurrency {
 public:
  explicit Concurrency(int64_t limit) : limit_(limit) {}  // limit >= 1

  bool would_allow() const { return in_flight_ < limit_; }
  bool try_enter() { return would_allow() && (++in_flight_, true); }
  void leave() {
    if (in_flight_ > 0) --in_flight_;
  }
  int64_t in_flight() const { return in_flight_; }
  int64_t limit() const { return limit_; }
  // Another limit (>= 1) from now on; whoever is inside stays.
  void retune(int64_t limit) { limit_ = limit; }
  double share_left() const {
    return in_flight_ >= limit_
               ? 0.0
               : 1.0 - static_cast<double>(in_flight_) / static_cast<double>(limit_);
  }

 private:
  int64_t limit_;
  int64_t in_flight_ = 0;
};

// As share_limiter(), for places.
inline void share_concurrency(std::shared_ptr<Concurrency>& mine,
                              const std::shared_ptr<Concurrency>& before) {
  if (!mine || !before) return;
  before->retune(mine->limit());
  mine = before;
}

}  // namespace keel::engine
