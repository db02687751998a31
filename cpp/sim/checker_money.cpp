// What the checker asks of money when something is sent: that nobody stands in who costs more, and
// that an account which gives stored answers only sends nothing (SEMANTICS A8).

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

namespace keel::sim {

// Whatever the answer's length: the input costs more and the output no less.
void Checker::check_downgrade(const relay::Send& send, const relay::Call& call, Instant now) {
  if (!call.attempt || !call.attempt->instead_of) return;
  const auto& targets = config_->routes[call.route].targets;
  const auto price_of = [&](TargetIndex i) {
    const relay::TargetConfig& target = config_->targets[i];
    return config_->providers[target.provider].models[target.model].price;
  };
  const auto asked = price_of(targets[*call.attempt->instead_of].target);
  const auto sent = price_of(send.target);
  if (!asked || !sent) return;
  const int64_t in = call.request.facts.input_tokens_estimate;
  const bool dearer =
      sent->out >= asked->out && cost_of({.in = in}, *sent) > cost_of({.in = in}, *asked);
  check(
      !dearer, "A8", [&] { return "a downgrade that raises the price; " + story_of(send.call); },
      now);
}

void Checker::check_tiers(const relay::Call& call, Instant now) {
  const auto& engines = simulator_->relay().engines();
  for (const AccountIndex account : call.accounts) {
    const relay::AccountConfig& config = config_->accounts[account];
    if (!config.budget || !config.tiers.cache_only) continue;
    const auto totals =
        engines.budget->totals(*engines.accounts[account].ledger, engines.unix_ns(now));
    const NanoUsd own = call.attempt ? call.attempt->held : NanoUsd{0};
    const NanoUsd before = totals.posted + totals.overrun + totals.held - own;
    check(
        __int128{before.value} * 100 <
            __int128{config.budget->limit.value} * *config.tiers.cache_only,
        "A8",
        [&] { return config.name + " gives stored answers only; " + story_of(call.request.call); },
        now);
  }
}

}  // namespace keel::sim
