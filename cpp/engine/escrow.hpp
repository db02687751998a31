#pragma once
// An account that several instances share (O'Neil's escrow, bounded counters; SEMANTICS A8). The
// authority leases parts of a window's limit; an instance spends inside its part without asking.
// What is leased and not given back never exceeds the limit, so no spending does, whatever is lost,
// doubled, late or killed: a part whose holder is gone stays taken, as spent.
// All figures of a holder are sums over its life within one window and only grow. A message
// therefore says the same however often and in whatever order it comes.

#include "base/money.hpp"
#include "base/time.hpp"
#include "engine/budget.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::engine {

// One life of one instance: after every start another one. Who comes back with its old number would
// be given again what it had spent already. 0 is nobody.
using HolderId = uint64_t;

// What a holder says of an account, and asks for.
struct LeaseAsk {
  HolderId holder = 0;
  std::string account;
  int64_t window = 0;   // its number
  uint64_t number = 0;  // of the ask, for the holder to know its answer by; repeats keep it
  uint64_t epoch = 0;   // of the authority, as it knows it; 0: not yet
  NanoUsd granted;      // as it knows it
  NanoUsd wanted;       // what `granted` should become; no more than `granted`: only a report
  NanoUsd returned;     // of it, what it will never spend
  NanoUsd spent;        // posted, overruns included
};
// What the authority says.
struct LeaseGrant {
  HolderId holder = 0;
  std::string account;
  int64_t window = 0;
  uint64_t number = 0;  // as asked
  uint64_t epoch = 0;
  bool open = false;  // this window is granted from; else `left` and `spent_elsewhere` say nothing
  NanoUsd granted;    // in all, to this holder, in this window
  NanoUsd left;       // of the limit: what nobody has
  NanoUsd spent_elsewhere;  // as the other holders reported it
  Duration good_for;        // from when it was asked for
};

class Escrow {
 public:
  // SEMANTICS gives none; long enough to outlast a store's restart, short enough that what a dead
  // instance had is seen as spent within the hour.
  static constexpr Duration kLease = minutes(10);

  // `epoch`: another one after every loss of the books. An authority that has lost them is not open
  // at first: it takes down what holders say they have and grants nothing until reopen().
  explicit Escrow(uint64_t epoch = 1, bool open = true, Duration lease = kLease)
      : epoch_(epoch), open_(open), lease_(lease) {}

  // Throws std::invalid_argument for a limit below 0 or above Budget::kLimitMax. An account that is
  // known has the new limit from now on; what was leased stays leased.
  void open_account(AccountSettings settings);
  void reopen() { open_ = true; }

  // Nothing: the account is unknown, or the holder is nobody. Only the window of `unix_ns` is
  // granted from, so that no window's money is there twice; a clock that steps back stays in the
  // newest window. The window before it is still taken reports of.
  std::optional<LeaseGrant> handle(const LeaseAsk& ask, int64_t unix_ns, Instant now);
  // What holders that were not heard of for the time of a lease still have counts as spent; how
  // many these are. It is counted as taken before and after; one that speaks again is believed.
  int expire(Instant now);

  struct Totals {
    NanoUsd out;      // leased and not given back; never above the limit
    NanoUsd taken;    // leased and not given back, or spent; never above the limit but by overruns
    NanoUsd spent;    // as reported
    NanoUsd assumed;  // part of taken: of holders that are not heard of
    int holders = 0;
  };
  Totals totals(std::string_view account, int64_t window) const;

 private:
  struct Lease {
    NanoUsd granted;
    NanoUsd returned;
    NanoUsd spent;
    Instant until;
    bool assumed = false;
    NanoUsd has() const { return granted - returned; }
    // Overruns may have spent more than there was.
    NanoUsd taken() const { return std::max(has(), spent); }
  };
  struct Window {
    int64_t number = 0;
    NanoUsd out;
    NanoUsd taken;
    NanoUsd spent;
    std::map<HolderId, Lease> leases;
  };
  struct Account {
    AccountSettings settings;
    std::deque<Window> windows;  // at most two, the newest last
  };
  Account* find(std::string_view name);
  static Window* window_of(Account& account, int64_t number);
  static void turn_to(Account& account, int64_t number);

  uint64_t epoch_;
  bool open_;
  Duration lease_;
  std::vector<Account> accounts_;
};

}  // namespace keel::engine
