#pragma once
// What the mock was told to do: a default behaviour, rules that lay another one over it for some
// requests or for a while, and a price list.

#include "mock/behaviour.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace keel::mock {

enum class Endpoint : uint8_t { chat, embeddings, models, health, control, unknown };

// USD per million tokens, held as nano-USD per million.
struct ListPrice {
  int64_t in = 0;
  int64_t out = 0;
};

struct Rule {
  double at_s = 0;    // since the script's start
  double for_s = -1;  // -1: for good
  std::string model;  // exact, or a prefix with `*` behind it; empty: any
  std::string key;    // the key itself or its label; empty: any
  std::string on;     // chat, embeddings, models or health; empty: any
  uint64_t chance = 1, of = 1;
  nlohmann::json patch;
  std::optional<Outage> outage;  // of the patch

  bool active(double t_s) const { return t_s >= at_s && (for_s < 0 || t_s < at_s + for_s); }
};

// A request as far as rules look at it.
struct Asked {
  std::string_view model;
  std::string_view key;
  std::string_view key_label;
  Endpoint on = Endpoint::unknown;
};

enum class StartsAt : uint8_t { process, first_request, manual };

struct Script {
  uint64_t seed = 1;
  StartsAt start = StartsAt::process;
  int64_t records = 1000;                                // request records kept
  std::map<std::string, ListPrice, std::less<>> prices;  // by model; "*" for all others
  std::vector<std::string> models;
  nlohmann::json base = nlohmann::json::object();
  Behaviour base_behaviour;
  std::vector<Rule> rules;

  ListPrice price_of(std::string_view model) const;
  bool may_refuse() const;  // some rule, or the default, refuses connections
  bool applies(const Rule& rule, const Asked& asked, double t_s) const;
};

std::string_view name_of(Endpoint endpoint);

// YAML or JSON. Error code `bad_script` or `bad_yaml`; `where` is a path or a line.
Result<Script> parse_script(std::string_view text);

}  // namespace keel::mock
