#include "relay/telling.hpp"

#include "relay/engines.hpp"

#include <cstdio>
#include <utility>

namespace keel::relay {

namespace {

std::string in_seconds(Duration d) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", d.seconds());
  return text;
}

}  // namespace

std::string describe_request(const Engines& engines, const Call& call, Instant now) {
  const wire::Facts& facts = call.request.facts;
  std::string out = "route " + call.trace->route + ", about " +
                    std::to_string(facts.input_tokens_estimate) + " tokens in, deadline in " +
                    in_seconds(remaining(call.deadline, now));
  if (facts.max_output_tokens)
    out += ", at most " + std::to_string(*facts.max_output_tokens) + " out";
  if (call.requested) {
    TargetIndex target = engines.config->routes[call.route].targets[*call.requested].target;
    out += ", begins at " + engines.config->targets[target].name;
  }
  if (facts.side_effects) out += ", has side effects";
  return out;
}

std::string describe_choice(const Engines& engines, const Call& call, const Survey& survey,
                            const Funding& funding) {
  const Candidate& chosen = survey.candidates[*funding.candidate];
  std::string out = engines.config->targets[chosen.target].name;
  out += ", hold " + to_usd_text(funding.hold) + " USD";
  if (call.pinned == chosen.index) out += ", as decided before";
  if (chosen.recovering) out += ", on trial";
  if (!funding.downgraded.empty()) out += "; downgraded " + funding.downgraded;
  if (funding.clamp) out += "; max_tokens set to " + std::to_string(*funding.clamp);
  return out;
}

Choice choice_of(const Engines& engines, const Call& call, const Survey& survey, const Plan& plan,
                 Instant now) {
  Choice out;
  out.at = now;
  out.considered.reserve(survey.candidates.size());
  for (const Candidate& c : survey.candidates) {
    const RouteTarget& entry = engines.config->routes[call.route].targets[c.index];
    Considered one{.target = c.target, .removed = c.removed, .key = c.key};
    one.stand_in = c.downgrade_only;
    one.trial = c.recovering;
    one.tier = entry.tier;
    one.weight = entry.weight;
    one.health = survey.described[c.index].health_score;
    one.until = c.until;
    one.estimated = c.estimated;
    one.worst_case = c.worst_case;
    out.considered.push_back(one);
  }
  for (size_t i = 0; i < plan.order.size(); ++i)
    out.considered[plan.order[i]].place = static_cast<uint16_t>(i + 1);
  return out;
}

std::string describe_attempt(const Engines& engines, const Call& call, Instant now) {
  const Attempt& attempt = *call.attempt;
  return "try " + std::to_string(call.tries) + " at " +
         engines.config->targets[attempt.target].name + ", limit " +
         in_seconds(remaining(attempt.limit, now));
}

std::string describe_outcome(const Engines& engines, const Attempt& attempt) {
  std::string out = engines.config->targets[attempt.target].name + ": " +
                    std::string(name_of(attempt.verdict.cls));
  if (attempt.outcome.status > 0) out += ", status " + std::to_string(attempt.outcome.status);
  if (!attempt.outcome.error_code.empty()) out += " " + attempt.outcome.error_code;
  if (!attempt.outcome.message.empty())
    out += ", \"" + attempt.outcome.message.substr(0, 200) + "\"";
  if (attempt.outcome.hint.after) out += ", asks for " + in_seconds(*attempt.outcome.hint.after);
  return out;
}

std::string describe_settlement(const AttemptRecord& record) {
  if (!record.sent) return "nothing was sent, the hold is released";
  std::string out = "posted " + to_usd_text(record.posted) + " USD";
  if (record.usage)
    out += " for " + std::to_string(record.usage->in) + " in, " +
           std::to_string(record.usage->out) + " out";
  if (record.estimated) out += ", the full hold: it may have been billed";
  return out;
}

std::string describe_move(const Move& move) {
  std::string out = move.why;
  if (move.wait > Duration::zero()) out += ", in " + in_seconds(move.wait);
  return out;
}

std::string describe_wait(const Engines& engines, const Survey& survey, Duration delay) {
  const Candidate& c = survey.candidates[earliest_of(survey).candidate];
  return "nobody is free; wait " + in_seconds(delay) + " for " +
         engines.config->targets[c.target].name;
}

std::string describe_exhaustion() {
  return "nobody is left";
}

std::string describe_answer(const Engines& engines, const Call& call, const Answer& answer) {
  std::string out = std::string(name_of(answer.kind)) + ", status " + std::to_string(answer.status);
  if (answer.from_target) out += " by " + engines.config->targets[answer.target].name;
  if (answer.cached)
    out += call.trace->cache == "joined" ? ", given to another request too"
           : answer.stale                ? ", stale, from the cache"
                                         : ", from the cache";
  if (!answer.message.empty()) out += ": " + answer.message.substr(0, 300);
  return out + "; " + std::to_string(answer.sends) + " sends, " + to_usd_text(answer.cost) + " USD";
}

