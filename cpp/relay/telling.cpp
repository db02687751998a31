#include "relay/telling.hpp"

#include "relay/engines.hpp"
#include "relay/sentence.hpp"

#include <utility>

namespace keel::relay {

std::string describe_request(const Engines& engines, const Call& call, Instant now) {
  const wire::Facts& facts = call.request.facts;
  Sentence out;
  out << "route " << call.trace->route << ", about " << facts.input_tokens_estimate
      << " tokens in, deadline in " << remaining(call.deadline, now);
  if (facts.max_output_tokens) out << ", at most " << *facts.max_output_tokens << " out";
  if (call.requested) {
    TargetIndex target = engines.config->routes[call.route].targets[*call.requested].target;
    out << ", begins at " << engines.config->targets[target].name;
  }
  if (facts.side_effects) out << ", has side effects";
  return out.take();
}

std::string describe_choice(const Engines& engines, const Call& call, const Survey& survey,
                            const Funding& funding) {
  const Candidate& chosen = survey.candidates[*funding.candidate];
  Sentence out;
  out << engines.config->targets[chosen.target].name << ", hold " << funding.hold;
  if (call.pinned == chosen.index) out << ", as decided before";
  if (chosen.recovering) out << ", on trial";
  if (!funding.downgraded.empty()) out << "; downgraded " << funding.downgraded;
  if (funding.clamp) out << "; max_tokens set to " << *funding.clamp;
  return out.take();
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
  Sentence out;
  out << "try " << call.tries << " at " << engines.config->targets[attempt.target].name
      << ", limit " << remaining(attempt.limit, now);
  return out.take();
}

std::string describe_outcome(const Engines& engines, const Attempt& attempt) {
  const Outcome& outcome = attempt.outcome;
  Sentence out;
  out << engines.config->targets[attempt.target].name << ": " << name_of(attempt.verdict.cls);
  if (outcome.status > 0) out << ", status " << outcome.status;
  if (!outcome.error_code.empty()) out << " " << outcome.error_code;
  if (!outcome.message.empty())
    out << ", \"" << std::string_view(outcome.message).substr(0, 200) << "\"";
  if (outcome.hint.after) out << ", asks for " << *outcome.hint.after;
  return out.take();
}

std::string describe_settlement(const AttemptRecord& record) {
  if (!record.sent) return "nothing was sent, the hold is released";
  Sentence out;
  out << "posted " << record.posted;
  if (record.usage) out << " for " << record.usage->in << " in, " << record.usage->out << " out";
  if (record.estimated) out << ", the full hold: it may have been billed";
  return out.take();
}

std::string describe_move(const Move& move) {
  Sentence out;
  out << move.why;
  if (move.wait > Duration::zero()) out << ", in " << move.wait;
  return out.take();
}

std::string describe_wait(const Engines& engines, const Survey& survey, Duration delay) {
  const Candidate& c = survey.candidates[earliest_of(survey).candidate];
  Sentence out;
  out << "nobody is free; wait " << delay << " for " << engines.config->targets[c.target].name;
  return out.take();
}

std::string describe_exhaustion() {
  return "nobody is left";
}

std::string describe_answer(const Engines& engines, const Call& call, const Answer& answer) {
  Sentence out;
  out << name_of(answer.kind) << ", status " << answer.status;
  if (answer.from_target) out << " by " << engines.config->targets[answer.target].name;
  if (answer.cached)
    out << (call.trace->cache == "joined" ? ", given to another request too"
            : answer.stale                ? ", stale, from the cache"
                                          : ", from the cache");
  if (!answer.message.empty()) out << ": " << std::string_view(answer.message).substr(0, 300);
  out << "; " << answer.sends << " sends, " << answer.cost;
  return out.take();
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
  out.free = attempt.free;
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
