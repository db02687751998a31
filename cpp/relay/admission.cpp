#include "relay/admission.hpp"

#include "relay/answers.hpp"
#include "relay/engines.hpp"
#include "relay/flights.hpp"
#include "relay/survey.hpp"

#include <algorithm>

namespace keel::relay {

std::optional<Answer> find_accounts(Engines& engines, Call& call) {
  AccountIndex account = 0;
  if (!call.request.tenant.empty()) {
    auto found = engines.account_by_name.find(call.request.tenant);
    if (found == engines.account_by_name.end() || found->second == 0)
      return unknown_tenant(call.request.tenant);
    account = found->second;
  }
  for (;;) {
    const AccountConfig& config = engines.config->accounts[account];
    if (!config.enabled) return account_frozen(config.name);
    call.accounts.push_back(account);
    if (engines.accounts[account].ledger)
      call.budget_accounts.push_back(*engines.accounts[account].ledger);
    call.budgeted |= config.budget.has_value();
    if (account == 0) return std::nullopt;
    account = config.parent.value_or(0);
  }
}

namespace {

std::optional<uint32_t> named_candidate(const Engines& engines, RouteIndex route,
                                        std::string_view asked) {
  const auto& targets = engines.config->routes[route].targets;
  for (uint32_t i = 0; i < targets.size(); ++i) {
    if (targets[i].downgrade_only) continue;
    if (engines.config->targets[targets[i].target].name == asked ||
        engines.model_of(targets[i].target).name == asked)
      return i;
  }
  return std::nullopt;
}

std::optional<RouteIndex> route_named(const Engines& engines, const std::string& name) {
  auto found = engines.route_by_name.find(name);
  if (found != engines.route_by_name.end()) return found->second;
  return engines.config->default_route;
}

void go_to_route(Engines& engines, Call& call, RouteIndex route, std::string_view asked) {
  const RouteConfig& config = engines.config->routes[route];
  const RouteIndex from = call.route;
  call.route = route;
  call.trace->route = config.name;
  std::vector<CandidateState> candidates(config.targets.size());
  for (uint32_t i = 0; i < call.candidates.size(); ++i)  // what is known of a target stays known
    for (uint32_t j = 0; j < candidates.size(); ++j)
      if (engines.config->routes[from].targets[i].target == config.targets[j].target)
        candidates[j] = call.candidates[i];
  call.candidates = std::move(candidates);
  call.requested = named_candidate(engines, route, asked);
  call.pinned.reset();
  call.previous.reset();
}

}  // namespace

std::optional<Answer> find_route(Engines& engines, Call& call) {
  const wire::Facts& facts = call.request.facts;
  auto route = route_named(engines, facts.model);
  if (!route) return unknown_model(engines, facts.model);
  for (auto name = facts.fallbacks.rbegin(); name != facts.fallbacks.rend(); ++name) {
    auto other = route_named(engines, *name);
    if (!other) return unknown_model(engines, *name);
    call.other_routes.push_back({*other, *name});
  }
  go_to_route(engines, call, *route, facts.model);
  return std::nullopt;
}

Next go_to_other_route(Engines& engines, Call& call, Instant now) {
  leave_flight(engines, call, now);
  if (call.other_routes.empty()) {
    const RouteConfig& here = engines.config->routes[call.route];
    go_to_route(engines, call, here.exhausted_route, call.request.facts.model);
  } else {
    const Call::OtherRoute next = std::move(call.other_routes.back());
    call.other_routes.pop_back();
    go_to_route(engines, call, next.route, next.asked);
  }
  call.trace->say(Stage::retry, "on to route " + call.trace->route, now);
  return Next::choose;
}

int64_t tokens_to_admit(const Engines& engines, const Call& call, Instant now) {
  const uint32_t first = call.requested.value_or(0);
  return call.request.facts.input_tokens_estimate +
         expected_output_tokens(engines, call, first, now);
}

int64_t tokens_spent(const Call& call) {
  int64_t total = 0;
  for (const AttemptRecord& record : call.trace->attempts) {
    if (record.usage)
      total += record.usage->in + record.usage->out;
    else if (record.billed != Billed::no)
      total += call.tokens_admitted;
  }
  return total;
}

bool keeps_its_request(const Call& call) {
  return call.sends > 0 || call.from_cache;
}

}  // namespace keel::relay
