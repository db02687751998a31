// An instance's side: when it asks, how much, and that the ledger spends no more than it has.

#include "engine/lease_holder.hpp"

#include "base/random.hpp"

#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

NanoUsd usd(int64_t nano) {
  return {nano};
}

// One instance and its authority, an hour's window of 100,000.
struct House {
  static constexpr int64_t kLimit = 100'000;
  Escrow escrow;
  Budget budget;
  LeaseHolder holder;
  Instant now{};

  explicit House(BudgetWindow window = BudgetWindow::hour, HolderId id = 7)
      : holder(budget, budget.add_account({"a", usd(kLimit), window}), id) {
    escrow.open_account({"a", usd(kLimit), window});
  }
  std::optional<LeaseAsk> ask() { return holder.ask(budget, now.ns, now); }
  LeaseGrant answer(const LeaseAsk& ask) { return *escrow.handle(ask, now.ns, now); }
  bool trip() {  // there and back at once
    auto said = ask();
    if (said) holder.granted(answer(*said), budget, now);
    return said.has_value();
  }
  int settle_down() {
    int trips = 0;
    while (trips < 10 && trip()) ++trips;
    return trips;
  }
  NanoUsd room() { return budget.room({0}, now.ns); }
  std::optional<HoldId> reserve(int64_t amount) {
    holder.note(usd(amount), now);
    return budget.reserve({0}, usd(amount), Instant::never(), now.ns);
  }
  HoldId spend(int64_t amount) {
    auto hold = reserve(amount);
    EXPECT_TRUE(hold);
    EXPECT_TRUE(budget.settle(hold.value_or(0), usd(amount)));
    return hold.value_or(0);
  }
  void pass(Duration time) { now = now + time; }
};

TEST(LeaseHolder, NothingFitsUntilItIsLeased) {
  House h;
  EXPECT_EQ(h.room(), usd(0));
  EXPECT_FALSE(h.reserve(1));
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  EXPECT_TRUE(h.trip());
  EXPECT_EQ(h.room(), usd(300)) << "at least one request's hold";
  EXPECT_TRUE(h.reserve(300));
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(300));
}

TEST(LeaseHolder, NobodyAsksForNothing) {
  House nobody(BudgetWindow::hour, 0);
  EXPECT_FALSE(nobody.holder.need(usd(1), nobody.now));
  EXPECT_FALSE(nobody.ask());
  House idle;
  EXPECT_FALSE(idle.ask()) << "no request, no lease";
  EXPECT_EQ(idle.holder.wake_at(), Instant::never());
}

TEST(LeaseHolder, AsksAheadSoThatTheNextOneNeedNotWait) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(100), h.now));
  h.settle_down();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(h.reserve(100)) << i;
    h.settle_down();
    EXPECT_GE(h.room(), usd(50));
    h.pass(milliseconds(10));
  }
}

TEST(LeaseHolder, AChunkIsTenSecondsOfSpendingAndOnePercentAtTheMost) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(10), h.now));
  h.settle_down();
  for (int i = 0; i < 30; ++i) {  // 10 a second
    h.spend(10);
    h.settle_down();
    h.pass(seconds(1));
  }
  EXPECT_LE(h.room(), usd(120));
  EXPECT_GE(h.room(), usd(40));
  for (int i = 0; i < 300; ++i) {  // 1,000 a second
    h.spend(10);
    h.settle_down();
    h.pass(milliseconds(10));
  }
  EXPECT_LE(h.room(), usd(1'000)) << "one percent of 100,000";
  EXPECT_GE(h.room(), usd(500));
}

TEST(LeaseHolder, ALostAskIsRepeatedAndThenNobodyWaitsForIt) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  auto first = h.ask();
  ASSERT_TRUE(first);
  EXPECT_FALSE(h.ask()) << "one at a time";
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(h.holder.wake_at(), h.now + milliseconds(50));
    h.pass(milliseconds(50));
    auto again = h.ask();
    ASSERT_TRUE(again) << i;
    EXPECT_EQ(again->number, first->number);
    EXPECT_EQ(again->wanted, first->wanted);
  }
  EXPECT_FALSE(h.holder.need(usd(300), h.now)) << "waiting is of no use";
  EXPECT_EQ(h.holder.wake_at(), h.now + seconds(1));
  h.pass(seconds(1));
  auto last = h.ask();
  ASSERT_TRUE(last);
  h.holder.granted(h.answer(*last), h.budget, h.now);
  EXPECT_EQ(h.room(), usd(300)) << "once, however often it was asked for";
  EXPECT_TRUE(h.holder.need(usd(1), h.now));
}

