#include "relay/leasing.hpp"

#include "relay/engines.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

engine::LeaseHolder* holder_of(const Engines& engines, AccountIndex ledger) {
  for (const auto& holder : engines.leases)
    if (holder->account() == ledger) return holder.get();
  return nullptr;
}

}  // namespace

void hold_leases(Engines& engines, engine::HolderId holder) {
  engines.leases.clear();
  for (AccountIndex i = 0; i < engines.accounts.size(); ++i)
    if (engines.config->accounts[i].shared && engines.config->accounts[i].budget)
      engines.leases.push_back(std::make_shared<engine::LeaseHolder>(
          *engines.budget, *engines.accounts[i].ledger, holder));
}

void tend_leases(Engines& engines, Actions& actions, Instant now) {
  Instant next = Instant::never();
  for (const auto& holder : engines.leases) {
    if (auto ask = holder->ask(*engines.budget, engines.unix_ns(now), now))
      actions.push_back(Lease{std::move(*ask)});
    next = std::min(next, holder->wake_at());
  }
  engines.due.remove(engines.lease_timer);
  if (next != Instant::never()) engines.lease_timer = engines.due.add(next, {Due::Kind::leases, 0});
}

void take_lease(Engines& engines, const engine::LeaseGrant& grant, Instant now) {
  for (const auto& holder : engines.leases)
    if (engines.budget->settings(holder->account()).name == grant.account)
      holder->granted(grant, *engines.budget, now);
  for (const auto& holder : engines.leases) holder->forget_needs();
  for (const CallId call : engines.await_leases) engines.due.add(now, {Due::Kind::lease, call});
  engines.await_leases.clear();
}

bool may_be_leased(Engines& engines, const Call& call, NanoUsd amount, Instant now) {
  if (engines.leases.empty() || call.lease_by.value_or(Instant::never()) <= now) return false;
  const int64_t unix_ns = engines.unix_ns(now);
  std::vector<engine::LeaseHolder*> short_of;
  for (const AccountIndex ledger : call.budget_accounts) {
    if (engines.budget->room({ledger}, unix_ns) >= amount) continue;
    engine::LeaseHolder* holder = holder_of(engines, ledger);
    if (!holder) return false;
    short_of.push_back(holder);
  }
  bool may = !short_of.empty();
  for (engine::LeaseHolder* holder : short_of) may = holder->need(amount, now) && may;
  return may;
}

void note_hold(Engines& engines, const Call& call, NanoUsd amount, Instant now) {
  if (engines.leases.empty()) return;
  for (const AccountIndex ledger : call.budget_accounts)
    if (engine::LeaseHolder* holder = holder_of(engines, ledger)) holder->note(amount, now);
}

// ---- a call's part ------------------------------------------------------------------------------

Next Life::await_lease(Call& call) {
  if (!call.lease_by) call.lease_by = now_ + kLeaseWait;
  call.awaits_lease = true;
  engines_.await_leases.push_back(call.request.call);
  call.trace->say(Stage::choose, "what is leased of a shared budget is used up; wait for more",
                  now_);
  return wait(call, remaining(*call.lease_by, now_), call.pinned);
}

void Life::lease_moved(Call& call) {
  if (!call.awaits_lease) return;
  call.awaits_lease = false;
  engines_.due.remove(call.wait_timer);
  run(call, Next::choose);
}

}  // namespace keel::relay
