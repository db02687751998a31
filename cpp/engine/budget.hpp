#pragma once
// A two-phase ledger of money (SEMANTICS A8): a hold is reserved before anything is sent and
// resolved exactly once after. TigerBeetle's pending transfers, with one difference: a hold whose
// lease passes is ASSUMED spent, because the provider may have billed it.
// A wall clock that steps back stays in the newest window an account has seen, so no window's money
// is there twice.

#include "base/deadlines.hpp"
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
  NanoUsd limit;  // 0 to Budget::kLimitMax
  BudgetWindow window = BudgetWindow::month;
  int alert_percent = 80;
};

// Throws std::invalid_argument for a limit below 0 or above Budget::kLimitMax.
void validate(const AccountSettings& settings);

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
    Usage used;       // tokens: of what was settled with a count of them
  };

  // SEMANTICS A8: what a double still counts exactly, for ledgers kept in Redis.
  static constexpr NanoUsd kLimitMax{9'000'000'000'000'000};

  // Throws std::invalid_argument for a limit below 0 or above kLimitMax.
  AccountIndex add_account(AccountSettings settings);
  // The account of this name and window, under these settings from now on and with what it has
  // posted and held; a new one if there is none. Throws as add_account does.
  AccountIndex open_account(AccountSettings settings);
  const AccountSettings& settings(AccountIndex account) const {
    return accounts_[account].settings;
  }
  size_t accounts() const { return accounts_.size(); }

  // Of an account that other instances spend from too, nothing fits but into what was leased for it
  // here (engine/escrow, engine/lease_holder): in each window nothing, until lease() says more.
  void share(AccountIndex account, bool shared = true) { accounts_[account].shared = shared; }
  bool shared(AccountIndex account) const { return accounts_[account].shared; }
  struct Leased {
    NanoUsd amount;           // may be spent here
    NanoUsd elsewhere;        // of the limit: what the others have
    NanoUsd spent_elsewhere;  // part of that, as reported
  };
  // From now on, in this window. Of a window that is gone nothing is kept.
  void lease(AccountIndex account, int64_t window, const Leased& leased);
  // The number of the window that something reserved now would be taken in.
  int64_t window_now(AccountIndex account, int64_t unix_ns) const;

  // The most that fits into every account now, never negative (NanoUsd::max() when the list is
  // empty). An overrun is money spent: it takes room too.
  NanoUsd room(const std::vector<AccountIndex>& accounts, int64_t unix_ns) const;
  // One atomic step over all accounts: all are held or none is. An account named twice is charged
  // once; a negative amount is refused; zero always fits.
  std::optional<HoldId> reserve(const std::vector<AccountIndex>& accounts, NanoUsd amount,
                                Instant lease_until, int64_t unix_ns, Refusal* refusal = nullptr);
  // Each returns false, and changes nothing, if the hold is unknown or was resolved otherwise
  // before. Repeating the same resolution (for settle: with the same sum) is true and changes
  // nothing. settle() after an assumption adjusts down to `actual`, once; a sum beyond the hold is
  // an overrun there too. A negative `actual` counts as 0, and so does a negative count of tokens.
  bool settle(HoldId hold, NanoUsd actual, const Usage& used = {});
  bool release(HoldId hold);  // VOID: only for what was never sent
  bool assume(HoldId hold);   // the full hold is posted, flagged
  // Assumes every hold whose lease has passed (lease_until <= now) and says how many.
  int expire(Instant now);
  Instant wake_at() const;

  HoldState state(HoldId hold) const;
  NanoUsd amount(HoldId hold) const;
  Totals totals(AccountIndex account, int64_t unix_ns) const;
  // Of a window by its number; nothing of one that is gone.
  Totals totals_in(AccountIndex account, int64_t window) const;
  // Posted, overrun and held, and of a shared account what the others have: what may be spent
  // already. The limit goes by it, and whatever is a share of the limit and can be taken back.
  NanoUsd committed(AccountIndex account, int64_t unix_ns) const;
  // Posted and overrun, wherever it was spent, and that over the limit, in [0, 1+]: the share that
  // raises the alert, which is told once and cannot be taken back. 1 where the limit is 0.
  NanoUsd spent(AccountIndex account, int64_t unix_ns) const;
  double spent_share(AccountIndex account, int64_t unix_ns) const;
  int64_t open_holds() const { return open_; }
  // Over all windows: what was ever posted here (overruns and assumptions included), and how many
  // postings there were, zero ones among them. What the records of all sends must add up to.
  struct Lifetime {
    NanoUsd posted;
    int64_t postings = 0;
  };
  Lifetime lifetime(AccountIndex account) const { return accounts_[account].lifetime; }
  // Resolved holds are remembered for repeats; the oldest are forgotten beyond this many.
  static constexpr size_t kRemembered = 100'000;

 private:
  struct Window {
    int64_t number = 0;
    Totals totals;
    int64_t open = 0;  // holds taken here and not yet resolved
    Leased leased;
  };
  struct Account {
    AccountSettings settings;
    std::vector<Window> windows;  // the newest last; an older one stays while it has open holds
    Lifetime lifetime;
    bool shared = false;
  };
  struct Charge {
    AccountIndex account = 0;
    int64_t window = 0;
  };
  struct Hold {
    HoldState state = HoldState::held;
    bool adjusted = false;  // settled after it had been assumed
    NanoUsd amount;
    NanoUsd actual;
    Deadlines<HoldId>::Handle lease = Deadlines<HoldId>::kNone;
    std::vector<Charge> charges;
  };
  static int64_t number_in(const Account& account, int64_t unix_ns);
  static Window& open_window(Account& account, int64_t number);
  const Window* newest(AccountIndex account, int64_t unix_ns) const;
  NanoUsd left(AccountIndex account, int64_t unix_ns) const;
  Hold* find(HoldId hold);
  void resolve(Hold& hold, HoldState state, NanoUsd actual, const Usage& used = {});
  void remember(HoldId hold);

  std::vector<Account> accounts_;
  std::unordered_map<HoldId, Hold> holds_;
  std::deque<HoldId> resolved_;
  Deadlines<HoldId> leases_;
  HoldId next_ = 1;
  int64_t open_ = 0;
};

}  // namespace keel::engine