TEST(LeaseHolder, AGrantMayComeTwiceOrLate) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  const LeaseGrant first = h.answer(*h.ask());
  h.holder.granted(first, h.budget, h.now);
  h.holder.granted(first, h.budget, h.now);
  EXPECT_EQ(h.room(), usd(300));
  h.spend(300);
  h.settle_down();
  const NanoUsd room = h.room();
  h.holder.granted(first, h.budget, h.now);
  EXPECT_EQ(h.room(), room);
}

TEST(LeaseHolder, AnotherLifesGrantIsNotOurs) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  LeaseAsk before = *h.ask();
  before.holder = 6;
  h.holder.granted(h.answer(before), h.budget, h.now);
  EXPECT_EQ(h.room(), usd(0));
}

TEST(LeaseHolder, AGrantOfBooksThatAreGoneIsNoGrant) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  const LeaseAsk asked = *h.ask();
  const LeaseGrant old = h.answer(asked);  // on its way, and then the books are lost
  Escrow anew(2, false);
  anew.open_account({"a", usd(House::kLimit), BudgetWindow::hour});
  h.holder.granted(*anew.handle(asked, 0, h.now), h.budget, h.now);
  h.holder.granted(old, h.budget, h.now);
  EXPECT_EQ(h.room(), usd(0));
}

TEST(LeaseHolder, TellsANewAuthorityWhatItHas) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  EXPECT_EQ(h.room(), usd(300));
  h.escrow = Escrow(2, false);
  h.escrow.open_account({"a", usd(House::kLimit), BudgetWindow::hour});
  ASSERT_TRUE(h.reserve(300)) << "what it holds is good";
  h.settle_down();
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(300));
}

TEST(LeaseHolder, AnEmptyAccountIsAskedOnceASecond) {
  House h;
  LeaseAsk other{9, "a", 0, 1, 0, usd(0), usd(House::kLimit - 10), usd(0), usd(0)};
  h.answer(other);
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  EXPECT_TRUE(h.trip());
  EXPECT_EQ(h.room(), usd(10)) << "what there was";
  EXPECT_FALSE(h.holder.need(usd(300), h.now));
  EXPECT_FALSE(h.ask());
  h.pass(seconds(1));
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  EXPECT_TRUE(h.trip());
}

TEST(LeaseHolder, WhatNobodyUsesGoesBack) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  h.spend(100);
  h.settle_down();
  h.pass(seconds(29));
  EXPECT_FALSE(h.ask());
  EXPECT_EQ(h.holder.wake_at(), h.now + seconds(1));
  h.pass(seconds(1));
  EXPECT_EQ(h.settle_down(), 1);
  EXPECT_EQ(h.room(), usd(0));
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(100));
  EXPECT_EQ(h.escrow.totals("a", 0).spent, usd(100));
  EXPECT_FALSE(h.ask()) << "at rest";
}

TEST(LeaseHolder, WhatIsHeldStaysUntilItIsSettled) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  auto hold = h.reserve(300);
  h.settle_down();
  h.pass(seconds(40));
  h.settle_down();
  EXPECT_GE(h.escrow.totals("a", 0).taken, usd(300));
  EXPECT_TRUE(h.budget.settle(*hold, usd(50)));
  h.settle_down();
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(50));
}

