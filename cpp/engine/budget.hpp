#pragma once
// A two-phase ledger of money (SEMANTICS A8): a hold is reserved before anything is sent and
// resolved exactly once after. TigerBeetle's pending transfers, with one difference: a hold whose
// lease passes is ASSUMED spent, because the provider may have billed it.

#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::engine {

enum class BudgetWindow : uint8_t { minute, hour, day, month, forever };  // calendar windows, UTC
std::string_view name_of(BudgetWindow window);
// The number of the window a unix time falls into, and when it ends (unix ns).
int64_t window_number(BudgetWindow window, int64_t unix_ns);
int64_t window_end_unix_ns(BudgetWindow window, int64_t unix_ns);

struct AccountSettings {
  std::string name;
  NanoUsd limit;  // at most 9.0e15 (SEMANTICS A8)
  BudgetWindow window = BudgetWindow::month;
  int alert_percent = 80;
};

using HoldId = uint64_t;  // 0 is no hold

class Budget {
 public:
  enum class HoldState : uint8_t { held, posted, voided, assumed, unknown };

  struct Refusal {
    AccountIndex account = 0;  // the first that said no
    NanoUsd left;              // what still fits there
  };
  struct Totals {
    NanoUsd posted;  // overruns not included, assumed included
    NanoUsd held;
    NanoUsd overrun;  // posted beyond the hold: the provider ignored max_tokens
    NanoUsd assumed;  // part of posted
  };

  AccountIndex add_account(AccountSettings settings);
  const AccountSettings& settings(AccountIndex account) const {
    return accounts_[account].settings;
  }
  size_t accounts() const { return accounts_.size(); }

  // The most that fits into every account now (NanoUsd::max() when the list is empty).
  NanoUsd room(const std::vector<AccountIndex>& accounts, int64_t unix_ns) const;
  // One atomic step over all accounts: all are held or none is. amount >= 0.
  std::optional<HoldId> reserve(const std::vector<AccountIndex>& accounts, NanoUsd amount,
                                Instant lease_until, int64_t unix_ns, Refusal* refusal = nullptr);
  // Each returns false if the hold was resolved otherwise before. Repeating the same resolution is
  // true and changes nothing. settle() after an assumption adjusts down once.
  bool settle(HoldId hold, NanoUsd actual);
  bool release(HoldId hold);  // VOID: only for what was never sent
  bool assume(HoldId hold);   // the full hold is posted, flagged
  // Assumes every hold whose lease has passed.
  int expire(Instant now);
  Instant wake_at() const;

  HoldState state(HoldId hold) const;
  NanoUsd amount(HoldId hold) const;
  Totals totals(AccountIndex account, int64_t unix_ns) const;
  // posted over limit in the current window, in [0, 1+]; the share that raises the alert.
  double spent_share(AccountIndex account, int64_t unix_ns) const;
  int64_t open_holds() const { return open_; }
  // Resolved holds are remembered for repeats; the oldest are forgotten beyond this many.
  static constexpr size_t kRemembered = 100'000;

 private:
  struct WindowTotals {
    int64_t number = 0;
    Totals totals;
    int64_t open = 0;
  };
  struct Account {
    AccountSettings settings;
    std::vector<WindowTotals> windows;  // the current one last; older ones while holds are open
  };
  struct Hold {
    HoldState state = HoldState::held;
    NanoUsd amount;
    NanoUsd actual;
    bool adjusted = false;
    Instant lease_until;
    std::vector<std::pair<AccountIndex, int64_t>> at;  // account, window number
  };
  WindowTotals& window_at(Account& account, int64_t number);
  void close(HoldId id, Hold& hold, HoldState state, NanoUsd actual);

  std::vector<Account> accounts_;
  std::unordered_map<HoldId, Hold> holds_;
  std::deque<HoldId> resolved_;
  std::vector<std::pair<Instant, HoldId>> leases_;  // a heap by instant
  HoldId next_ = 1;
  int64_t open_ = 0;
};

}  // namespace keel::engine
