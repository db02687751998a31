#include "engine/budget.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kI64Max = std::numeric_limits<int64_t>::max();
using State = Budget::HoldState;

NanoUsd usd(int64_t nano) {
  return {nano};
}
Instant at(int64_t s) {
  return {seconds(s).ns};
}
Budget with_limit(int64_t limit, BudgetWindow window = BudgetWindow::forever) {
  Budget budget;
  budget.add_account({"a", usd(limit), window});
  return budget;
}
HoldId must_reserve(Budget& budget, int64_t amount, int64_t unix_ns = 0,
                    Instant lease = Instant::never()) {
  std::optional<HoldId> hold = budget.reserve({0}, usd(amount), lease, unix_ns);
  EXPECT_TRUE(hold.has_value());
  return hold.value_or(0);
}
void expect_totals(const Budget& budget, int64_t posted, int64_t held, int64_t overrun = 0,
                   int64_t assumed = 0, int64_t unix_ns = 0) {
  Budget::Totals totals = budget.totals(0, unix_ns);
  EXPECT_EQ(totals.posted.value, posted);
  EXPECT_EQ(totals.held.value, held);
  EXPECT_EQ(totals.overrun.value, overrun);
  EXPECT_EQ(totals.assumed.value, assumed);
}

TEST(BudgetWindows, FollowTheUtcCalendar) {
  // 2024-02-29T23:59:59Z and the second after it.
  int64_t leap = 1'709'251'199 * kSecond;
  EXPECT_EQ(window_number(BudgetWindow::month, leap), 2024 * 12 + 1);
  EXPECT_EQ(window_number(BudgetWindow::month, leap + kSecond), 2024 * 12 + 2);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::month, leap), leap + kSecond);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::day, leap), leap + kSecond);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::minute, leap), leap + kSecond);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::month, leap + kSecond), leap + kSecond + 31 * kDay);
  EXPECT_EQ(window_number(BudgetWindow::month, 0), 1970 * 12);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::month, 0), 31 * kDay);
  // December leads into January.
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::month, 364 * kDay), 365 * kDay);
  EXPECT_EQ(window_number(BudgetWindow::hour, 3'600 * kSecond - 1), 0);
  EXPECT_EQ(window_number(BudgetWindow::hour, 3'600 * kSecond), 1);
}

TEST(BudgetWindows, HoldAtTheEndsOfTime) {
  for (BudgetWindow window :
       {BudgetWindow::minute, BudgetWindow::hour, BudgetWindow::day, BudgetWindow::month}) {
    EXPECT_EQ(window_number(window, -1), window_number(window, 0) - 1) << name_of(window);
    EXPECT_EQ(window_end_unix_ns(window, -1), 0) << name_of(window);
    EXPECT_EQ(window_end_unix_ns(window, kI64Max), kI64Max) << name_of(window);
    EXPECT_GT(window_end_unix_ns(window, std::numeric_limits<int64_t>::min()),
              std::numeric_limits<int64_t>::min());
  }
  EXPECT_EQ(window_number(BudgetWindow::forever, kI64Max), 0);
  EXPECT_EQ(window_end_unix_ns(BudgetWindow::forever, 0), kI64Max);
}

TEST(Budget, HoldsThenPostsWhatItCost) {
  Budget budget = with_limit(100);
  HoldId hold = must_reserve(budget, 60);
  EXPECT_NE(hold, 0u);
  EXPECT_EQ(budget.amount(hold), usd(60));
  EXPECT_EQ(budget.state(hold), State::held);
  expect_totals(budget, 0, 60);
  EXPECT_EQ(budget.room({0}, 0), usd(40));
  EXPECT_TRUE(budget.settle(hold, usd(25)));
  expect_totals(budget, 25, 0);
  EXPECT_EQ(budget.open_holds(), 0);
  EXPECT_DOUBLE_EQ(budget.spent_share(0, 0), 0.25);
}

TEST(Budget, FillsToTheLastNano) {
  Budget budget = with_limit(100);
  must_reserve(budget, 100);
  Budget::Refusal refusal;
  EXPECT_FALSE(budget.reserve({0}, usd(1), Instant::never(), 0, &refusal));
  EXPECT_EQ(refusal.account, 0u);
  EXPECT_EQ(refusal.left, usd(0));
  expect_totals(budget, 0, 100);
  must_reserve(budget, 0);
}

TEST(Budget, ZeroLimitTakesOnlyWhatIsFree) {
  Budget budget = with_limit(0);
  EXPECT_DOUBLE_EQ(budget.spent_share(0, 0), 1);
  EXPECT_FALSE(budget.reserve({0}, usd(1), Instant::never(), 0));
  EXPECT_TRUE(budget.settle(must_reserve(budget, 0), usd(0)));
  expect_totals(budget, 0, 0);
}

TEST(Budget, LargestSumsDoNotWrap) {
  Budget budget = with_limit(Budget::kLimitMax.value);
  EXPECT_FALSE(budget.reserve({0}, NanoUsd::max(), Instant::never(), 0));
  HoldId hold = must_reserve(budget, Budget::kLimitMax.value);
  EXPECT_FALSE(budget.reserve({0}, NanoUsd::max(), Instant::never(), 0));
  EXPECT_TRUE(budget.settle(hold, NanoUsd::max()));
  HoldId free = must_reserve(budget, 0);
  EXPECT_TRUE(budget.settle(free, NanoUsd::max()));
  EXPECT_EQ(budget.totals(0, 0).posted, Budget::kLimitMax);
  EXPECT_EQ(budget.totals(0, 0).overrun, NanoUsd::max());
  EXPECT_EQ(budget.room({0}, 0), usd(0));
  EXPECT_GT(budget.spent_share(0, 0), 1);
}

TEST(Budget, RefusesAnImpossibleLimit) {
  Budget budget;
  EXPECT_THROW(budget.add_account({"a", usd(-1)}), std::invalid_argument);
  EXPECT_THROW(budget.add_account({"a", Budget::kLimitMax + usd(1)}), std::invalid_argument);
  EXPECT_EQ(budget.accounts(), 0u);
}

TEST(Budget, RefusesANegativeAmount) {
  Budget budget = with_limit(10);
  EXPECT_FALSE(budget.reserve({0}, usd(-1), Instant::never(), 0));
  expect_totals(budget, 0, 0);
  HoldId hold = must_reserve(budget, 5);
  EXPECT_TRUE(budget.settle(hold, usd(-7)));
  expect_totals(budget, 0, 0);
}

TEST(Budget, AllAccountsOrNone) {
  Budget budget;
  budget.add_account({"parent", usd(100), BudgetWindow::forever});
  budget.add_account({"child", usd(30), BudgetWindow::forever});
  Budget::Refusal refusal;
  EXPECT_EQ(budget.room({0, 1}, 0), usd(30));
  EXPECT_FALSE(budget.reserve({0, 1}, usd(31), Instant::never(), 0, &refusal));
  EXPECT_EQ(refusal.account, 1u);
  EXPECT_EQ(refusal.left, usd(30));
  EXPECT_EQ(budget.totals(0, 0).held, usd(0));
  std::optional<HoldId> hold = budget.reserve({0, 1, 0}, usd(20), Instant::never(), 0);
  ASSERT_TRUE(hold);
  EXPECT_EQ(budget.totals(0, 0).held, usd(20));
  EXPECT_EQ(budget.totals(1, 0).held, usd(20));
  EXPECT_TRUE(budget.settle(*hold, usd(5)));
  EXPECT_EQ(budget.totals(0, 0).posted, usd(5));
  EXPECT_EQ(budget.totals(1, 0).posted, usd(5));
}

TEST(Budget, WithoutAccountsEverythingFits) {
  Budget budget;
  EXPECT_EQ(budget.room({}, 0), NanoUsd::max());
  std::optional<HoldId> hold = budget.reserve({}, NanoUsd::max(), at(1), 0);
  ASSERT_TRUE(hold);
  EXPECT_EQ(budget.expire(at(1)), 1);
  EXPECT_EQ(budget.state(*hold), State::assumed);
}

TEST(Budget, EachHoldResolvesOnce) {
  Budget budget = with_limit(100);
  HoldId posted = must_reserve(budget, 10);
  EXPECT_TRUE(budget.settle(posted, usd(4)));
  EXPECT_TRUE(budget.settle(posted, usd(4)));
  EXPECT_FALSE(budget.settle(posted, usd(5)));
  EXPECT_FALSE(budget.release(posted));
  EXPECT_FALSE(budget.assume(posted));
  HoldId voided = must_reserve(budget, 10);
  EXPECT_TRUE(budget.release(voided));
  EXPECT_TRUE(budget.release(voided));
  EXPECT_FALSE(budget.settle(voided, usd(0)));
  EXPECT_FALSE(budget.assume(voided));
  EXPECT_EQ(budget.state(voided), State::voided);
  expect_totals(budget, 4, 0);
}

TEST(Budget, AnUnknownHoldIsRefused) {
  Budget budget = with_limit(100);
  for (HoldId hold : {HoldId{0}, HoldId{7}}) {
    EXPECT_FALSE(budget.settle(hold, usd(1)));
    EXPECT_FALSE(budget.release(hold));
    EXPECT_FALSE(budget.assume(hold));
    EXPECT_EQ(budget.state(hold), State::unknown);
    EXPECT_EQ(budget.amount(hold), usd(0));
  }
  expect_totals(budget, 0, 0);
}

TEST(Budget, AnAssumedHoldIsAdjustedDownOnce) {
  Budget budget = with_limit(100);
  HoldId hold = must_reserve(budget, 60);
  EXPECT_TRUE(budget.assume(hold));
  EXPECT_TRUE(budget.assume(hold));
  EXPECT_FALSE(budget.release(hold));
  expect_totals(budget, 60, 0, 0, 60);
  EXPECT_TRUE(budget.settle(hold, usd(15)));
  EXPECT_EQ(budget.state(hold), State::posted);
  expect_totals(budget, 15, 0);
  EXPECT_TRUE(budget.settle(hold, usd(15)));
  EXPECT_FALSE(budget.settle(hold, usd(14)));
  EXPECT_TRUE(budget.assume(hold));  // a late repeat
  expect_totals(budget, 15, 0);
}

TEST(Budget, AnOverrunStandsApartAndTakesRoom) {
  Budget budget = with_limit(100);
  EXPECT_TRUE(budget.settle(must_reserve(budget, 50), usd(70)));
  expect_totals(budget, 50, 0, 20);
  EXPECT_EQ(budget.room({0}, 0), usd(30));
  HoldId late = must_reserve(budget, 30);
  EXPECT_TRUE(budget.assume(late));
  EXPECT_TRUE(budget.settle(late, usd(90)));
  expect_totals(budget, 80, 0, 80);
  EXPECT_EQ(budget.room({0}, 0), usd(0));
  EXPECT_DOUBLE_EQ(budget.spent_share(0, 0), 1.6);
  must_reserve(budget, 0);
}

TEST(Budget, APassedLeaseIsAssumed) {
  Budget budget = with_limit(100);
  EXPECT_EQ(budget.wake_at(), Instant::never());
  HoldId first = must_reserve(budget, 10, 0, at(5));
  HoldId second = must_reserve(budget, 20, 0, at(9));
  must_reserve(budget, 30);
  EXPECT_EQ(budget.wake_at(), at(5));
  EXPECT_EQ(budget.expire(Instant{at(5).ns - 1}), 0);
  EXPECT_EQ(budget.expire(at(5)), 1);
  EXPECT_EQ(budget.state(first), State::assumed);
  EXPECT_EQ(budget.expire(at(1)), 0);  // the clock stepped back
  EXPECT_TRUE(budget.settle(second, usd(1)));
  EXPECT_EQ(budget.wake_at(), Instant::never());  // a settled hold leaves no lease behind
  EXPECT_EQ(budget.expire(at(100)), 0);
  expect_totals(budget, 11, 30, 0, 10);
  EXPECT_EQ(budget.open_holds(), 1);
}

TEST(Budget, AHoldPostsToItsOwnWindow) {
  Budget budget = with_limit(100, BudgetWindow::day);
  HoldId early = must_reserve(budget, 100, kDay - 1);
  HoldId adjusted = must_reserve(budget, 100, kDay);
  EXPECT_EQ(budget.room({0}, 2 * kDay), usd(100));
  EXPECT_TRUE(budget.settle(early, usd(90)));
  expect_totals(budget, 0, 100, 0, 0, kDay);
  EXPECT_TRUE(budget.assume(adjusted));
  must_reserve(budget, 10, 2 * kDay);
  EXPECT_TRUE(budget.settle(adjusted, usd(1)));  // its window is over: today is not touched
  expect_totals(budget, 0, 10, 0, 0, 2 * kDay);
}

TEST(Budget, AWallClockThatStepsBackFindsNoFreshMoney) {
  Budget budget = with_limit(100, BudgetWindow::day);
  budget.settle(must_reserve(budget, 100, 5 * kDay), usd(100));
  EXPECT_FALSE(budget.reserve({0}, usd(1), Instant::never(), 4 * kDay));
  expect_totals(budget, 100, 0, 0, 0, 4 * kDay);
  must_reserve(budget, 100, 6 * kDay);
  EXPECT_FALSE(budget.reserve({0}, usd(1), Instant::never(), 5 * kDay));
}

TEST(Budget, RemembersResolvedHoldsUpToItsLimit) {
  Budget budget = with_limit(1'000'000'000);
  HoldId first = must_reserve(budget, 3);
  HoldId open = must_reserve(budget, 5);
  budget.settle(first, usd(1));
  for (size_t i = 1; i < Budget::kRemembered; ++i) budget.settle(must_reserve(budget, 2), usd(2));
  EXPECT_TRUE(budget.settle(first, usd(1)));
  budget.assume(must_reserve(budget, 2));
  EXPECT_EQ(budget.state(first), State::unknown);
  EXPECT_FALSE(budget.settle(first, usd(1)));
  EXPECT_EQ(budget.state(open), State::held);  // an open one is never forgotten
  EXPECT_TRUE(budget.settle(open, usd(5)));
}

// ---- tokens beside money ------------------------------------------------------------------------

TEST(Budget, KeepsTheTokensOfWhatWasSettled) {
  Budget budget = with_limit(100);
  const Usage some{.in = 7, .cached = 2, .cache_write = 1, .out = 3, .reasoning = 1};
  HoldId hold = must_reserve(budget, 10);
  EXPECT_TRUE(budget.settle(hold, usd(4), some));
  EXPECT_TRUE(budget.settle(hold, usd(4), some)) << "a repeat";
  EXPECT_EQ(budget.totals(0, 0).used, some) << "counted once";
  EXPECT_FALSE(budget.settle(hold, usd(5), some));
  EXPECT_TRUE(budget.release(must_reserve(budget, 10)));
  HoldId late = must_reserve(budget, 10);
  EXPECT_TRUE(budget.assume(late));
  EXPECT_EQ(budget.totals(0, 0).used, some) << "nobody knows them";
  EXPECT_TRUE(budget.settle(late, usd(1), {.in = 1}));
  EXPECT_EQ(budget.totals(0, 0).used.in, 8);
}

TEST(Budget, TokensBelongToTheWindowTheHoldWasTakenIn) {
  Budget budget = with_limit(100, BudgetWindow::minute);
  HoldId old = must_reserve(budget, 10, 0);
  HoldId young = must_reserve(budget, 10, 61 * kSecond);
  EXPECT_TRUE(budget.settle(old, usd(1), {.in = 5}));
  EXPECT_TRUE(budget.settle(young, usd(1), {.in = 9}));
  EXPECT_EQ(budget.totals(0, 61 * kSecond).used, (Usage{.in = 9}));
}

TEST(Budget, HostileCountsOfTokensNeitherWrapNorTakeBack) {
  Budget budget = with_limit(100);
  EXPECT_TRUE(budget.settle(must_reserve(budget, 1), usd(1), {.in = kI64Max, .out = 5}));
  EXPECT_TRUE(budget.settle(must_reserve(budget, 1), usd(1), {.in = kI64Max, .out = -5}));
  EXPECT_EQ(budget.totals(0, 0).used, (Usage{.in = kI64Max, .out = 5}));
}

TEST(Budget, CommittedIsPostedOverrunAndHeld) {
  Budget budget = with_limit(100);
  EXPECT_EQ(budget.committed(0, 0), usd(0));
  EXPECT_TRUE(budget.settle(must_reserve(budget, 10), usd(25)));
  must_reserve(budget, 30);
  EXPECT_EQ(budget.committed(0, 0), usd(55));
}

}  // namespace
}  // namespace keel::engine