TEST(LeaseHolder, ARenewalAfterAThirdAndNothingAfterTheEnd) {
  House h;
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  ASSERT_TRUE(h.reserve(100));
  h.settle_down();
  h.pass(seconds(200));
  h.holder.note(usd(100), h.now);  // in use
  EXPECT_EQ(h.settle_down(), 1) << "a third of ten minutes is gone";
  h.holder.note(usd(100), h.now);
  h.pass(seconds(599));
  h.ask();  // lost
  EXPECT_GT(h.room(), usd(0));
  h.pass(seconds(1));
  h.ask();
  EXPECT_EQ(h.room(), usd(0)) << "the authority counts it as spent by now";
}

TEST(LeaseHolder, AtAWindowsEndTheRestGoesBackAndTheNewOneIsAskedFor) {
  House h(BudgetWindow::minute);
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  auto hold = h.reserve(200);
  h.pass(minutes(1));
  EXPECT_EQ(h.room(), usd(0)) << "the new window is another account";
  h.settle_down();
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(300)) << "somebody may still spend it";
  EXPECT_TRUE(h.budget.settle(*hold, usd(50)));
  h.settle_down();
  EXPECT_EQ(h.escrow.totals("a", 0).taken, usd(50));
  EXPECT_EQ(h.escrow.totals("a", 0).spent, usd(50));
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  EXPECT_EQ(h.room(), usd(300));
}

