// What the relay of a new configuration has from the one before it. Money, limits, counters and
// traces are shared, because calls are still open there: what they settle must be seen here. What
// was learned of targets and keys is copied: it is learned again where it changes.

#include "relay/health_checks.hpp"
#include "relay/leasing.hpp"
#include "relay/relay.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace keel::relay {

namespace {

// The index in `list` of what `is` holds for.
template <typename List, typename Test>
std::optional<uint32_t> place_of(const List& list, Test is) {
  const auto found = std::find_if(list.begin(), list.end(), is);
  if (found == list.end()) return std::nullopt;
  return static_cast<uint32_t>(found - list.begin());
}

template <typename List>
std::optional<uint32_t> named(const List& list, std::string_view name) {
  return place_of(list, [&](const auto& entry) { return entry.name == name; });
}

// The same name at another address is somebody else.
bool same_house(const ProviderConfig& a, const ProviderConfig& b) {
  return a.name == b.name && a.base_url == b.base_url && a.dialect == b.dialect;
}

// Their keys, models and limits in the terms of the provider now.
void take_over_provider(Engines& now_in_force, Engines& before, ProviderIndex index,
                        ProviderIndex was, Instant now) {
  const ProviderConfig& config = now_in_force.config->providers[index];
  const ProviderConfig& old = before.config->providers[was];
  ProviderEngines& provider = now_in_force.providers[index];
  provider.limits.take_over(before.providers[was].limits, now);
  std::vector<std::optional<KeyIndex>> keys;
  for (const KeyConfig& key : config.keys)
    keys.push_back(place_of(old.keys, [&](const KeyConfig& k) { return k.label == key.label; }));
  if (config.keys.empty() && old.keys.empty()) keys.push_back(0);  // the nameless one
  std::vector<std::optional<uint32_t>> models;
  for (const ModelConfig& model : config.models) models.push_back(named(old.models, model.name));
  provider.keys.take_over(before.providers[was].keys, keys, models, now);
  provider.bad_probes = before.providers[was].bad_probes;
  arm_revival(now_in_force, index);
}

void take_over_target(Engines& now_in_force, const Engines& before, TargetIndex index,
                      TargetIndex was, Instant now) {
  TargetEngines& target = now_in_force.targets[index];
  target.breaker.take_over(before.targets[was].breaker);
  target.health = before.targets[was].health;
  target.overrun = before.targets[was].overrun;
  target.pool = before.targets[was].pool;
  target.told = target.breaker.state();
  Actions nothing_new;
  breaker_moved(now_in_force, index, nothing_new, now);
}

void take_over_route(Engines& now_in_force, const Engines& before, RouteIndex index,
                     RouteIndex was) {
  const auto& targets = now_in_force.config->routes[index].targets;
  const auto& old = before.config->routes[was].targets;
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::string& name = now_in_force.config->targets[targets[i].target].name;
    const auto place = place_of(old, [&](const RouteTarget& entry) {
      return before.config->targets[entry.target].name == name;
    });
    if (place)
      now_in_force.routes[index].output_tokens[i] = before.routes[was].output_tokens[*place];
  }
}

// What is leased goes along with the ledger, under the name it was leased by.
void take_over_leases(Engines& now_in_force, const Engines& before) {
  if (before.leases.empty()) return;
  hold_leases(now_in_force, before.leases.front()->holder());
  for (auto& holder : now_in_force.leases)
    for (const auto& old : before.leases)
      if (old->account() == holder->account()) holder = old;
}

// Money by name and window: a budget over another kind of window is another budget.
void take_over_accounts(Engines& now_in_force, Engines& before, Instant now) {
  std::vector<engine::AccountSettings> settings;
  for (const AccountEngines& account : now_in_force.accounts)
    settings.push_back(account.ledger ? now_in_force.budget->settings(*account.ledger)
                                      : engine::AccountSettings{});
  now_in_force.budget = before.budget;
  for (AccountIndex i = 0; i < now_in_force.accounts.size(); ++i) {
    AccountEngines& account = now_in_force.accounts[i];
    if (account.ledger) account.ledger = now_in_force.budget->open_account(settings[i]);
    const AccountConfig& config = now_in_force.config->accounts[i];
    if (config.budget) now_in_force.budget->share(*account.ledger, config.shared);
    const auto was = named(before.config->accounts, now_in_force.config->accounts[i].name);
    if (!was) continue;
    const AccountEngines& old = before.accounts[*was];
    account.limits.take_over(old.limits, now);
    if (account.ledger != old.ledger) continue;
    account.alerted_window = old.alerted_window;
    account.exhausted_window = old.exhausted_window;
    account.cache_only_window = old.cache_only_window;
    account.downgrading = old.downgrading;
  }
  arm_ledger(now_in_force);
  take_over_leases(now_in_force, before);
}

bool same_targets(const Config& a, const Config& b) {
  return std::equal(a.targets.begin(), a.targets.end(), b.targets.begin(), b.targets.end(),
                    [&](const TargetConfig& x, const TargetConfig& y) {
                      return x.name == y.name &&
                             same_house(a.providers[x.provider], b.providers[y.provider]);
                    });
}

// Stored replies know their target by its number, so they go along only where all are the same.
void take_over_cache(Engines& now_in_force, Engines& before) {
  const engine::CacheSettings& a = now_in_force.config->cache;
  const engine::CacheSettings& b = before.config->cache;
  if (a.max_bytes != b.max_bytes || a.max_entry_bytes != b.max_entry_bytes) return;
  if (!same_targets(*now_in_force.config, *before.config)) return;
  std::swap(now_in_force.cache, before.cache);
}

// The one before finishes its calls. It tells nothing more of what both can see, asks for no
// health any more, and stores nothing for others.
void retire(Engines& before) {
  before.succeeded = true;
  for (ProviderEngines& provider : before.providers) before.due.remove(provider.check_timer);
}

}  // namespace

void Relay::take_over(Relay& old, Instant now) {
  now_ = std::max(now_, now);
  Engines& before = old.engines_;
  const Config& config = *engines_.config;
  const Config& was = *before.config;
  engines_.wall_offset_ns = before.wall_offset_ns;
  engines_.metrics.join(before.metrics, config);
  if (config.traces_kept == was.traces_kept) engines_.traces = before.traces;
  take_over_accounts(engines_, before, now_);
  for (ProviderIndex i = 0; i < config.providers.size(); ++i) {
    const auto place = place_of(
        was.providers, [&](const ProviderConfig& p) { return same_house(config.providers[i], p); });
    if (place) take_over_provider(engines_, before, i, *place, now_);
  }
  for (TargetIndex i = 0; i < config.targets.size(); ++i) {
    const auto place = named(was.targets, config.targets[i].name);
    if (place && same_house(config.providers[config.targets[i].provider],
                            was.providers[was.targets[*place].provider]))
      take_over_target(engines_, before, i, *place, now_);
  }
  for (RouteIndex i = 0; i < config.routes.size(); ++i)
    if (const auto place = named(was.routes, config.routes[i].name))
      take_over_route(engines_, before, i, *place);
  take_over_cache(engines_, before);
  retire(before);
}

}  // namespace keel::relay
