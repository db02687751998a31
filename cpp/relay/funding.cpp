#include "relay/funding.hpp"

#include "relay/engines.hpp"
#include "relay/leasing.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

struct Purse {
  Engines& engines;
  const Call& call;
  const Survey& survey;
  NanoUsd room;

  bool fits(uint32_t candidate) const {
    return survey.candidates[candidate].worst_case.value_or(NanoUsd{0}) <= room;
  }
  // The most output tokens per choice whose worst case fits; the policy prices, so it is searched
  // for.
  int64_t output_that_fits(uint32_t candidate) const {
    const Candidate& c = survey.candidates[candidate];
    const int64_t choices = std::max<int64_t>(call.request.facts.choices, 1);
    const int64_t in = input_bound(engines, call, c.target);
    int64_t low = -1, high = c.output_bound / choices;
    while (low < high) {
      int64_t middle = low + (high - low + 1) / 2;
      auto cost = price(engines, call, survey.request, candidate,
                        {.in = in, .out = middle * choices}, KEEL_USAGE_WORST_CASE);
      if (cost && *cost <= room)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

double share_of(NanoUsd limit, NanoUsd amount) {
  if (limit.value <= 0) return 1;
  return static_cast<double>(amount.value) / static_cast<double>(limit.value);
}

keel_budget tightest_budget(const Engines& engines, const Call& call, Instant now) {
  keel_budget out{};
  out.struct_size = sizeof out;
  const int64_t unix_ns = engines.unix_ns(now);
  for (AccountIndex account : call.accounts) {
    const AccountConfig& config = engines.config->accounts[account];
    if (!config.budget) continue;
    const NanoUsd committed = engines.budget->committed(*engines.accounts[account].ledger, unix_ns);
    const double share = share_of(config.budget->limit, committed);
    out.alert_passed |= tier_of(engines, account, unix_ns) >= Tier::cheaper ? 1u : 0u;
    if (out.applies && share <= out.spent_share) continue;
    out.applies = 1;
    out.spent_share = share;
    out.alert_share = percent_of(config, Tier::cheaper) / 100.0;
    out.left_nano_usd = (config.budget->limit - committed).value;
  }
  return out;
}

// The first account of the chain that gives stored answers only.
std::optional<AccountIndex> only_stored_answers(const Engines& engines, const Call& call,
                                                int64_t unix_ns) {
  for (AccountIndex account : call.accounts)
    if (percent_of(engines.config->accounts[account], Tier::cache_only) > 0 &&
        tier_of(engines, account, unix_ns) >= Tier::cache_only)
      return account;
  return std::nullopt;
}

bool dearer(const Survey& survey, uint32_t candidate, uint32_t preferred) {
  const auto& cost = survey.candidates[candidate].estimated;
  const auto& ceiling = survey.candidates[preferred].estimated;
  return cost && ceiling && *cost > *ceiling;
}

// What the cost policy would rather send it to, as route indices; none dearer than the preferred.
std::vector<uint32_t> advised(Engines& engines, const Call& call, const Survey& survey,
                              uint32_t preferred, Funding& funding, Actions& actions, Instant now) {
  RouteEngines& route = engines.routes[call.route];
  std::vector<uint32_t> out;
  if (!route.policies.cost) return out;
  std::vector<uint32_t> shown;
  std::vector<keel_candidate> described;
  uint32_t preferred_shown = 0;
  for (const Candidate& c : survey.candidates) {
    if (!c.eligible() || (call.request.no_downgrade && c.index != preferred)) continue;
    if (c.index == preferred) preferred_shown = static_cast<uint32_t>(shown.size());
    shown.push_back(c.index);
    described.push_back(survey.described[c.index]);
  }
  keel_request request = survey.request;
  request.requested_candidate =
      call.requested == preferred ? static_cast<int32_t>(preferred_shown) : -1;
  keel_candidates list{sizeof(keel_candidates), static_cast<uint32_t>(described.size()),
                       sizeof(keel_candidate), described.data()};
  std::vector<uint32_t> answer;
  policy::Decision decision = route.policies.cost->advise(
      request, preferred_shown, list, tightest_budget(engines, call, now), answer);
  if (decision.answered == policy::Answered::refuse) funding.refused = decision.text;
  if (decision.answered == policy::Answered::failed) {
    const std::string& id = route.policies.cost->description().id;
    engines.metrics.policy_error(id);
    if (once_a_minute(route.failure, now))
      tell(actions, Notice::Kind::policy_failed, id, decision.text);
  }
  if (!decision) return out;
  for (uint32_t i : answer)
    if (shown[i] != preferred && !dearer(survey, shown[i], preferred)) out.push_back(shown[i]);
  return out;
}

// Everybody else who may take it and costs no more, cheapest worst case first: where to go when
// money is short. A dearer model with a smaller output limit might fit too; it is no downgrade.
std::vector<uint32_t> cheapest_first(const Call& call, const Survey& survey, uint32_t preferred,
                                     const std::vector<uint32_t>& tried) {
  std::vector<uint32_t> out;
  if (call.request.no_downgrade) return out;
  for (const Candidate& c : survey.candidates)
    if (c.eligible() && !dearer(survey, c.index, preferred) &&
        std::find(tried.begin(), tried.end(), c.index) == tried.end())
      out.push_back(c.index);
  std::stable_sort(out.begin(), out.end(), [&](uint32_t a, uint32_t b) {
    return survey.candidates[a].worst_case < survey.candidates[b].worst_case;
  });
  return out;
}

void settle_on(Funding& funding, const Engines& engines, const Survey& survey, uint32_t candidate,
               uint32_t preferred, std::string_view reason) {
  const Candidate& c = survey.candidates[candidate];
  funding.candidate = candidate;
  funding.hold = c.worst_case.value_or(NanoUsd{0});
  funding.clamp = c.must_clamp;
  if (candidate == preferred) return;
  funding.instead_of = preferred;
  funding.downgraded = engines.model_of(survey.candidates[preferred].target).name + "->" +
                       engines.model_of(c.target).name + " (" + std::string(reason) + ")";
}

Funding choose_by_money(Engines& engines, const Call& call, const Survey& survey, const Plan& plan,
                        Actions& actions, Instant now) {
  Funding out;
  if (plan.order.empty()) return out;
  const uint32_t preferred = plan.order.front();
  const int64_t unix_ns = engines.unix_ns(now);
  if (const auto closed = only_stored_answers(engines, call, unix_ns)) {
    const AccountIndex ledger = *engines.accounts[*closed].ledger;
    out.refusal = {ledger, engines.budget->room({ledger}, unix_ns)};
    out.tier = Tier::cache_only;
    return out;
  }
  Purse purse{engines, call, survey, engines.budget->room(call.budget_accounts, unix_ns)};

  std::vector<uint32_t> tried = advised(engines, call, survey, preferred, out, actions, now);
  if (out.refused) return out;
  const uint32_t first = tried.empty() ? preferred : tried.front();
  const NanoUsd wanted = survey.candidates[first].worst_case.value_or(NanoUsd{0});
  if (!purse.fits(first) && may_be_leased(engines, call, wanted, now)) {
    out.awaits_lease = true;
    return out;
  }
  for (uint32_t candidate : tried)
    if (purse.fits(candidate)) {
      settle_on(out, engines, survey, candidate, preferred, "policy");
      return out;
    }
  tried.push_back(preferred);
  if (purse.fits(preferred)) {
    settle_on(out, engines, survey, preferred, preferred, "");
    return out;
  }
  std::vector<uint32_t> cheaper = cheapest_first(call, survey, preferred, tried);
  for (uint32_t candidate : cheaper)
    if (purse.fits(candidate)) {
      settle_on(out, engines, survey, candidate, preferred, "budget");
      return out;
    }
  tried.insert(tried.end(), cheaper.begin(), cheaper.end());
  for (uint32_t candidate : tried) {
    int64_t fitting = purse.output_that_fits(candidate);
    if (call.request.facts.operation == Operation::embeddings || fitting < kLeastClamp) continue;
    settle_on(out, engines, survey, candidate, preferred, "budget");
    const int64_t choices = std::max<int64_t>(call.request.facts.choices, 1);
    out.hold = *price(engines, call, survey.request, candidate,
                      {.in = input_bound(engines, call, survey.candidates[candidate].target),
                       .out = fitting * choices},
                      KEEL_USAGE_WORST_CASE);
    out.clamp = fitting;
    out.clamped_by_money = true;
    return out;
  }
  // Ask the ledger for the account that says no, so that the answer can name it.
  NanoUsd least = survey.candidates[preferred].worst_case.value_or(NanoUsd{0});
  if (auto hold = engines.budget->reserve(call.budget_accounts, least, call.deadline, unix_ns,
                                          &out.refusal))
    engines.budget->release(*hold);
  return out;
}

}  // namespace

Funding fund(Engines& engines, const Call& call, const Survey& survey, const Plan& plan,
             Actions& actions, Instant now) {
  Funding out = choose_by_money(engines, call, survey, plan, actions, now);
  if (out.candidate) note_hold(engines, call, out.hold, now);
  return out;
}

}  // namespace keel::relay
