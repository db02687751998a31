#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <charconv>

namespace keel::relay {

namespace {

constexpr std::string_view kTiersWanted =
    "shares in percent with a word each, such as {80: cheaper, 95: cache_only, 100: refuse}";

std::optional<int> percent_named(const Section::Entry& entry, const Value& tiers) {
  int percent = 0;
  const char* end = entry.name.data() + entry.name.size();
  const auto [rest, error] = std::from_chars(entry.name.data(), end, percent);
  if (error == std::errc() && rest == end && percent >= 1 && percent <= 100) return percent;
  tiers.reading().problem(entry.line, tiers.path(),
                          "found " + quoted(entry.name) +
                              " as a share of the budget, wanted a whole number of percent from 1 "
                              "to 100");
  return std::nullopt;
}

// Of `tiers`: each word once, at a higher share than the one before it.
void read_tiers(const Value& value, BudgetTiers& tiers) {
  if (!value.is_map()) return value.wanted(kTiersWanted);
  std::optional<int> refuse;
  Section section(value);
  for (const Section::Entry& entry : section.entries()) {
    const auto percent = percent_named(entry, value);
    const auto word = entry.value.choice({"cheaper", "cache_only", "refuse"});
    if (!percent || !word) continue;
    std::optional<int>& place = *word == 0 ? tiers.cheaper : *word == 1 ? tiers.cache_only : refuse;
    if (place) entry.value.problem("this word stands at " + std::to_string(*place) + " already");
    place = percent;
    if (*word == 2 && *percent != 100)
      entry.value.problem("found refuse at " + entry.name +
                          ", wanted it at 100: a budget that ends earlier is a smaller usd");
  }
  if (tiers.cheaper && tiers.cache_only && *tiers.cheaper > *tiers.cache_only)
    value.problem("found cache_only at " + std::to_string(*tiers.cache_only) + " and cheaper at " +
                  std::to_string(*tiers.cheaper) + ", wanted cheaper to come first");
}

// `mapping`: where a downgrade mapping may stand (the relay's budget), else null.
void read_budget(const Value& value, AccountConfig& account, std::vector<Mapping>* mapping) {
  engine::AccountSettings settings;
  settings.name = account.name;
  Section section(value);
  auto amount = mapping != nullptr ? section.get("usd") : section.require("usd", "US dollars");
  if (amount) {
    if (auto usd = amount->usd(kMostDollars)) settings.limit = *usd;
  }
  if (auto window = section.get("window")) {
    auto word = window->choice({"minute", "hour", "day", "month", "forever"});
    if (word) settings.window = static_cast<engine::BudgetWindow>(*word);
  }
  section.read("alert_percent", settings.alert_percent, 1, 100);
  if (mapping != nullptr) {
    if (auto downgrade = section.get("downgrade")) *mapping = read_mapping(*downgrade);
  }
  if (auto tiers = section.get("tiers")) {
    read_tiers(*tiers, account.tiers);
    if (!amount) tiers->problem("found tiers without usd, wanted the budget they are shares of");
  }
  section.finish();
  if (mapping != nullptr && !amount && mapping->empty()) {
    value.problem("found no usd and no downgrade, wanted one of them at least");
  }
  if (amount) account.budget = settings;
}

bool is_hex_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// A client's key as its digest: given as `sha256:<hex>`, or as the key itself.
std::optional<std::string> client_key(const Value& value) {
  auto secret = value.secret();
  if (!secret) return std::nullopt;
  std::string_view text = secret->reveal();
  if (!text.starts_with("sha256:")) return sha256_hex(text);
  std::string digest(text.substr(7));
  if (digest == "...") {
    value.reading().note(value.path() + ": a placeholder, no client's key is like it");
    return std::nullopt;
  }
  if (!is_hex_digest(digest)) {
    value.problem("found sha256: without 64 hex digits after it");
    return std::nullopt;
  }
  for (char& c : digest) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
  }
  return digest;
}

void read_client_keys(const Value& value, AccountConfig& account, const Config& config) {
  if (!value.is_list()) {
    value.problem("found no list, wanted a list of client keys such as [\"sha256:...\"]");
    return;
  }
  for (const Value& item : value.items()) {
    auto digest = client_key(item);
    if (!digest) continue;
    auto has = [&](const AccountConfig& other) {
      return std::find(other.client_keys.begin(), other.client_keys.end(), *digest) !=
             other.client_keys.end();
    };
    auto owner = std::find_if(config.accounts.begin(), config.accounts.end(), has);
    if (has(account) || owner != config.accounts.end()) {
      const std::string& name = has(account) ? account.name : owner->name;
      item.problem("this key is " + quoted(name) + "'s already, wanted each key once");
      continue;
    }
    account.client_keys.push_back(*digest);
  }
}

bool is_tenant_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

struct Parent {
  AccountIndex child;
  std::string name;
  Value where;
};

void resolve_parents(const std::vector<Parent>& parents, Config& config) {
  std::vector<std::string> names;
  for (const AccountConfig& account : config.accounts) names.push_back(account.name);
  for (const Parent& link : parents) {
    auto at = std::find(names.begin(), names.end(), link.name);
    if (at == names.end()) {
      std::vector<std::string> others = names;
      others.erase(others.begin() + link.child);
      link.where.problem("no tenant is named " + quoted(link.name) +
                         suggestion(link.name, others, "there are:"));
      continue;
    }
    config.accounts[link.child].parent = static_cast<AccountIndex>(at - names.begin());
  }
  for (const Parent& link : parents) {
    std::string chain = names[link.child];
    auto up = config.accounts[link.child].parent;
    for (size_t hops = 0; up && hops <= names.size(); ++hops) {
      chain += " -> " + names[*up];
      if (*up == link.child) {
        link.where.problem("the tenants go in a circle: " + chain);
        break;
      }
      up = config.accounts[*up].parent;
    }
  }
}

}  // namespace

void read_relay_budget(const Value& value, Config& config, std::vector<Mapping>& mapping) {
  Section section(value);
  if (auto relay = section.get("relay")) read_budget(*relay, config.accounts[0], &mapping);
  section.finish();
}

void read_tenants(Section& tenants, Config& config) {
  std::vector<Parent> parents;
  for (const Section::Entry& entry : tenants.entries()) {
    AccountConfig account;
    account.name = entry.name;
    account.parent = 0;
    if (!is_tenant_name(entry.name) || entry.name == "relay") {
      entry.value.reading().problem(entry.line, entry.value.path(),
                                    "found " + quoted(entry.name) +
                                        " as a tenant's name, wanted letters, digits, - _ . and "
                                        "not relay");
    }
    Section section(entry.value);
    if (auto keys = section.get("keys")) read_client_keys(*keys, account, config);
    if (auto limits = section.get("limits")) read_limits(*limits, account.limits);
    if (auto budget = section.get_unless_null("budget")) read_budget(*budget, account, nullptr);
    section.read("enabled", account.enabled);
    if (auto parent = section.get_unless_null("parent")) {
      if (auto name = parent->text()) {
        parents.push_back({static_cast<AccountIndex>(config.accounts.size()), *name, *parent});
      }
    }
    section.finish();
    config.accounts.push_back(std::move(account));
  }
  resolve_parents(parents, config);
}

}  // namespace keel::relay
