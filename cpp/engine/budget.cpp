#include "engine/budget.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>

namespace keel::engine {

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

int64_t length_ns(BudgetWindow window) {
  switch (window) {
    case BudgetWindow::minute:
      return 60 * kSecondNs;
    case BudgetWindow::hour:
      return 3'600 * kSecondNs;
    default:
      return 86'400 * kSecondNs;
  }
}

int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

std::chrono::year_month month_of(int64_t unix_ns) {
  std::chrono::sys_days day{std::chrono::days{floor_div(unix_ns, length_ns(BudgetWindow::day))}};
  std::chrono::year_month_day date{day};
  return date.year() / date.month();
}

}  // namespace

std::string_view name_of(BudgetWindow window) {
  switch (window) {
    case BudgetWindow::minute:
      return "minute";
    case BudgetWindow::hour:
      return "hour";
    case BudgetWindow::day:
      return "day";
    case BudgetWindow::month:
      return "month";
    case BudgetWindow::forever:
      return "forever";
  }
  return "unknown";
}

int64_t window_number(BudgetWindow window, int64_t unix_ns) {
  if (window == BudgetWindow::forever) return 0;
  if (window != BudgetWindow::month) return floor_div(unix_ns, length_ns(window));
  std::chrono::year_month month = month_of(unix_ns);
  return int64_t{int{month.year()}} * 12 + static_cast<unsigned>(month.month()) - 1;
}

int64_t window_end_unix_ns(BudgetWindow window, int64_t unix_ns) {
  if (window == BudgetWindow::forever) return std::numeric_limits<int64_t>::max();
  __int128 end;
  if (window == BudgetWindow::month) {
    std::chrono::sys_days first{(month_of(unix_ns) + std::chrono::months{1}) / std::chrono::day{1}};
    end = __int128{first.time_since_epoch().count()} * length_ns(BudgetWindow::day);
  } else {
    end = (__int128{window_number(window, unix_ns)} + 1) * length_ns(window);
  }
  return detail::clamp_to_i64(end);
}

void validate(const AccountSettings& settings) {
  if (settings.limit >= NanoUsd{0} && settings.limit <= Budget::kLimitMax) return;
  throw std::invalid_argument("budget '" + settings.name + "': limit is " +
                              to_usd_text(settings.limit) + " USD, wanted 0 to " +
                              to_usd_text(Budget::kLimitMax) + " USD");
}

AccountIndex Budget::open_account(AccountSettings settings) {
  validate(settings);
  const auto known = std::find_if(accounts_.begin(), accounts_.end(), [&](const Account& account) {
    return account.settings.name == settings.name && account.settings.window == settings.window;
  });
  if (known == accounts_.end()) return add_account(std::move(settings));
  known->settings = std::move(settings);
  return static_cast<AccountIndex>(known - accounts_.begin());
}

AccountIndex Budget::add_account(AccountSettings settings) {
  validate(settings);
  accounts_.push_back({std::move(settings), {}, {}, false});
  return static_cast<AccountIndex>(accounts_.size() - 1);
}

int64_t Budget::number_in(const Account& account, int64_t unix_ns) {
  int64_t number = window_number(account.settings.window, unix_ns);
  return account.windows.empty() ? number : std::max(number, account.windows.back().number);
}

Budget::Window& Budget::open_window(Account& account, int64_t number) {
  if (account.windows.empty() || account.windows.back().number != number) {
    // Of a shared account the last one is kept: what was leased for it is still to be given back.
    const int64_t kept =
        account.shared && !account.windows.empty() ? account.windows.back().number : number;
    std::erase_if(account.windows,
                  [&](const Window& window) { return window.open == 0 && window.number != kept; });
    account.windows.push_back({number, {}, 0, {}});
  }
  return account.windows.back();
}

NanoUsd Budget::left(AccountIndex account, int64_t unix_ns) const {
  NanoUsd free = accounts_[account].settings.limit - committed(account, unix_ns);
  if (accounts_[account].shared) {
    const Totals here = totals(account, unix_ns);
    const Window* window = newest(account, unix_ns);
    const NanoUsd leased = window ? window->leased.amount : NanoUsd{0};
    free = std::min(free, leased - here.posted - here.overrun - here.held);
  }
  return std::max(free, NanoUsd{0});
}

NanoUsd Budget::room(const std::vector<AccountIndex>& accounts, int64_t unix_ns) const {
  NanoUsd least = NanoUsd::max();
  for (AccountIndex account : accounts) least = std::min(least, left(account, unix_ns));
  return least;
}

std::optional<HoldId> Budget::reserve(const std::vector<AccountIndex>& accounts, NanoUsd amount,
                                      Instant lease_until, int64_t unix_ns, Refusal* refusal) {
  for (AccountIndex account : accounts) {
    NanoUsd fits = left(account, unix_ns);
    if (amount <= fits) continue;
    if (refusal) *refusal = {account, fits};
    return std::nullopt;
  }
  if (amount.value < 0) {
    if (refusal) *refusal = {};
    return std::nullopt;
  }
  HoldId id = next_++;
  Hold& hold = holds_[id];
  hold.amount = amount;
  hold.charges.reserve(accounts.size());
  for (AccountIndex account : accounts) {
    bool charged = std::any_of(hold.charges.begin(), hold.charges.end(),
                               [&](const Charge& charge) { return charge.account == account; });
    if (charged) continue;
    Window& window = open_window(accounts_[account], number_in(accounts_[account], unix_ns));
    window.totals.held += amount;
    ++window.open;
    hold.charges.push_back({account, window.number});
  }
  if (lease_until != Instant::never()) hold.lease = leases_.add(lease_until, id);
  ++open_;
  return id;
}