std::string key_subject(const Engines& engines, ProviderIndex provider, KeyIndex key) {
  const ProviderConfig& config = engines.config->providers[provider];
  return config.name + (config.keys.empty() ? "" : " key " + config.keys[key].label);
}

AttemptRecord record_of(const Engines& engines, const Attempt& attempt, Instant now) {
  const ProviderConfig& provider = engines.provider_of(attempt.target);
  AttemptRecord out;
  out.id = attempt.id;
  out.target = attempt.target;
  out.provider = provider.name;
  out.model = engines.model_of(attempt.target).name;
  if (!provider.keys.empty()) out.key = provider.keys[attempt.key->key].label;
  out.started = attempt.started;
  out.sent = attempt.sent;
  out.first_token = attempt.stream.first_content;
  out.ended = now;
  out.reused_connection = attempt.reused_connection;
  out.hedge = attempt.hedge;
  out.status = attempt.outcome.status;
  out.cls = attempt.verdict.cls;
  out.billed = attempt.verdict.billed;
  out.usage = attempt.outcome.usage;
  out.held = attempt.held;
  return out;
}

void observe(Engines& engines, const Call& call, const Attempt& attempt,
             const AttemptRecord& record, Instant now) {
  RouteEngines& route = engines.routes[call.route];
  if (!route.policies.routing || !route.policies.routing->observes()) return;
  keel_attempt out{};
  out.struct_size = sizeof out;
  out.verdict = policy::verdict_of(record.cls);
  out.route = policy::text_of(engines.config->routes[call.route].name);
  out.target = &route.described[attempt.candidate];
  if (const auto& first = attempt.stream.first_content)
    out.first_token_ns = elapsed(attempt.started, *first).ns;
  out.total_ns = elapsed(record.started, record.ended).ns;
  out.input_tokens = record.usage ? record.usage->in : 0;
  out.output_tokens = record.usage ? record.usage->out : 0;
  out.cost_nano_usd = record.posted.value;
  out.now_ns = now.ns;
  out.status = static_cast<uint32_t>(record.status);
  out.limit_ns = attempt.allowed.ns;
  policy::Decision heard = route.policies.routing->observe(out);
  if (heard.answered == policy::Answered::failed)
    engines.metrics.policy_error(route.policies.routing->description().id);
}

void note_downgrade(Engines& engines, Call& call, const Funding& funding, Actions& actions,
                    Instant now) {
  call.downgraded = funding.downgraded;
  for (AccountIndex index : call.accounts) {
    const AccountConfig& config = engines.config->accounts[index];
    AccountEngines& account = engines.accounts[index];
    if (!config.budget || engines.succeeded) continue;
    const int64_t unix_ns = engines.unix_ns(now);
    const AccountEngines::Downgrading here{engine::window_number(config.budget->window, unix_ns),
                                           config.budget->limit};
    const bool low = tier_of(engines, index, unix_ns, call.attempt->held) >= Tier::cheaper;
    if (low && !account.downgrading && !funding.downgraded.empty()) {
      account.downgrading = here;
      tell(actions, Notice::Kind::downgrade_began, config.name, funding.downgraded);
    } else if (!low && account.downgrading && account.downgrading != here) {
      account.downgrading.reset();
      tell(actions, Notice::Kind::downgrade_ended, config.name, "the budget has room again");
    }
  }
}

void tell_budget_exhausted(Engines& engines, const Call& call, const Funding& funding,
                           Actions& actions, Instant now) {
  for (AccountIndex index : call.accounts) {
    AccountEngines& account = engines.accounts[index];
    const AccountConfig& config = engines.config->accounts[index];
    if (account.ledger != funding.refusal.account || !config.budget || engines.succeeded) continue;
    const int64_t window = engine::window_number(config.budget->window, engines.unix_ns(now));
    const bool cache_only = funding.tier == Tier::cache_only;
    int64_t& told = cache_only ? account.cache_only_window : account.exhausted_window;
    if (std::exchange(told, window) == window) continue;
    if (cache_only) {
      tell(actions, Notice::Kind::cache_only_began, config.name,
           "only stored answers are given from " +
               std::to_string(percent_of(config, Tier::cache_only)) + " % of the budget on; " +
               to_usd_text(funding.refusal.left) + " of " + to_usd_text(config.budget->limit) +
               " USD is left");
      continue;
    }
    tell(actions, Notice::Kind::budget_exhausted, config.name,
         "a request was refused: " + to_usd_text(funding.refusal.left) + " of " +
             to_usd_text(config.budget->limit) + " USD is left");
  }
}

}  // namespace keel::relay
