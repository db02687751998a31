// The authority alone: whatever is said to it, and however often, what is out never passes the
// limit.

#include "engine/escrow.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

NanoUsd usd(int64_t nano) {
  return {nano};
}
Instant at(int64_t s) {
  return {seconds(s).ns};
}
Escrow with_limit(int64_t limit, BudgetWindow window = BudgetWindow::minute) {
  Escrow escrow;
  escrow.open_account({"a", usd(limit), window});
  return escrow;
}
LeaseAsk ask(HolderId holder, int64_t wanted, int64_t returned = 0, int64_t spent = 0,
             int64_t window = 0) {
  return {holder, "a", window, 1, 1, usd(0), usd(wanted), usd(returned), usd(spent)};
}
NanoUsd granted(Escrow& escrow, const LeaseAsk& ask, int64_t unix_s = 0) {
  auto grant = escrow.handle(ask, unix_s * kSecond, at(unix_s));
  return grant ? grant->granted : usd(-1);
}

TEST(Escrow, GrantsWhatIsThereAndNoMore) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 60)), usd(60));
  EXPECT_EQ(granted(escrow, ask(2, 60)), usd(40));
  EXPECT_EQ(granted(escrow, ask(3, 1)), usd(0));
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(100));
  EXPECT_EQ(escrow.totals("a", 0).holders, 3);
}

TEST(Escrow, TheSameAskTwiceIsTheSameAnswer) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 60)), usd(60));
  EXPECT_EQ(granted(escrow, ask(1, 60)), usd(60));
  EXPECT_EQ(granted(escrow, ask(1, 40)), usd(60)) << "an older one, late";
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(60));
}

TEST(Escrow, WhatComesBackIsThereAgainOnce) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 100)), usd(100));
  EXPECT_EQ(granted(escrow, ask(1, 100, 70)), usd(100));
  EXPECT_EQ(granted(escrow, ask(1, 100, 70)), usd(100));
  EXPECT_EQ(granted(escrow, ask(1, 100, 20)), usd(100)) << "an older one, late";
  EXPECT_EQ(granted(escrow, ask(2, 100)), usd(70));
  EXPECT_EQ(granted(escrow, ask(1, 100, 9'000)), usd(100)) << "no more than it had";
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(70));
}

TEST(Escrow, AnOverrunTakesRoomFromTheOthers) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 10, 0, 30)), usd(10));
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(30));
  EXPECT_EQ(granted(escrow, ask(2, 100)), usd(70));
  EXPECT_EQ(granted(escrow, ask(1, 10, 0, 500)), usd(10));
  EXPECT_EQ(granted(escrow, ask(3, 1)), usd(0));
}

TEST(Escrow, WhoIsGoneKeepsWhatItHadAsSpent) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 60, 0, 20)), usd(60));
  EXPECT_EQ(escrow.expire(at(599)), 0);
  EXPECT_EQ(escrow.expire(at(600)), 1);
  EXPECT_EQ(escrow.expire(at(600)), 0) << "once";
  EXPECT_EQ(escrow.totals("a", 0).assumed, usd(40));
  EXPECT_EQ(granted(escrow, ask(2, 100)), usd(40)) << "a new life is given none of it";
  EXPECT_EQ(granted(escrow, ask(1, 60, 40, 20)), usd(60)) << "it lives after all";
  EXPECT_EQ(escrow.totals("a", 0).assumed, usd(0));
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(60));
}

