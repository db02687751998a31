#include "base/random.hpp"
#include "engine/breaker.hpp"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using State = Breaker::State;

// Hostile schedules: late, lost and doubled results, with C1, C3 and C5 checked at every step, and
// at the end C4 (permits given = returned) and C2 (it closes again for a healthy target).
class Schedule {
 public:
  explicit Schedule(uint64_t seed) : random_(seed), settings_(draw()), breaker_(settings_, seed) {}

  void run() {
    for (int i = 0; i < 2'000; ++i) {
      now_ = now_ +
             milliseconds(static_cast<int64_t>(random_.below(random_.chance(1, 20) ? 9'000 : 300)));
      step();
      int trials = breaker_.trials_in_flight();
      ASSERT_LE(trials, settings_.half_open_in_flight) << "C1 at step " << i;
      if (::testing::Test::HasFatalFailure()) return;
    }
    finish();
  }

 private:
  BreakerSettings draw() {
    BreakerSettings s;
    s.half_open_in_flight = static_cast<int>(1 + random_.below(3));
    s.close_after = static_cast<int>(1 + random_.below(4));
    s.recover_alone = random_.chance(1, 2);
    return s;
  }

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        admit();
        break;
      case 3:
      case 4:
      case 5:
        settle();
        break;
      case 6:
        breaker_.expire(now_);
        break;
      default:
        recover();
    }
  }

  void admit() {
    bool peeked = breaker_.would_admit(now_);
    auto permit = breaker_.admit(seconds(static_cast<int64_t>(1 + random_.below(10))), now_);
    ASSERT_EQ(peeked, permit.has_value());
    if (!permit) return;
    ASSERT_NE(breaker_.state(), State::open) << "C5";
    ASSERT_EQ(permit->epoch, breaker_.epoch());
    out_.push_back(*permit);
  }

  void settle() {
    if (out_.empty()) return;
    size_t chosen = random_.below(out_.size());
    Breaker::Permit permit = out_[chosen];
    bool stale = permit.epoch != breaker_.epoch();
    uint64_t epoch = breaker_.epoch();
    Effect effect = random_.chance(1, 2)   ? Effect::failure
                    : random_.chance(2, 3) ? Effect::success
                                           : Effect::neutral;
    breaker_.settle(permit, effect, random_.chance(1, 3), now_);
    if (stale) {
      ASSERT_EQ(breaker_.epoch(), epoch) << "C3";
    }
    if (random_.chance(1, 4)) return;  // it stays in the list and is settled again later
    out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(chosen));
  }

  void recover() {
    if (!breaker_.recovery_due(now_)) return;
    if (random_.chance(1, 2)) {
      breaker_.half_open(now_);
    } else {
      breaker_.wait_again(now_);
    }
  }

  void finish() {
    for (Breaker::Permit permit : out_) breaker_.settle(permit, Effect::failure, false, now_);
    now_ = now_ + seconds(30);
    breaker_.expire(now_);
    ASSERT_EQ(breaker_.permits_given(), breaker_.permits_returned()) << "C4";
    ASSERT_EQ(breaker_.trials_in_flight(), 0);
    now_ = now_ + milliseconds(16'500);  // the longest wait
    if (breaker_.recovery_due(now_)) breaker_.half_open(now_);
    for (int i = 0; i <= settings_.close_after; ++i) {
      auto permit = breaker_.admit(seconds(31), now_);
      if (permit) breaker_.settle(*permit, Effect::success, false, now_);
    }
    ASSERT_EQ(breaker_.state(), State::closed) << "C2";
  }

  Random random_;
  BreakerSettings settings_;
  Breaker breaker_;
  Instant now_;
  std::vector<Breaker::Permit> out_;
};

TEST(BreakerSchedule, HoldsItsInvariantsWhateverComesWhen) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Schedule(seed).run();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace keel::engine
