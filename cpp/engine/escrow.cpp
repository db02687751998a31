#include "engine/escrow.hpp"

#include <algorithm>

namespace keel::engine {

void Escrow::open_account(AccountSettings settings) {
  validate(settings);
  if (Account* known = find(settings.name))
    known->settings = std::move(settings);
  else
    accounts_.push_back({std::move(settings), {}});
}

Escrow::Account* Escrow::find(std::string_view name) {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&](const Account& a) { return a.settings.name == name; });
  return found == accounts_.end() ? nullptr : &*found;
}

Escrow::Window* Escrow::window_of(Account& account, int64_t number) {
  for (Window& window : account.windows)
    if (window.number == number) return &window;
  return nullptr;
}

void Escrow::turn_to(Account& account, int64_t number) {
  if (!account.windows.empty() && account.windows.back().number >= number) return;
  account.windows.push_back({number, {}, {}, {}, {}});
  if (account.windows.size() > 2) account.windows.pop_front();
}

std::optional<LeaseGrant> Escrow::handle(const LeaseAsk& ask, int64_t unix_ns, Instant now) {
  Account* account = find(ask.account);
  if (!account || ask.holder == 0) return std::nullopt;
  turn_to(*account, window_number(account->settings.window, unix_ns));
  LeaseGrant out{ask.holder, ask.account, ask.window, ask.number, epoch_,
                 false,      {},          {},         {},         lease_};
  Window* window = window_of(*account, ask.window);
  if (!window) return out;  // too early, or nobody asks about it any more

  Lease& lease = window->leases[ask.holder];
  const Lease before = lease;
  lease.granted = std::max(lease.granted, ask.granted);  // more than we know: our books were lost
  lease.returned = std::max(lease.returned, std::min(ask.returned, lease.granted));
  lease.spent = std::max(lease.spent, ask.spent);
  lease.until = std::max(lease.until, now + lease_);
  lease.assumed = false;
  window->taken += lease.taken() - before.taken();
  window->spent += lease.spent - before.spent;

  out.open = open_ && window == &account->windows.back();
  if (out.open) {
    const NanoUsd free = std::max(account->settings.limit - window->taken, NanoUsd{0});
    const NanoUsd taken = lease.taken();
    lease.granted += std::clamp(ask.wanted - lease.granted, NanoUsd{0}, free);
    window->taken += lease.taken() - taken;
    out.left = std::max(account->settings.limit - window->taken, NanoUsd{0});
  }
  window->out += lease.has() - before.has();
  out.granted = lease.granted;
  out.spent_elsewhere = window->spent - lease.spent;
  return out;
}

int Escrow::expire(Instant now) {
  int assumed = 0;
  for (Account& account : accounts_)
    for (Window& window : account.windows)
      for (auto& [holder, lease] : window.leases) {
        if (lease.assumed || lease.until > now || lease.taken() <= lease.spent) continue;
        lease.assumed = true;
        ++assumed;
      }
  return assumed;
}

Escrow::Totals Escrow::totals(std::string_view name, int64_t number) const {
  Totals out;
  for (const Account& account : accounts_) {
    if (account.settings.name != name) continue;
    for (const Window& window : account.windows) {
      if (window.number != number) continue;
      out.out = window.out;
      out.taken = window.taken;
      out.spent = window.spent;
      out.holders = static_cast<int>(window.leases.size());
      for (const auto& [holder, lease] : window.leases)
        if (lease.assumed) out.assumed += lease.taken() - lease.spent;
    }
  }
  return out;
}

}  // namespace keel::engine
