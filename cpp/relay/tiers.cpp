#include "relay/tiers.hpp"

#include "relay/engines.hpp"

namespace keel::relay {

std::string_view name_of(Tier tier) {
  switch (tier) {
    case Tier::open:
      return "open";
    case Tier::cheaper:
      return "cheaper";
    case Tier::cache_only:
      return "cache_only";
    case Tier::refuse:
      return "refuse";
  }
  return "unknown";
}

int percent_of(const AccountConfig& account, Tier tier) {
  if (!account.budget) return 0;
  switch (tier) {
    case Tier::cheaper:
      return account.tiers.cheaper.value_or(account.budget->alert_percent);
    case Tier::cache_only:
      return account.tiers.cache_only.value_or(0);
    case Tier::refuse:
      return 100;
    default:
      return 0;
  }
}

Tier tier_of(const Engines& engines, AccountIndex index, int64_t unix_ns, NanoUsd own) {
  const AccountConfig& account = engines.config->accounts[index];
  if (!account.budget) return Tier::open;
  const NanoUsd committed =
      engines.budget->committed(*engines.accounts[index].ledger, unix_ns) - own;
  for (const Tier tier : {Tier::refuse, Tier::cache_only, Tier::cheaper}) {
    const int percent = percent_of(account, tier);
    if (percent > 0 &&
        __int128{committed.value} * 100 >= __int128{account.budget->limit.value} * percent)
      return tier;
  }
  return Tier::open;
}

}  // namespace keel::relay
