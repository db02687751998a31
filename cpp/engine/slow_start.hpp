#pragma once
// A breaker that has closed again lets in step by step: everybody who waited would otherwise come
// through at once, and overload what has just come back.
//
// The door is as wide as so many may be in flight: the floor at first, one more with every success,
// so twice as many with every round. A failure halves it. An answer that drags (far longer than is
// usual) leaves 0.7 of it, so that the line at a provider who lets everybody queue does not grow
// beyond what is of use. What was let in together and meets the same wall is one sign. It is over
// when the door is as wide as what was borne before and nobody has stood before it for ten seconds.

#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <cstdint>
#include <vector>

namespace keel::engine {

class SlowStart {
 public:
  // `floor` >= 1: what may be in flight at the least.
  explicit SlowStart(int64_t floor) : floor_(floor) {}

  // `borne`: as many as there were in flight before it opened.
  void begin(int64_t borne);
  void end();
  // Goes on where `before` is; who is in flight there stays there.
  void take_over(const SlowStart& before);

  bool under_way() const { return width_ > 0; }
  int64_t width() const { return width_; }
  bool at_the_floor() const { return width_ <= floor_; }

  bool would_admit(Instant now) const;
  // Until then it counts as in flight; who shows life counts for longer.
  void enter(uint64_t id, Instant until, Instant now);
  void extend(uint64_t id, Instant until);
  // Its answer took far longer than is usual; told before it leaves.
  void drags(uint64_t id);
  void leave(uint64_t id, Effect effect, Instant now);
  // The same for one that left before it was known how it ended.
  void hear(Effect effect, Instant now);

 private:
  struct Guest {
    uint64_t id = 0;
    Instant began, until;
    bool drags = false;
  };
  void judge(Effect effect, bool drags, Instant began, Instant now);
  void narrow(int64_t percent, Instant began, Instant now);

  int64_t floor_;
  int64_t borne_ = 0;
  int64_t width_ = 0;  // 0: it lets in everybody
  std::vector<Guest> guests_;
  Instant full_at_;      // when it last let in as many as it may
  Instant narrowed_at_;  // what came before is no news
};

}  // namespace keel::engine
