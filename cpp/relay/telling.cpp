#include "relay/telling.hpp"

#include "relay/engines.hpp"
#include "relay/sentence.hpp"

namespace keel::relay {

namespace {

void add_why_not(Sentence& out, const Engines& engines, const Candidate& c, Instant now) {
  out << engines.config->targets[c.target].name << ": " << name_of(c.removed);
  if (c.until != Instant::never()) out << " for " << remaining(c.until, now);
}

}  // namespace

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
                            const Plan& plan, const Funding& funding) {
  const Candidate& chosen = survey.candidates[*funding.candidate];
  Sentence out;
  out << engines.config->targets[chosen.target].name << " (health ";
  out.share(survey.described[chosen.index].health_score) << "), hold " << funding.hold;
  if (call.pinned == chosen.index) out << ", as decided before";
  if (chosen.recovering) out << ", on trial";
  if (!funding.downgraded.empty()) out << "; downgraded " << funding.downgraded;
  if (funding.clamp) out << "; max_tokens set to " << *funding.clamp;
  std::string_view lead = "; then ";
  for (uint32_t i : plan.order) {
    if (i == chosen.index) continue;
    out << lead << engines.config->targets[survey.candidates[i].target].name;
    lead = ", ";
  }
  lead = "; not ";
  for (const Candidate& c : survey.candidates) {
    if (c.eligible() || c.downgrade_only) continue;
    out << lead;
    add_why_not(out, engines, c, Instant{survey.request.now_ns});
    lead = "; ";
  }
  return out.take();
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

std::string describe_exhaustion(const Engines& engines, const Survey& survey, Instant now) {
  Sentence out;
  out << "nobody is left";
  for (const Candidate& c : survey.candidates) {
    if (c.downgrade_only) continue;
    out << "; ";
    add_why_not(out, engines, c, now);
  }
  return out.take();
}

std::string describe_answer(const Engines& engines, const Call& call, const Answer& answer) {
  Sentence out;
  out << name_of(answer.kind) << ", status " << answer.status;
  if (answer.from_target) out << " by " << engines.config->targets[answer.target].name;
  if (answer.cached)
    out << (call.trace->cache == "joined" ? ", given to another request too" : ", from the cache");
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
  out.total_ns = elapsed(record.started, record.ended).ns;
  out.input_tokens = record.usage ? record.usage->in : 0;
  out.output_tokens = record.usage ? record.usage->out : 0;
  out.cost_nano_usd = record.posted.value;
  out.now_ns = now.ns;
  out.status = static_cast<uint32_t>(record.status);
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
    const double share = engines.budget->spent_share(*account.ledger, engines.unix_ns(now));
    const bool low = share * 100.0 >= config.budget->alert_percent;
    if (low && !account.downgrading && !funding.downgraded.empty()) {
      account.downgrading = true;
      tell(actions, Notice::Kind::downgrade_began, config.name, funding.downgraded);
    } else if (!low && account.downgrading) {
      account.downgrading = false;
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
    if (account.exhausted_window == window) continue;
    account.exhausted_window = window;
    tell(actions, Notice::Kind::budget_exhausted, config.name,
         "a request was refused: " + to_usd_text(funding.refusal.left) + " of " +
             to_usd_text(config.budget->limit) + " USD is left");
  }
}

}  // namespace keel::relay
