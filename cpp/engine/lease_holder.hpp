#pragma once
// An instance's side of a shared account (engine/escrow): how much to lease and when, and what the
// ledger may spend of it. It asks ahead, so that requests rarely wait, and little, so that what a
// lonely or dead instance keeps from the others is little. ask() gives what to say to the
// authority, granted() takes what came back; either may be lost, doubled or late.

#include "base/money.hpp"
#include "base/time.hpp"
#include "engine/budget.hpp"
#include "engine/escrow.hpp"
#include "engine/window.hpp"

#include <cstdint>
#include <optional>

namespace keel::engine {

struct LeaseSettings {
  // SEMANTICS A8: a chunk is the smaller of a share of the limit and what is spent in a while, but
  // no less than what a request holds.
  int share_percent = 1;
  Duration ahead = seconds(10);
  Duration patience = milliseconds(50);  // SEMANTICS A7: an ask is repeated after this, five times;
  Duration pause = seconds(1);           // then after this. So long nobody asks an empty account
  Duration idle = seconds(30);           // what nobody used for so long goes back
};

class LeaseHolder {
 public:
  // For the ledger's account of this number, which is shared from now on. `holder`: see HolderId; 0
  // asks for nothing, so that nothing can be spent.
  LeaseHolder(Budget& budget, AccountIndex account, HolderId holder, LeaseSettings settings = {});

  AccountIndex account() const { return account_; }
  HolderId holder() const { return holder_; }
  // A request holds so much: what the next one will want.
  void note(NanoUsd amount, Instant now);
  // A request finds too little. True: so much is asked for with the next ask(), and the answer may
  // bring it within moments. False: waiting is of no use.
  bool need(NanoUsd amount, Instant now);
  void forget_needs() { needed_ = {}; }  // whoever needs something says so again

  // After anything that may have moved the ledger or the time: what to say to the authority now.
  std::optional<LeaseAsk> ask(Budget& budget, int64_t unix_ns, Instant now);
  void granted(const LeaseGrant& grant, Budget& budget, Instant now);
  Instant wake_at() const { return wake_at_; }  // as of the last ask()

  // What it has of a window by its number: granted and not given back.
  NanoUsd leased(int64_t window) const;

 private:
  struct Term {  // of one window
    int64_t window = INT64_MIN;
    NanoUsd granted;
    NanoUsd returned;
    NanoUsd spent;
    NanoUsd elsewhere;
    NanoUsd spent_elsewhere;
    Instant until;      // nothing new is spent from it after this
    Instant renew_at;   // a third of the lease is gone
    bool news = false;  // the authority has not heard the last of it
    NanoUsd has() const { return granted - returned; }
  };
  struct Asked {
    LeaseAsk ask;
    Instant first;  // the lease counts from here
    Instant again;  // when it is repeated
    int times = 1;
  };
  static constexpr int kPatient = 5;

  void turn_to(int64_t window);
  void look_at_spending(const Budget& budget, Instant now);
  void tell(Budget& budget, Instant now) const;
  NanoUsd chunk(NanoUsd limit, NanoUsd held, Instant now) const;
  std::optional<LeaseAsk> next_ask(const Budget& budget, Instant now);
  LeaseAsk send(const Budget& budget, const Term& term, NanoUsd wanted, Instant now);
  LeaseAsk repeat(Instant now);
  Term* term_of(int64_t window);

  AccountIndex account_;
  HolderId holder_;
  LeaseSettings settings_;
  uint64_t epoch_ = 0;
  uint64_t number_ = 0;
  Term now_;
  std::optional<Term> before_;  // the window before: what is left of it goes back
  std::optional<Asked> asked_;
  WindowCounts spending_;
  NanoUsd lifetime_;
  NanoUsd needed_;  // by those who found too little
  NanoUsd usual_;   // what the last request held
  Instant used_;    // when that was
  Instant dry_until_{};
  Instant wake_at_ = Instant::never();
};

}  // namespace keel::engine
