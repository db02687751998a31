#include "relay/counters.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

template <typename List, typename Test, typename Make>
Counters::Place place_in(List& list, Test test, Make make) {
  auto found = std::find_if(list.begin(), list.end(), test);
  const auto place = static_cast<Counters::Place>(found - list.begin());
  if (found == list.end()) list.push_back(make());
  return place;
}

Labels labels_of(const Counters::Target& target) {
  return {{"provider", target.provider}, {"model", target.model}};
}

}  // namespace

Counters::Place Counters::route(std::string_view name) {
  return place_in(
      routes, [&](const Route& r) { return r.name == name; },
      [&] { return Route{std::string(name), {}, 0, Histogram(), Histogram(), {}}; });
}

Counters::Place Counters::target(std::string_view provider, std::string_view model) {
  return place_in(
      targets, [&](const Target& t) { return t.provider == provider && t.model == model; },
      [&] {
        return Target{std::string(provider), std::string(model), {}, Histogram()};
      });
}

Counters::Place Counters::account(std::string_view name) {
  return place_in(
      accounts, [&](const Account& a) { return a.name == name; },
      [&] { return Account{std::string(name)}; });
}

Counters::Place Counters::policy(std::string_view id) {
  return place_in(
      policies, [&](const Policy& p) { return p.id == id; },
      [&] { return Policy{std::string(id)}; });
}

void Counters::render_requests(Exposition& out) const {
  out.family("keel_requests_total", "counter",
             "Requests answered, by route (empty: refused before one was found) and outcome.");
  for (const Route& route : routes)
    for (size_t i = 0; i < kOutcomes.size(); ++i)
      out.sample({{"route", route.name}, {"outcome", kOutcomes[i]}}, route.outcomes[i]);
  out.family("keel_downgrades_total", "counter",
             "Requests answered by a model that stood in for the one they were meant for.");
  for (const Route& route : routes) out.sample({{"route", route.name}}, route.downgrades);
  out.family("keel_request_duration_seconds", "histogram",
             "From a request's arrival to the end of its answer.");
  for (const Route& route : routes) route.duration.render(out, {{"route", route.name}});
  out.family("keel_time_to_first_token_seconds", "histogram",
             "Of streams: from a request's arrival to the first content given to the client.");
  for (const Route& route : routes) route.first_token.render(out, {{"route", route.name}});
  out.family("keel_overhead_seconds", "histogram",
             "What a request spent in our own hands: before its first attempt and after its last.");
  overhead.render(out, {});
}

void Counters::render_attempts(Exposition& out) const {
  out.family("keel_attempts_total", "counter", "Attempts ended, by target and what came of them.");
  for (const Target& target : targets) {
    Labels labels = labels_of(target);
    labels.emplace_back("verdict", "");
    for (int c = 0; c < kClassCount; ++c) {
      labels.back().second = name_of(static_cast<Class>(c));
      out.sample(labels, target.verdicts[static_cast<size_t>(c)]);
    }
  }
  out.family("keel_attempt_duration_seconds", "histogram", "From an attempt's start to its end.");
  for (const Target& target : targets) target.duration.render(out, labels_of(target));
}

void Counters::render_moves(Exposition& out) const {
  out.family("keel_retries_total", "counter",
             "Attempts at a target that the request tried before.");
  for (const Target& target : targets) out.sample(labels_of(target), target.retries);
  out.family("keel_failovers_total", "counter", "Attempts that went on from another target.");
  for (const auto& [pair, count] : failovers) {
    const std::string from = targets[pair.first].name(), to = targets[pair.second].name();
    out.sample({{"from", from}, {"to", to}}, count);
  }
  out.family(
      "keel_hedges_total", "counter",
      "Attempts beside one that was late, on routes that have them: all, and those that were "
      "further than the late one.");
  for (const Route& route : routes)
    for (size_t i = 0; route.hedging && i < kHedgeResults.size(); ++i)
      out.sample({{"route", route.name}, {"result", kHedgeResults[i]}}, route.hedges[i]);
  out.family("keel_breaker_transitions_total", "counter", "Changes of a target's breaker state.");
  for (const Target& target : targets) out.sample(labels_of(target), target.transitions);
}

void Counters::render_totals(Exposition& out) const {
  out.family("keel_tokens_total", "counter", "Tokens as the providers counted them.");
  out.sample({{"direction", "in"}}, tokens_in);
  out.sample({{"direction", "out"}}, tokens_out);
  out.family("keel_cost_usd_total", "counter", "Money posted, in US dollars.");
  out.sample({}, to_usd_text(cost));
  out.family("keel_cache_requests_total", "counter",
             "Look-ups in the exact cache, on routes that have one.");
  for (size_t i = 0; caches && i < kCacheResults.size(); ++i)
    out.sample({{"result", kCacheResults[i]}}, cache[i]);
  out.family("keel_cache_refreshes_total", "counter",
             "Requests of the relay's own for a fresh answer, on routes that give stale ones "
             "meanwhile.");
  for (size_t i = 0; refreshing && i < kRefreshResults.size(); ++i)
    out.sample({{"result", kRefreshResults[i]}}, refreshes[i]);
  out.family("keel_rate_limited_total", "counter",
             "Requests refused by an account's limit (the relay's own account or a tenant's).");
  for (const Account& account : accounts)
    if (account.limited) out.sample({{"account", account.name}}, account.rate_limited);
  out.family("keel_policy_errors_total", "counter",
             "Answers of a policy that could not be used, so that the default was.");
  for (const auto& [policy, count] : policy_errors) out.sample({{"policy", policy}}, count);
  out.family("keel_policy_decision_seconds", "histogram",
             "What a policy took for one answer: an order, a price, advice, a lifetime.");
  for (const Policy& policy : policies) policy.decision.render(out, {{"policy", policy.id}});
  out.family("keel_invariant_violations_total", "counter",
             "What must never happen: 0, or Keel itself is wrong.");
  for (size_t i = 0; i < violations.size(); ++i)
    out.sample({{"invariant", kInvariantNames[i]}}, violations[i]);
}

void Counters::render(Exposition& out) const {
  render_requests(out);
  render_attempts(out);
  render_moves(out);
  render_totals(out);
}

}  // namespace keel::relay
