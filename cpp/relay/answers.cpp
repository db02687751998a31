#include "relay/answers.hpp"

#include "relay/engines.hpp"
#include "relay/situation.hpp"

namespace keel::relay {

namespace {

// Clients' SDKs ignore a delay beyond a minute and ask again at once, unless told not to.
constexpr Duration kLongestSdkDelay = seconds(60);

void ask_back_after(Answer& answer, Duration delay) {
  answer.retry_after = delay;
  if (delay > kLongestSdkDelay) answer.should_retry = false;
}

Answer failure(AnswerKind kind, int status, std::string code, std::string message) {
  Answer out;
  out.kind = kind;
  out.status = status;
  out.code = std::move(code);
  out.message = std::move(message);
  return out;
}

}  // namespace

Answer unknown_tenant(const std::string& tenant) {
  return failure(AnswerKind::unknown_tenant, 401, "unauthorized",
                 "tenant \"" + tenant + "\" is not in the configuration");
}

Answer account_frozen(const std::string& account) {
  return failure(AnswerKind::account_frozen, 403, "account_frozen",
                 "account \"" + account + "\" is frozen (enabled: false)");
}

Answer unknown_model(const Engines& engines, const std::string& asked) {
  std::string known;
  for (const RouteConfig& route : engines.config->routes)
    known += (known.empty() ? "" : ", ") + route.name;
  return failure(AnswerKind::unknown_model, 404, "model_not_found",
                 "no route is named \"" + asked + "\"; there are: " + known);
}

Answer rate_limited(const std::string& account, const engine::Allowance& allowance) {
  if (allowance.kind == engine::Allowance::Kind::never)
    return failure(
        AnswerKind::request_too_large, 413, "request_too_large",
        "the request needs more tokens than account \"" + account + "\" may use in a minute");
  Answer out = failure(AnswerKind::rate_limited, 429, "rate_limited",
                       "account \"" + account + "\" is over its rate limit");
  ask_back_after(out, allowance.retry_after);
  return out;
}

Answer policy_refused(const policy::Policy& by, const std::string& text) {
  Answer out = failure(AnswerKind::policy_refused, 403, "policy_refused", text);
  out.refused_by = by.description().id;
  out.should_retry = false;
  return out;
}

Answer budget_exceeded(const Engines& engines, const Call& call, const Funding& funding,
                       Instant now) {
  std::string name = "relay";
  std::string rule = ", too little for this request";
  std::optional<Duration> until;
  for (AccountIndex account : call.accounts) {
    if (engines.accounts[account].ledger != funding.refusal.account) continue;
    const AccountConfig& config = engines.config->accounts[account];
    name = config.name;
    if (config.shared) rule = " here, too little for this request, and no more was to be had";
    if (funding.tier == Tier::cache_only)
      rule = ": from " + std::to_string(percent_of(config, Tier::cache_only)) +
             " % of it on only stored answers are given (tier cache_only)";
    if (!config.budget || config.budget->window == engine::BudgetWindow::forever) continue;
    const int64_t unix_ns = engines.unix_ns(now);
    until = Duration{engine::window_end_unix_ns(config.budget->window, unix_ns) - unix_ns};
  }
  Answer out = failure(AnswerKind::budget_exceeded, 429, "budget_exceeded",
                       "the budget of account \"" + name + "\" has " +
                           to_usd_text(funding.refusal.left) + " USD left" + rule);
  out.should_retry = false;
  out.retry_after = until;
  return out;
}

namespace {

// Refused for how much is asked, and not for what is wrong with a target or its keys.
bool is_throttled(const Candidate& c) {
  const bool key_is_busy =
      c.key == engine::KeyReason::cooling || c.key == engine::KeyReason::limited;
  return c.removed == Removed::provider_limit || c.removed == Removed::pool_limit ||
         (c.removed == Removed::no_key && key_is_busy);
}

}  // namespace

Answer no_target(const Engines& engines, const Survey& survey, Instant now) {
  std::string why;
  bool throttled = !survey.candidates.empty(), temporary = false, never = throttled;
  for (const Candidate& c : survey.candidates) {
    if (c.downgrade_only) continue;
    why += (why.empty() ? "" : "; ") + engines.config->targets[c.target].name + ": " +
           std::string(name_of(c.removed));
    throttled &= is_throttled(c);
    temporary |= c.until != Instant::never();
    never &= c.removed == Removed::capability || c.removed == Removed::context;
  }
  Answer out = failure(AnswerKind::no_target, throttled && temporary ? 429 : 503,
                       throttled && temporary ? "rate_limited" : "no_target_available",
                       "no target can take this request now (" + why + ")");
  if (never) out.should_retry = false;  // it would be asked of the same models
  Earliest earliest = earliest_of(survey);
  if (earliest.at != Instant::never()) ask_back_after(out, remaining(earliest.at, now));
  return out;
}

Answer deadline_exceeded(const Engines& engines, const Call& call) {
  std::string message = "the request's deadline passed";
  if (!call.trace->attempts.empty()) {
    const AttemptRecord& last = call.trace->attempts.back();
    message += "; the last attempt, at " + engines.config->targets[last.target].name + ", was " +
               std::string(name_of(last.cls));
  }
  return failure(AnswerKind::deadline_exceeded, 504, "deadline_exceeded", std::move(message));
}

Answer cancelled() {
  return failure(AnswerKind::cancelled, 499, "cancelled", "the caller went away");
}

Answer cached_answer(const Engines&, const engine::CachedReply& reply, Instant now) {
  Answer out;
  out.body = reply.body;
  out.target = reply.target;
  out.from_target = true;
  out.usage = reply.usage;
  out.cached = true;
  out.age = elapsed(reply.stored_at, now);
  return out;
}

Answer success(const Engines&, const Call& call) {
  Answer out;
  const AttemptRecord& record = call.trace->attempts.back();
  out.status = call.last_outcome.status;
  out.body = call.last_reply;
  out.target = record.target;
  out.from_target = true;
  out.usage = record.usage.value_or(Usage{});
  out.clamped = call.clamped;
  return out;
}

Answer last_error(const Engines& engines, const Call& call) {
  const Outcome& last = call.last_outcome;
  const AttemptRecord& record = call.trace->attempts.back();
  Answer out = failure(AnswerKind::upstream_error, last.status, last.error_code, last.message);
  if (out.code.empty()) out.code = last.error_type.empty() ? "upstream_error" : last.error_type;
  out.target = record.target;
  out.from_target = true;
  out.should_retry = false;
  if (last.ended == Ended::replied && last.status >= 400) {
    out.body = call.last_reply;
  } else {
    out.status = call.last.cls == Class::silent ? 504 : 502;
    out.code = "upstream_error";
    out.message = engines.config->targets[record.target].name + ": " +
                  (last.message.empty() ? std::string(name_of(call.last.cls)) : last.message);
  }
  if (last.status == 401 || last.status == 402 || last.status == 403) {
    out.status = 502;
    out.code = "upstream_refused";
    out.message = "the provider refused the relay's own credentials or account";
    out.body = {};
  }
  if (call.last.cls == Class::policy && last.status < 400) {
    // A filtered answer is the provider's word, billed and complete: the client sees it as it is.
    out = success(engines, call);
  }
  if (call.last_cooldown) out.retry_after = call.last_cooldown;
  return out;
}

}  // namespace keel::relay