TEST(Escrow, OnlyTheWindowThatIsOpenIsGrantedFrom) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 60, 0, 0, 1), 59), usd(0)) << "a clock ahead of ours";
  EXPECT_EQ(granted(escrow, ask(1, 60, 0, 0, 0), 59), usd(60));
  EXPECT_EQ(granted(escrow, ask(1, 100, 0, 0, 1), 60), usd(100));
  EXPECT_EQ(granted(escrow, ask(2, 60, 0, 0, 0), 60), usd(0)) << "a clock behind ours";
  EXPECT_EQ(granted(escrow, ask(1, 90, 50, 10, 0), 61), usd(60)) << "a report is taken";
  EXPECT_EQ(escrow.totals("a", 0).taken, usd(10));
  EXPECT_EQ(granted(escrow, ask(1, 60, 0, 0, 0), 30), usd(60)) << "a clock that steps back";
  EXPECT_EQ(granted(escrow, ask(1, 60, 0, 0, 2), 120), usd(60));
  EXPECT_EQ(granted(escrow, ask(1, 60, 50, 10, 0), 121), usd(0)) << "nobody knows it any more";
}

TEST(Escrow, WhoLostItsBooksTakesDownWhatIsOutBeforeItGrants) {
  Escrow escrow(2, false);
  escrow.open_account({"a", usd(100), BudgetWindow::minute});
  LeaseAsk told = ask(1, 90);
  told.granted = usd(70);
  EXPECT_EQ(granted(escrow, told), usd(70));
  EXPECT_EQ(granted(escrow, ask(2, 50)), usd(0));
  escrow.reopen();
  EXPECT_EQ(granted(escrow, ask(2, 50)), usd(30));
}

TEST(Escrow, NobodyAndNothing) {
  Escrow escrow = with_limit(0);
  EXPECT_EQ(granted(escrow, ask(1, 1)), usd(0));
  EXPECT_EQ(granted(escrow, ask(0, 1)), usd(-1));
  LeaseAsk unknown = ask(1, 1);
  unknown.account = "b";
  EXPECT_EQ(granted(escrow, unknown), usd(-1));
  EXPECT_EQ(escrow.totals("b", 0).taken, usd(0));
  EXPECT_THROW(escrow.open_account({"b", usd(-1)}), std::invalid_argument);
}

TEST(Escrow, ALowerLimitTakesNothingBack) {
  Escrow escrow = with_limit(100);
  EXPECT_EQ(granted(escrow, ask(1, 80)), usd(80));
  escrow.open_account({"a", usd(50), BudgetWindow::minute});
  EXPECT_EQ(granted(escrow, ask(1, 90)), usd(80));
  EXPECT_EQ(granted(escrow, ask(2, 90)), usd(0));
  escrow.open_account({"a", usd(200), BudgetWindow::minute});
  EXPECT_EQ(granted(escrow, ask(2, 90)), usd(90));
}

// Anything in any order: the sums of what was granted and not given back never pass the limit, and
// are the sums a list of the messages gives.
TEST(Escrow, AgreesWithAListOfWhatWasSaid) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const int64_t limit = static_cast<int64_t>(random.below(2'000));
    Escrow escrow = with_limit(limit, BudgetWindow::forever);
    std::map<HolderId, int64_t> out, back;
    for (int step = 0; step < 300; ++step) {
      const HolderId holder = 1 + random.below(4);
      const auto draw = [&](uint64_t most) { return static_cast<int64_t>(random.below(most)); };
      const int64_t wanted = draw(900), returned = draw(random.chance(1, 2) ? 1 : 400);
      int64_t free = limit;
      back[holder] = std::max(back[holder], std::min(returned, out[holder]));
      for (const auto& [_, o] : out) free -= o;
      for (const auto& [_, b] : back) free += b;
      out[holder] += std::clamp<int64_t>(wanted - out[holder], 0, std::max<int64_t>(free, 0));
      ASSERT_EQ(granted(escrow, ask(holder, wanted, returned)), usd(out[holder]))
          << "seed " << seed;
      int64_t taken = 0;
      for (const auto& [h, o] : out) taken += o - back[h];
      ASSERT_EQ(escrow.totals("a", 0).taken, usd(taken));
      ASSERT_LE(taken, limit);
    }
  }
}

}  // namespace
}  // namespace keel::engine