TEST(LeaseHolder, KnowsWhatTheOthersHaveForItsTiers) {
  House h;
  h.answer({9, "a", 0, 1, 0, usd(0), usd(60'000), usd(0), usd(20'000)});
  EXPECT_TRUE(h.holder.need(usd(300), h.now));
  h.settle_down();
  h.spend(300);
  h.settle_down();
  EXPECT_EQ(h.budget.committed(0, 0), usd(60'300));
  EXPECT_DOUBLE_EQ(h.budget.spent_share(0, 0), 0.203);
}

// ---- many of them, under any schedule -----------------------------------------------------------

// Five instances that come and go, messages in any order, any number of times or never, holds that
// are settled, voided, assumed or forgotten, clocks that do not agree. What all of them together
// hold and post in a window, the dead included, is a sum kept here, apart from every ledger.
class Schedule {
 public:
  explicit Schedule(uint64_t seed) : random_(seed), limit_(up_to(3'000)) {
    escrow_.open_account({"a", usd(limit_), BudgetWindow::minute});
    for (size_t i = 0; i < 5; ++i) start(i);
  }
  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      now_ = now_ + milliseconds(up_to(random_.chance(1, 300) ? 40'000 : 60));
      const size_t i = random_.below(instances_.size());
      act(i);
      if (random_.chance(1, 400)) start(i);
      for (int64_t n = up_to(6); n > 0 && !messages_.empty(); --n) deliver();
      for (size_t j = 0; j < instances_.size(); ++j) say(j);
      look();
    }
  }
  int reserved = 0;

 private:
  struct Instance {
    Budget budget;
    std::unique_ptr<LeaseHolder> holder;
    std::map<HoldId, std::pair<int64_t, int64_t>> open;  // amount and window
    int64_t skew_ns = 0;
  };
  struct Message {
    size_t to;
    std::optional<LeaseAsk> ask;
    std::optional<LeaseGrant> grant;
  };
  int64_t up_to(int64_t most) {
    return static_cast<int64_t>(random_.below(static_cast<uint64_t>(most) + 1));
  }
  int64_t unix_ns(const Instance& at) const { return now_.ns + at.skew_ns; }

  // A new life; the old one's holds stay in the sums as spent.
  void start(size_t i) {
    if (i >= instances_.size()) instances_.resize(i + 1);
    instances_[i] = std::make_unique<Instance>();
    Instance& at = *instances_[i];
    at.skew_ns = (up_to(20) - 10) * kSecond;
    at.holder = std::make_unique<LeaseHolder>(
        at.budget, at.budget.add_account({"a", usd(limit_), BudgetWindow::minute}), ++lives_,
        LeaseSettings{.share_percent = 5, .idle = milliseconds(up_to(2'000))});
  }
  void act(size_t i) {
    Instance& at = *instances_[i];
    const int64_t amount = up_to(limit_ / 40 + 1);
    if (random_.chance(1, 2)) {
      at.holder->note(usd(amount), now_);
      const int64_t window = at.budget.window_now(0, unix_ns(at));
      auto hold = at.budget.reserve({0}, usd(amount), now_ + seconds(up_to(30)), unix_ns(at));
      if (!hold) at.holder->need(usd(amount), now_);
      if (!hold) return;
      ++reserved;
      used_[window] += amount;
      at.open[*hold] = {amount, window};
    } else if (!at.open.empty()) {
      auto some = at.open.begin();
      std::advance(some, random_.below(at.open.size()));
      const auto [held, window] = some->second;
      const int64_t actual = random_.chance(1, 10) ? held : up_to(held);
      if (at.budget.state(some->first) == Budget::HoldState::assumed && random_.chance(1, 2)) {
        at.open.erase(some);  // nobody ever says what it was
        return;
      }
      const bool never_sent = random_.chance(1, 5) && at.budget.release(some->first);
      if (!never_sent) {
        EXPECT_TRUE(at.budget.settle(some->first, usd(actual)));
      }
      used_[window] -= held - (never_sent ? 0 : actual);
      at.open.erase(some);
    }
    at.budget.expire(now_);
  }
  void say(size_t i) {
    Instance& at = *instances_[i];
    if (auto ask = at.holder->ask(at.budget, unix_ns(at), now_)) messages_.push_back({i, *ask, {}});
  }
  void deliver() {
    const size_t which = random_.below(messages_.size());
    const Message message = messages_[which];
    if (messages_.size() > 40 || !random_.chance(1, 5)) {  // else it comes again, sometime
      messages_[which] = messages_.back();
      messages_.pop_back();
    }
    if (random_.chance(1, 5)) return;  // lost
    if (message.ask) {
      const int64_t clock = now_.ns + (up_to(8) - 4) * kSecond;
      if (auto grant = escrow_.handle(*message.ask, clock, now_))
        messages_.push_back({message.to, {}, *grant});
    } else {
      instances_[message.to]->holder->granted(*message.grant, instances_[message.to]->budget, now_);
    }
    escrow_.expire(now_);
  }
  void look() {
    for (const auto& at : instances_) {
      const int64_t window = at->budget.window_now(0, unix_ns(*at));
      const auto totals = at->budget.totals_in(0, window);
      EXPECT_LE(totals.posted + totals.held, at->holder->leased(window)) << "B4";
    }
    for (const auto& [window, used] : used_) {
      EXPECT_GE(used, 0);
      EXPECT_LE(used, limit_) << "B1, window " << window;
    }
    const auto totals = escrow_.totals("a", window_number(BudgetWindow::minute, now_.ns));
    EXPECT_LE(totals.out, usd(limit_));
  }

  Random random_;
  int64_t limit_;
  Escrow escrow_{1, true, seconds(10)};
  std::vector<std::unique_ptr<Instance>> instances_;
  std::vector<Message> messages_;
  std::map<int64_t, int64_t> used_;  // by window: held and posted, over all lives
  Instant now_{};
  HolderId lives_ = 0;
};

TEST(LeaseHolder, ManyOfThemNeverSpendMoreThanThereIsUnderAnySchedule) {
  int reserved = 0;
  for (uint64_t seed = 1; seed <= 100 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Schedule schedule(seed);
    schedule.run(2'500);
    reserved += schedule.reserved;
  }
  EXPECT_GT(reserved, 20'000) << "they did spend";
}

}  // namespace
}  // namespace keel::engine
