#pragma once
// The counted series behind a relay's metrics, by name. Relays that follow each other in one
// process (a reload of the configuration) count into the same ones, so no counter goes back; a
// route or target that left the configuration keeps its series. Every name comes from a
// configuration, so their number is bounded.

#include "base/money.hpp"
#include "base/vocabulary.hpp"
#include "relay/histogram.hpp"
#include "relay/invariants.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::relay {

struct Counters {
  // A series that may count is shown from the start at 0: a rate misses the first event otherwise.
  static constexpr std::array<std::string_view, 10> kOutcomes = {
      "ok",        "cached",   "rejected",       "rate_limited", "budget",
      "no_target", "deadline", "upstream_error", "cut",          "cancelled"};
  static constexpr std::array<std::string_view, 5> kCacheResults = {"hit", "miss", "bypass",
                                                                    "joined", "stale"};
  static constexpr std::array<std::string_view, 2> kRefreshResults = {"ok", "failed"};

  static constexpr std::array<std::string_view, 2> kHedgeResults = {"sent", "won"};

  struct Route {
    std::string name;  // empty: refused before a route was found
    std::array<uint64_t, kOutcomes.size()> outcomes{};
    uint64_t downgrades = 0;  // answered by a stand-in
    Histogram duration;
    Histogram first_token;
    std::array<uint64_t, kHedgeResults.size()> hedges{};
    bool hedging = false;  // has, or had, hedges
  };
  struct Target {
    std::string provider;
    std::string model;
    std::array<uint64_t, kClassCount> verdicts{};
    Histogram duration;
    uint64_t retries = 0;
    uint64_t transitions = 0;

    std::string name() const { return provider + '/' + model; }
  };
  struct Account {
    std::string name;
    bool limited = false;  // has, or had, a limit that could refuse
    uint64_t rate_limited = 0;
  };
  struct Policy {
    std::string id;
    Histogram decision{kDecisionEdges_s};
  };
  using Place = uint32_t;  // in one of the lists below; never moves

  std::vector<Route> routes;
  std::vector<Target> targets;
  std::vector<Account> accounts;
  std::vector<Policy> policies;                           // those whose decisions are timed
  std::map<std::pair<Place, Place>, uint64_t> failovers;  // between targets
  std::array<uint64_t, kCacheResults.size()> cache{};
  bool caches = false;  // some route has, or had, a cache
  std::array<uint64_t, kRefreshResults.size()> refreshes{};
  bool refreshing = false;  // some route gives, or gave, stale answers while it asks anew
  std::map<std::string, uint64_t, std::less<>> policy_errors;
  std::array<uint64_t, kInvariantNames.size()> violations{};
  Histogram overhead{kOverheadEdges_s};
  uint64_t postings = 0;
  NanoUsd cost;
  int64_t tokens_in = 0;
  int64_t tokens_out = 0;

  // The place of that name, made if it is new.
  Place route(std::string_view name);
  Place target(std::string_view provider, std::string_view model);
  Place account(std::string_view name);
  Place policy(std::string_view id);

  void render(Exposition& out) const;

 private:
  void render_requests(Exposition& out) const;
  void render_attempts(Exposition& out) const;
  void render_moves(Exposition& out) const;
  void render_totals(Exposition& out) const;
};

}  // namespace keel::relay
