#include "engine/lease_holder.hpp"

#include <algorithm>

namespace keel::engine {

LeaseHolder::LeaseHolder(Budget& budget, AccountIndex account, HolderId holder,
                         LeaseSettings settings)
    : account_(account), holder_(holder), settings_(settings), spending_(settings.ahead) {
  budget.share(account);
  lifetime_ = budget.lifetime(account).posted;
}

void LeaseHolder::note(NanoUsd amount, Instant now) {
  usual_ = amount;
  used_ = now;
}

bool LeaseHolder::need(NanoUsd amount, Instant now) {
  const bool unheard = asked_ && asked_->times > kPatient;
  if (holder_ == 0 || unheard || now < dry_until_) return false;
  needed_ += amount;
  note(amount, now);
  return true;
}

LeaseHolder::Term* LeaseHolder::term_of(int64_t window) {
  if (now_.window == window) return &now_;
  return before_ && before_->window == window ? &*before_ : nullptr;
}

NanoUsd LeaseHolder::leased(int64_t window) const {
  if (now_.window == window) return now_.has();
  return before_ && before_->window == window ? before_->has() : NanoUsd{0};
}

// What was not answered is said anew: sums need no history.
void LeaseHolder::turn_to(int64_t window) {
  before_.reset();
  if (now_.granted > NanoUsd{0}) before_ = now_;
  now_ = Term{};
  now_.window = window;
  asked_.reset();
  dry_until_ = Instant{};
}

void LeaseHolder::look_at_spending(const Budget& budget, Instant now) {
  const NanoUsd posted = budget.lifetime(account_).posted;
  if (posted > lifetime_) spending_.add(0, (posted - lifetime_).value, now);
  lifetime_ = posted;
  const Budget::Totals totals = budget.totals_in(account_, now_.window);
  now_.spent = totals.posted + totals.overrun;
  if (!before_) return;
  const Budget::Totals past = budget.totals_in(account_, before_->window);
  if (past.held > NanoUsd{0}) return;  // whoever holds may spend it yet
  const NanoUsd spent = std::max(before_->spent, past.posted + past.overrun);
  const NanoUsd unused = std::max(before_->has() - spent, NanoUsd{0});
  before_->news |= unused > NanoUsd{0} || spent > before_->spent;
  before_->returned += unused;
  before_->spent = spent;
}

void LeaseHolder::tell(Budget& budget, Instant now) const {
  budget.lease(account_, now_.window,
               {now < now_.until ? now_.has() : NanoUsd{0}, now_.elsewhere, now_.spent_elsewhere});
}

NanoUsd LeaseHolder::chunk(NanoUsd limit, NanoUsd held, Instant now) const {
  const NanoUsd share{static_cast<int64_t>(__int128{limit.value} * settings_.share_percent / 100)};
  const NanoUsd lately = NanoUsd{spending_.sum(0, now)} + held;
  return std::max(std::min(share, lately), usual_);
}

std::optional<LeaseAsk> LeaseHolder::ask(Budget& budget, int64_t unix_ns, Instant now) {
  if (holder_ == 0) return std::nullopt;
  const int64_t window = budget.window_now(account_, unix_ns);
  if (window != now_.window) turn_to(window);
  look_at_spending(budget, now);
  wake_at_ = Instant::never();
  std::optional<LeaseAsk> out;
  if (!asked_)
    out = next_ask(budget, now);
  else if (now >= asked_->again)
    out = repeat(now);
  if (asked_) wake_at_ = std::min(wake_at_, asked_->again);
  if (now < now_.until && now_.has() > NanoUsd{0}) wake_at_ = std::min(wake_at_, now_.until);
  tell(budget, now);
  return out;
}

std::optional<LeaseAsk> LeaseHolder::next_ask(const Budget& budget, Instant now) {
  if (before_ && before_->news) return send(budget, *before_, before_->granted, now);
  const NanoUsd held = budget.totals_in(account_, now_.window).held;
  NanoUsd room = std::max(now_.has() - now_.spent - held, NanoUsd{0});
  const Instant idle_at = used_ + settings_.idle;
  if (now >= idle_at && held == NanoUsd{0} && room > NanoUsd{0}) {
    now_.returned += room;
    now_.news = true;
    room = {};
  }
  const NanoUsd usual = chunk(budget.settings(account_).limit, held, now);
  const bool low = now < idle_at && room < NanoUsd{usual.value / 2};
  const NanoUsd target = std::max(needed_, low || needed_ > NanoUsd{0} ? usual : NanoUsd{0});
  if (target > room && now >= dry_until_)
    return send(budget, now_, now_.granted + (target - room), now);
  if (now_.news || (now_.has() > NanoUsd{0} && now >= now_.renew_at))
    return send(budget, now_, now_.granted, now);
  if (now_.has() > NanoUsd{0}) wake_at_ = now_.renew_at;
  if (held == NanoUsd{0} && room > NanoUsd{0}) wake_at_ = std::min(wake_at_, idle_at);
  if (target > room) wake_at_ = std::min(wake_at_, dry_until_);
  return std::nullopt;
}

LeaseAsk LeaseHolder::send(const Budget& budget, const Term& term, NanoUsd wanted, Instant now) {
  if (term.window == now_.window) needed_ = {};
  asked_ = Asked{{holder_, budget.settings(account_).name, term.window, ++number_, epoch_,
                  term.granted, wanted, term.returned, term.spent},
                 now,
                 now + settings_.patience};
  return asked_->ask;
}

LeaseAsk LeaseHolder::repeat(Instant now) {
  asked_->again = now + (++asked_->times > kPatient ? settings_.pause : settings_.patience);
  return asked_->ask;
}

void LeaseHolder::granted(const LeaseGrant& grant, Budget& budget, Instant now) {
  // Of another life, or by an authority whose books are gone: those that are there now know nothing
  // of it.
  if (grant.holder != holder_ || grant.epoch < epoch_) return;
  if (grant.epoch > epoch_ && epoch_ != 0) {
    now_.news |= now_.granted > NanoUsd{0};  // tell the new one what is out
    if (before_) before_->news = true;
  }
  epoch_ = grant.epoch;
  Term* term = term_of(grant.window);
  if (term) term->granted = std::max(term->granted, grant.granted);
  if (!asked_ || asked_->ask.number != grant.number) return tell(budget, now);
  const Asked asked = *asked_;
  asked_.reset();
  if (!term) return;
  if (asked.ask.epoch == grant.epoch || asked.ask.epoch == 0)
    term->news &= asked.ask.returned != term->returned;
  if (term == &now_) {
    const NanoUsd limit = budget.settings(account_).limit;
    if (grant.granted < asked.ask.wanted) dry_until_ = now + settings_.pause;
    now_.until = asked.first + grant.good_for;
    now_.renew_at = asked.first + grant.good_for / 3;
    if (grant.open) {
      now_.elsewhere =
          std::max(limit - grant.left - (grant.granted - asked.ask.returned), NanoUsd{0});
      now_.spent_elsewhere = grant.spent_elsewhere;
    }
  } else if (!before_->news && budget.totals_in(account_, before_->window).held == NanoUsd{0}) {
    before_.reset();
  }
  tell(budget, now);
}

}  // namespace keel::engine
