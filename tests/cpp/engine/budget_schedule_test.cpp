#include "base/random.hpp"
#include "engine/budget.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
using State = Budget::HoldState;

// The same ledger as a list of holds, summed anew after every step.
class Model {
 public:
  struct Entry {
    std::set<AccountIndex> accounts;
    std::map<AccountIndex, int64_t> window;
    int64_t amount;
    Instant lease;
    State state = State::held;
    bool adjusted = false;
    int64_t actual = 0;
    int64_t tokens = 0;
  };
  std::map<HoldId, Entry> entries;

  Budget::Totals sum(AccountIndex account, int64_t window) const {
    Budget::Totals out;
    for (const auto& [_, e] : entries) {
      if (!e.accounts.count(account) || e.window.at(account) != window) continue;
      if (e.state == State::held) out.held.value += e.amount;
      if (e.state == State::assumed) out.assumed.value += e.amount;
      if (e.state == State::assumed || e.state == State::posted) {
        out.posted.value += std::min(e.actual, e.amount);
        out.overrun.value += std::max<int64_t>(e.actual - e.amount, 0);
        out.used.in += e.tokens;
      }
    }
    return out;
  }
  bool settle(HoldId id, int64_t actual, int64_t tokens) {
    Entry& e = entries.at(id);
    if (e.state == State::posted) return e.actual == actual;
    if (e.state == State::voided) return false;
    e.adjusted = e.state == State::assumed;
    e.state = State::posted;
    e.actual = actual;
    e.tokens = tokens;
    return true;
  }
  bool release(HoldId id) {
    Entry& e = entries.at(id);
    if (e.state == State::held) e.state = State::voided;
    return e.state == State::voided;
  }
  bool assume(HoldId id) {
    Entry& e = entries.at(id);
    if (e.state == State::posted) return e.adjusted;
    if (e.state == State::held) {
      e.state = State::assumed;
      e.actual = e.amount;
    }
    return e.state == State::assumed;
  }
  int expire(Instant now) {
    int n = 0;
    for (auto& [id, e] : entries) n += e.state == State::held && e.lease <= now && assume(id);
    return n;
  }
};

void run_schedule(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::vector<BudgetWindow> windows = {BudgetWindow::minute, BudgetWindow::hour,
                                             BudgetWindow::forever};
  Random random(seed);
  Budget budget;
  Model model;
  for (BudgetWindow window : windows) {
    auto limit = static_cast<int64_t>(random.below(3'000));
    budget.add_account({"a", NanoUsd{limit}, window});
  }
  std::vector<HoldId> holds;
  std::map<AccountIndex, int64_t> newest;
  int64_t unix_ns = 1'700'000'000 * kSecond;
  Instant now{};
  auto pick = [&] { return holds[random.below(holds.size())]; };
  for (int step = 0; step < 600; ++step) {
    auto pass = static_cast<int64_t>(random.below(8));
    now = now + seconds(pass);
    unix_ns += (random.chance(1, 20) ? -30 : pass) * kSecond;
    uint64_t action = random.below(8);
    if (action < 4 || holds.empty()) {
      std::vector<AccountIndex> accounts;
      for (AccountIndex a = 0; a < windows.size(); ++a) {
        if (random.chance(2, 3)) accounts.push_back(a);
      }
      auto amount = static_cast<int64_t>(random.below(400));
      Instant lease = now + seconds(static_cast<int64_t>(random.below(90)));
      Model::Entry entry{{accounts.begin(), accounts.end()}, {}, amount, lease};
      bool fits = true;
      std::map<AccountIndex, int64_t> moved = newest;
      for (AccountIndex a : accounts) {
        int64_t number =
            std::max(window_number(windows[a], unix_ns),
                     newest.count(a) ? newest[a] : std::numeric_limits<int64_t>::min());
        moved[a] = entry.window[a] = number;
        Budget::Totals sum = model.sum(a, number);
        int64_t used = (sum.posted + sum.held + sum.overrun).value;
        int64_t left = std::max<int64_t>(budget.settings(a).limit.value - used, 0);
        fits = fits && amount <= left;
      }
      EXPECT_EQ(amount <= budget.room(accounts, unix_ns).value, fits);
      std::optional<HoldId> hold = budget.reserve(accounts, NanoUsd{amount}, lease, unix_ns);
      ASSERT_EQ(hold.has_value(), fits) << "step " << step;
      if (hold) {
        newest = moved;
        model.entries[*hold] = entry;
        holds.push_back(*hold);
      }
    } else if (action == 4) {
      auto actual = static_cast<int64_t>(random.below(420));
      const auto tokens = static_cast<int64_t>(random.below(50));
      HoldId hold = pick();
      ASSERT_EQ(budget.settle(hold, NanoUsd{actual}, {.in = tokens}),
                model.settle(hold, actual, tokens))
          << "step " << step;
    } else if (action == 5) {
      HoldId hold = pick();
      ASSERT_EQ(budget.release(hold), model.release(hold)) << "step " << step;
    } else if (action == 6) {
      HoldId hold = pick();
      ASSERT_EQ(budget.assume(hold), model.assume(hold)) << "step " << step;
    } else {
      ASSERT_EQ(budget.expire(now), model.expire(now)) << "step " << step;
    }
    int64_t open = 0;
    for (const auto& [id, entry] : model.entries) {
      ASSERT_EQ(budget.state(id), entry.state) << "step " << step;
      open += entry.state == State::held;
    }
    ASSERT_EQ(budget.open_holds(), open);
    for (const auto& [account, number] : newest) {
      if (window_number(windows[account], unix_ns) > number) continue;  // nothing there yet
      Budget::Totals real = budget.totals(account, unix_ns);
      Budget::Totals expected = model.sum(account, number);
      ASSERT_EQ(real.posted, expected.posted) << "B2, step " << step;
      ASSERT_EQ(real.held, expected.held) << "B2, step " << step;
      ASSERT_EQ(real.overrun, expected.overrun) << "B2, step " << step;
      ASSERT_EQ(real.assumed, expected.assumed) << "B2, step " << step;
      ASSERT_EQ(real.used, expected.used) << "step " << step;
      ASSERT_EQ(budget.committed(account, unix_ns), real.posted + real.held + real.overrun);
      ASSERT_GE(std::min({real.posted, real.held, real.overrun, real.assumed}), NanoUsd{0});
      ASSERT_LE(real.posted + real.held, budget.settings(account).limit) << "B1, step " << step;
    }
  }
}

TEST(Budget, AgreesWithASequentialModelUnderRandomSchedules) {
  for (uint64_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) run_schedule(seed);
}

}  // namespace
}  // namespace keel::engine