bool Budget::settle(HoldId id, NanoUsd actual, const Usage& used) {
  actual = std::max(actual, NanoUsd{0});
  Hold* hold = find(id);
  if (!hold || hold->state == HoldState::voided) return false;
  if (hold->state == HoldState::posted) return hold->actual == actual;
  bool first = hold->state == HoldState::held;
  hold->adjusted = !first;
  resolve(*hold, HoldState::posted, actual, used);
  if (first) remember(id);
  return true;
}

bool Budget::release(HoldId id) {
  Hold* hold = find(id);
  if (!hold || hold->state != HoldState::held) return hold && hold->state == HoldState::voided;
  resolve(*hold, HoldState::voided, {0});
  remember(id);
  return true;
}

bool Budget::assume(HoldId id) {
  Hold* hold = find(id);
  if (!hold) return false;
  if (hold->state != HoldState::held) return hold->state == HoldState::assumed || hold->adjusted;
  resolve(*hold, HoldState::assumed, hold->amount);
  remember(id);
  return true;
}

int Budget::expire(Instant now) {
  int assumed = 0;
  HoldId id = 0;
  while (leases_.pop_due(now, id)) {
    holds_.at(id).lease = Deadlines<HoldId>::kNone;
    assume(id);
    ++assumed;
  }
  return assumed;
}

Instant Budget::wake_at() const {
  return leases_.next();
}

Budget::HoldState Budget::state(HoldId hold) const {
  auto found = holds_.find(hold);
  return found == holds_.end() ? HoldState::unknown : found->second.state;
}

NanoUsd Budget::amount(HoldId hold) const {
  auto found = holds_.find(hold);
  return found == holds_.end() ? NanoUsd{0} : found->second.amount;
}

const Budget::Window* Budget::newest(AccountIndex index, int64_t unix_ns) const {
  const Account& account = accounts_[index];
  const bool known =
      !account.windows.empty() && account.windows.back().number == number_in(account, unix_ns);
  return known ? &account.windows.back() : nullptr;
}

Budget::Totals Budget::totals(AccountIndex account, int64_t unix_ns) const {
  const Window* window = newest(account, unix_ns);
  return window ? window->totals : Totals{};
}

Budget::Totals Budget::totals_in(AccountIndex account, int64_t number) const {
  for (const Window& window : accounts_[account].windows)
    if (window.number == number) return window.totals;
  return {};
}

int64_t Budget::window_now(AccountIndex account, int64_t unix_ns) const {
  return number_in(accounts_[account], unix_ns);
}

void Budget::lease(AccountIndex index, int64_t number, const Leased& leased) {
  Account& account = accounts_[index];
  if (account.windows.empty() || account.windows.back().number < number)
    open_window(account, number);
  for (Window& window : account.windows)
    if (window.number == number) window.leased = leased;
}

NanoUsd Budget::committed(AccountIndex account, int64_t unix_ns) const {
  const Window* window = newest(account, unix_ns);
  if (!window) return {};
  const Totals& now = window->totals;
  return now.posted + now.overrun + now.held + window->leased.elsewhere;
}

NanoUsd Budget::spent(AccountIndex account, int64_t unix_ns) const {
  const Window* window = newest(account, unix_ns);
  if (!window) return {};
  return window->totals.posted + window->totals.overrun + window->leased.spent_elsewhere;
}

double Budget::spent_share(AccountIndex account, int64_t unix_ns) const {
  NanoUsd limit = accounts_[account].settings.limit;
  if (limit.value <= 0) return 1;
  return static_cast<double>(spent(account, unix_ns).value) / static_cast<double>(limit.value);
}

Budget::Hold* Budget::find(HoldId id) {
  auto found = holds_.find(id);
  return found == holds_.end() ? nullptr : &found->second;
}

namespace {

void add(int64_t& sum, int64_t more) {
  sum = detail::clamp_to_i64(__int128{sum} + std::max<int64_t>(more, 0));
}

void add(Usage& sum, const Usage& more) {
  add(sum.in, more.in);
  add(sum.cached, more.cached);
  add(sum.cache_write, more.cache_write);
  add(sum.out, more.out);
  add(sum.reasoning, more.reasoning);
}

}  // namespace

// Moves the hold's money from where it stands (held, or posted as assumed) to where it belongs, in
// the windows it was taken in. A window that is gone needs no correction any more.
void Budget::resolve(Hold& hold, HoldState state, NanoUsd actual, const Usage& used) {
  bool first = hold.state == HoldState::held;
  NanoUsd within = std::min(actual, hold.amount);
  for (const Charge& charge : hold.charges) {
    Lifetime& lifetime = accounts_[charge.account].lifetime;
    lifetime.posted += actual - (first ? NanoUsd{0} : hold.amount);
    if (first && state != HoldState::voided) ++lifetime.postings;
    std::vector<Window>& windows = accounts_[charge.account].windows;
    auto window = std::find_if(windows.begin(), windows.end(),
                               [&](const Window& w) { return w.number == charge.window; });
    if (window == windows.end()) continue;
    Totals& totals = window->totals;
    (first ? totals.held : totals.posted) -= hold.amount;
    if (!first) totals.assumed -= hold.amount;
    totals.posted += within;
    totals.overrun += actual - within;
    add(totals.used, used);
    if (state == HoldState::assumed) totals.assumed += within;
    if (first && --window->open == 0 && window + 1 != windows.end() &&
        !accounts_[charge.account].shared)
      windows.erase(window);
  }
  if (first) --open_;
  leases_.remove(hold.lease);
  hold.state = state;
  hold.actual = actual;
}

void Budget::remember(HoldId id) {
  resolved_.push_back(id);
  if (resolved_.size() <= kRemembered) return;
  holds_.erase(resolved_.front());
  resolved_.pop_front();
}

}  // namespace keel::engine
