#include "relay/situation.hpp"

#include "relay/engines.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

namespace {

const RouteTarget& entry_of(const Engines& engines, const Call& call, uint32_t candidate) {
  return engines.config->routes[call.route].targets[candidate];
}

template <typename Predicate>
void rule_out_where(const Engines& engines, Call& call, Predicate matches) {
  for (uint32_t i = 0; i < call.candidates.size(); ++i)
    if (matches(entry_of(engines, call, i).target)) call.candidates[i].over = true;
}

// Every key of the same billing scope is spent for this request.
void spend_account(const Engines& engines, Call& call, ProviderIndex provider, KeyIndex key) {
  const auto& keys = engines.config->providers[provider].keys;
  if (keys.empty()) call.spent_keys.push_back({provider, key});
  for (KeyIndex i = 0; i < keys.size(); ++i)
    if (keys[i].settings.account == keys[key].settings.account)
      call.spent_keys.push_back({provider, i});
}

// Another provider; where the route has one provider only, another model.
void rule_out_overloaded(const Engines& engines, Call& call, TargetIndex target) {
  const auto& config = *engines.config;
  const ProviderIndex provider = config.targets[target].provider;
  bool one_provider = true;
  for (const RouteTarget& entry : config.routes[call.route].targets)
    one_provider &= config.targets[entry.target].provider == provider;
  if (!one_provider)
    return rule_out_where(engines, call,
                          [&](TargetIndex t) { return config.targets[t].provider == provider; });
  if (!config.targets[target].sole)
    rule_out_where(engines, call, [&](TargetIndex t) { return t == target; });
}

}  // namespace

void rule_out(const Engines& engines, Call& call, Instant now) {
  const uint32_t here = *call.previous;
  const TargetIndex target = entry_of(engines, call, here).target;
  const ProviderIndex provider = engines.config->targets[target].provider;
  const ModelConfig& model = engines.model_of(target);
  const RouteConfig& route = engines.config->routes[call.route];
  CandidateState& state = call.candidates[here];

  if (call.last.stop_target) state.over = true;
  // What a 429 asks for binds the key, which is cooling; any other delay binds the target.
  if (call.last_cooldown && call.last.cls != Class::throttled_key)
    state.not_before = now + *call.last_cooldown;
  switch (call.last.cls) {
    case Class::silent:
      state.over |= !route.retry.retry_silent;
      break;
    case Class::unsupported:
      state.over = true;
      break;
    case Class::context:
      call.context_needed_over = std::max(call.context_needed_over, model.context_tokens);
      call.refused_models.push_back(model.name);
      break;
    case Class::policy:
      call.refused_models.push_back(model.name);
      break;
    case Class::provider_overload:
      rule_out_overloaded(engines, call, target);
      break;
    case Class::exhausted:
      spend_account(engines, call, provider, *call.last_key);
      break;
    case Class::key_dead:
      call.spent_keys.push_back({provider, *call.last_key});
      if (++call.dead_keys_met >= 2)  // one other key, not all of them
        rule_out_where(engines, call, [&](TargetIndex t) {
          return engines.config->targets[t].provider == provider;
        });
      break;
    case Class::key_model_denied:  // the key pool knows; the key is good for other models
      state.avoid = true;
      break;
    default:
      break;
  }
}

bool may_send_again(const Call& call) {
  return call.sends < call.max_sends && call.tries < 2 * call.max_sends;
}

bool safe_to_repeat(const Call& call) {
  if (!call.request.facts.side_effects) return true;
  return std::all_of(call.trace->attempts.begin(), call.trace->attempts.end(),
                     [](const AttemptRecord& r) { return r.billed == Billed::no; });
}

namespace {

// The lower tier, then the better standing.
bool goes_before(const Survey& survey, const Candidate& a, const Candidate& b) {
  auto standing = [&](const Candidate& c) {
    const keel_candidate& d = survey.described[c.index];
    return std::pair(d.target->tier, -d.target->weight * d.health_score);
  };
  return standing(a) < standing(b);
}

}  // namespace

std::optional<uint32_t> same_model_elsewhere(const Engines& engines, const Call& call,
                                             const Survey& survey) {
  const std::string& model = engines.model_of(entry_of(engines, call, *call.previous).target).name;
  std::optional<uint32_t> best;
  for (const Candidate& c : survey.candidates) {
    if (c.index == *call.previous || !c.eligible() || c.downgrade_only) continue;
    if (call.candidates[c.index].avoid) continue;  // it failed this request already
    if (engines.model_of(c.target).name != model) continue;
    if (!best || goes_before(survey, c, survey.candidates[*best])) best = c.index;
  }
  return best;
}

Situation situation_of(Engines& engines, const Call& call, const Survey& survey, Instant now) {
  const RouteConfig& route = engines.config->routes[call.route];
  const uint32_t here = *call.previous;
  const CandidateState& state = call.candidates[here];
  Situation out;
  out.cls = call.last.cls;
  out.stop_target = call.last.stop_target;
  out.safe_to_repeat = safe_to_repeat(call);
  out.sole = engines.config->targets[survey.candidates[here].target].sole;
  out.attempts_here = state.attempts;
  out.here_now = survey.candidates[here].eligible();
  const TargetEngines& target = engines.targets[survey.candidates[here].target];
  out.here_then = !state.over && target.breaker.state() != engine::Breaker::State::open &&
                  target.retries.would_grant(now) &&
                  engines.routes[call.route].extra_sends.would_grant(now);
  // What was throttled or refused is cooling, spent or dead by now, so whatever is left is another.
  out.other_key_now = out.here_now;
  for (const Candidate& c : survey.candidates) {
    if (c.index == here || !c.eligible() || c.downgrade_only) continue;
    out.elsewhere = true;
    out.fresh_elsewhere |= !call.candidates[c.index].avoid;
    out.other_provider |= !provider_failed(engines, call, c.target);
  }
  out.elsewhere_same_model = same_model_elsewhere(engines, call, survey).has_value();
  out.other_route = !call.other_routes.empty() || route.on_exhausted == OnExhausted::other_route;
  out.fallback_on_policy = route.fallback_on_content_policy;
  out.retry_silent = route.retry.retry_silent;
  out.cooldown = call.last_cooldown;
  out.patience_left = call.patience_left;
  out.time_left = remaining(call.deadline, now);
  out.sends_left = call.max_sends - call.sends;
  out.tries_left = 2 * call.max_sends - call.tries;
  out.backoff = route.retry.backoff;
  out.unit = engines.random.unit();
  return out;
}

Earliest earliest_of(const Survey& survey) {
  Earliest out;
  for (const Candidate& c : survey.candidates) {
    const bool only_busy = c.removed == Removed::breaker_open || c.removed == Removed::ramping ||
                           c.removed == Removed::no_key || c.removed == Removed::provider_limit ||
                           c.removed == Removed::pool_limit ||
                           c.removed == Removed::asked_to_wait || c.removed == Removed::extra_sends;
    if (!only_busy || c.downgrade_only) continue;
    out.others_are_let_in |= c.removed == Removed::ramping || c.removed == Removed::pool_limit ||
                             c.removed == Removed::extra_sends ||
                             (c.removed == Removed::breaker_open && c.on_trial);
    if (c.until >= out.at) continue;
    out.at = c.until;
    out.behind_a_breaker = c.removed == Removed::breaker_open;
    out.candidate = c.index;
  }
  return out;
}

Outcome timed_out(bool sent, std::string message) {
  Outcome out;
  out.ended = sent ? Ended::silent : Ended::not_sent;
  out.message = std::move(message);
  return out;
}

}  // namespace keel::relay
