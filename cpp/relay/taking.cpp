#include "relay/taking.hpp"

#include "relay/engines.hpp"
#include "relay/next_move.hpp"
#include "relay/streaming.hpp"
#include "relay/telling.hpp"

#include <algorithm>
#include <cassert>

namespace keel::relay {

namespace {

constexpr Duration kLongestUnhurried = seconds(60);  // a plain reply's floor, slow floor too
constexpr Duration kHoldSlack = seconds(60);         // a hold's lease beyond the deadline
constexpr Duration kPermitSlack = seconds(1);
constexpr Duration kShortestTrial = seconds(10);

// What a reply of the expected length takes at this target, at its slowest percent.
std::optional<Duration> usual_time(const Engines& engines, const Call& call,
                                   const Candidate& candidate, Instant now) {
  auto per_token = engines.targets[candidate.target].health.per_output_token().quantile(0.99, now);
  if (!per_token) return std::nullopt;
  return *per_token *
         std::max<int64_t>(expected_output_tokens(engines, call, candidate.index, now), 1);
}

// How long a target may show no life before nobody waits for it: three times what its slowest
// percent takes, six times what half of them take. Nothing where nobody knows.
std::optional<Duration> sign_of_life(const Engines& engines, const Call& call, TargetIndex target,
                                     Instant now) {
  const engine::Health& health = engines.targets[target].health;
  const engine::Latency& times =
      call.request.facts.stream ? health.first_token() : health.reply_time();
  if (const auto p99 = times.quantile(0.99, now))
    return std::max(kShortestTrial, std::min(*p99 * 3, *times.quantile(0.5, now) * 6));
  // After a long outage only the mean is left of what was known.
  if (const auto mean = times.mean(now)) return std::max(kShortestTrial, *mean * 6);
  return std::nullopt;
}

// Returns whether it is extra load that no budget pays for.
bool count_extra(Engines& engines, Call& call, uint32_t candidate, TargetIndex target,
                 Instant now) {
  TargetEngines& t = engines.targets[target];
  if (call.candidates[candidate].attempts == 0) {
    t.retries.record_request(now);
  } else {
    t.retries.try_grant(now);
    engines.metrics.retry(target);
  }
  RouteEngines& route = engines.routes[call.route];
  const bool free = call.tries > 0 && extra_send_is_free(engines, call, candidate);
  if (call.tries == 0) {
    route.extra_sends.record_request(now);
  } else if (!free) {
    route.extra_sends.try_grant(now);
  }
  if (call.previous && *call.previous != candidate)
    engines.metrics.failover(engines.config->routes[call.route].targets[*call.previous].target,
                             target);
  return free;
}

// A hold was taken, so it fits: whatever the accounts are and whoever else holds. (A hold of
// nothing fits where a limit was lowered beneath what is spent.)
void require_room(Engines& engines, const Call& call, NanoUsd held, Instant now) {
  for (AccountIndex account : call.budget_accounts) {
    const auto totals = engines.budget->totals(account, engines.unix_ns(now));
    engines.metrics.require(
        held.value == 0 || totals.posted + totals.held <= engines.budget->settings(account).limit,
        Invariant::budget);
  }
}

}  // namespace

bool extra_send_is_free(const Engines& engines, const Call& call, uint32_t candidate) {
  if (!call.previous || *call.previous == candidate) return false;
  if (call.last.cls == Class::not_sent || call.last.cls == Class::unsupported) return true;
  TargetIndex left = engines.config->routes[call.route].targets[*call.previous].target;
  return engines.targets[left].breaker.state() == engine::Breaker::State::open;
}

Duration attempt_limit(const Engines& engines, const Call& call, const Survey& survey,
                       uint32_t candidate, Instant now) {
  const RouteConfig& route = engines.config->routes[call.route];
  const Duration left = remaining(call.deadline, now);
  if (route.attempt_timeout) return std::min(*route.attempt_timeout, left);
  bool another =
      std::any_of(survey.candidates.begin(), survey.candidates.end(), [&](const Candidate& c) {
        return c.index != candidate && c.eligible() && !c.downgrade_only;
      });
  if (!another) return left;
  if (call.request.facts.stream)
    return std::min(left,
                    first_token_limit(engines, call, survey.candidates[candidate].target, now));
  Duration floor = kLongestUnhurried;
  if (auto usual = usual_time(engines, call, survey.candidates[candidate], now))
    floor = std::max(floor, *usual * 3);
  if (survey.candidates[candidate].on_trial)
    floor = std::min(floor, sign_of_life(engines, call, survey.candidates[candidate].target, now)
                                .value_or(kLongestUnhurried));
  // What is left for the other must be of use to it, else this one may take it all.
  const Duration limit = std::min(left / 2, floor);
  return left - limit < kMinUseful ? left : limit;
}

Attempt take(Engines& engines, Call& call, const Survey& survey, const Funding& funding,
             Actions& actions, Instant now) {
  const uint32_t index = *funding.candidate;
  const Candidate& candidate = survey.candidates[index];
  TargetEngines& target = engines.targets[candidate.target];
  ProviderEngines& provider = engines.provider_engines(candidate.target);
  Attempt out;
  out.id = engines.next_attempt++;
  out.candidate = index;
  out.target = candidate.target;
  out.tokens = candidate.tokens;
  out.started = now;
  const Duration limit = attempt_limit(engines, call, survey, index, now);
  out.limit = now + limit;
  out.allowed = limit;
  out.free = count_extra(engines, call, index, candidate.target, now);
  const auto life = sign_of_life(engines, call, candidate.target, now);
  // A trial has that long to show life, or an outage that swallowed it would keep everybody
  // waiting; a stream's then lasts as long as the stream (streamed()). A target nobody knows proves
  // itself all the same: the answer that comes too late for this trial tells how long the next may
  // take.
  const Duration lasts = std::max(kShortestTrial, std::min(limit, life.value_or(kShortestTrial)));
  auto permit = target.breaker.admit(lasts + kPermitSlack, now);
  assert(permit && "the survey of this instant said that the breaker would admit");
  out.permit = *permit;
  breaker_moved(engines, candidate.target, actions, now);
  out.key =
      provider.keys.take(engines.config->targets[candidate.target].model, out.tokens,
                         spent_keys_of(call, engines.config->targets[candidate.target].provider),
                         call.leases_end(), now);
  assert(out.key && "the survey of this instant said that a key was free");
  out.place = provider.limits.take(out.tokens, call.leases_end(), now);
  // What shows no life is work of the provider's no longer: what an incident has swallowed would
  // otherwise hold the few places of a cut pool until its own deadline.
  out.in_pool =
      target.pool->enter(std::min(call.leases_end(), now + life.value_or(kLongestUnhurried)), now);
  auto hold = engines.budget->reserve(call.budget_accounts, funding.hold,
                                      call.deadline + kHoldSlack, engines.unix_ns(now));
  assert(hold && "funding of this instant said that the money fits");
  out.hold = *hold;
  require_room(engines, call, funding.hold, now);
  out.held = funding.hold;
  out.clamped = funding.clamp;
  out.instead_of = funding.instead_of;
  out.speech = speech_of(engines, call, candidate.target);
  out.stream.last_progress = now;
  arm_ledger(engines);
  return out;
}

namespace {

void alert_about(Engines& engines, AccountIndex index, Actions& actions, Instant now) {
  AccountEngines& account = engines.accounts[index];
  const AccountConfig& config = engines.config->accounts[index];
  if (!config.budget || engines.succeeded) return;
  const int64_t unix_ns = engines.unix_ns(now);
  const int64_t window = engine::window_number(config.budget->window, unix_ns);
  const double share = engines.budget->spent_share(*account.ledger, unix_ns);
  if (share * 100.0 < config.budget->alert_percent || account.alerted_window == window) return;
  account.alerted_window = window;
  tell(actions, Notice::Kind::budget_alert, config.name,
       "spent " + to_usd_text(engines.budget->spent(*account.ledger, unix_ns)) + " of " +
           to_usd_text(config.budget->limit) + " USD " +
           (config.budget->window == engine::BudgetWindow::forever
                ? "in all"
                : "in this " + std::string(engine::name_of(config.budget->window))));
}

}  // namespace

void settle_money(Engines& engines, Call& call, const Attempt& attempt, AttemptRecord& record,
                  Actions& actions, Instant now) {
  engine::Budget& budget = *engines.budget;
  bool resolved = false;
  if (!attempt.sent) {
    resolved = budget.release(attempt.hold);
  } else if (attempt.verdict.billed == Billed::no) {
    resolved = budget.settle(attempt.hold, {0});
  } else if (attempt.outcome.usage) {
    keel_request request{};
    request.struct_size = sizeof request;
    auto cost =
        price(engines, call, request, attempt.candidate, *attempt.outcome.usage, KEEL_USAGE_ACTUAL);
    record.posted = cost.value_or(attempt.held);
    record.estimated = !cost;
    resolved = budget.settle(attempt.hold, record.posted, *attempt.outcome.usage);
    if (record.posted > attempt.held && once_a_minute(engines.targets[attempt.target].overrun, now))
      tell(actions, Notice::Kind::overrun, record.provider + "/" + record.model,
           "billed " + to_usd_text(record.posted) + " USD where at most " +
               to_usd_text(attempt.held) + " was to be expected");
  } else {
    record.posted = attempt.held;
    record.estimated = true;
    resolved = budget.settle(attempt.hold, attempt.held);
  }
  engines.metrics.require(resolved, Invariant::hold);
  call.cost += record.posted;
  arm_ledger(engines);
  for (AccountIndex account : call.accounts) alert_about(engines, account, actions, now);
}

namespace {

// What the attempt did to tokens per minute: as counted, nothing, or as taken where nobody knows.
int64_t tokens_used(const Attempt& attempt) {
  if (attempt.outcome.usage) return attempt.outcome.usage->in + attempt.outcome.usage->out;
  return attempt.verdict.billed == Billed::no ? 0 : attempt.tokens;
}

void settle_key(Engines& engines, Call& call, const Attempt& attempt, Actions& actions,
                Instant now) {
  const ProviderIndex index = engines.config->targets[attempt.target].provider;
  engine::KeyPool& keys = engines.providers[index].keys;
  const auto& lease = *attempt.key;
  keys.give_back(lease, tokens_used(attempt), attempt.sent.has_value(), now);
  const std::string subject = key_subject(engines, index, lease.key);
  bool news = false;  // requests that were under way together learn of the same end
  switch (attempt.verdict.cls) {
    case Class::ok:
    case Class::policy:
      keys.succeed(lease.key, lease.model);
      break;
    case Class::throttled_key:
      call.last_cooldown = keys.throttle(lease.key, lease.model, attempt.outcome.hint.after, now);
      break;
    case Class::exhausted:
      news = keys.barred(lease.key, lease.model, now) != engine::KeyReason::exhausted;
      keys.bench(lease.key, attempt.outcome.hint.after, now);
      if (news)
        tell(actions, Notice::Kind::key_benched, subject,
             "quota or credit is exhausted: " + attempt.outcome.message);
      break;
    case Class::key_dead:
      news = !keys.dead(lease.key);
      keys.kill(lease.key, now);
      arm_revival(engines, index);
      if (news)
        tell(actions, Notice::Kind::key_dead, subject,
             "the provider refuses it: " + attempt.outcome.message);
      break;
    case Class::key_model_denied:
      keys.deny(lease.key, lease.model, now);
      break;
    default:
      break;
  }
}

// A time limit that cut a target short of the time it usually takes says nothing about its health:
// otherwise one client's small deadlines would open the breaker for everybody.
bool cut_short(const Engines& engines, const Call& call, const Attempt& attempt, Instant now) {
  const TargetEngines& target = engines.targets[attempt.target];
  if (attempt.verdict.cls == Class::not_sent && attempt.given_up) {
    const RouteConfig& route = engines.config->routes[call.route];
    const Duration unhurried = route.attempt_timeout.value_or(route.timeout / 2);
    return elapsed(attempt.started, now) < std::min(engines.config->connect_timeout, unhurried);
  }
  if (attempt.verdict.cls != Class::silent || attempt.outcome.ended != Ended::silent) return false;
  if (call.request.facts.stream) return stream_cut_short(engines, call, attempt, now);
  const Duration ran = elapsed(attempt.sent.value_or(attempt.started), now);
  const engine::Latency& replies = target.health.reply_time();
  if (auto p99 = replies.quantile(0.99, now)) return ran < *p99;
  if (auto mean = replies.mean(now)) return ran < *mean * 3;
  return ran < seconds(1);
}

// Far longer than is usual here: whoever lets in more and more is to stop at this.
bool drags(const Engines& engines, const Call& call, const Attempt& attempt, Instant now) {
  constexpr int64_t kFar = 3;
  const engine::Health& health = engines.targets[attempt.target].health;
  const engine::Latency& times =
      call.request.facts.stream ? health.first_token() : health.reply_time();
  const auto usual = times.quantile(0.5, now);
  const Instant answered = attempt.stream.first_content.value_or(now);
  return usual && elapsed(attempt.started, answered) > *usual * kFar;
}

}  // namespace

void settle_engines(Engines& engines, Call& call, const Attempt& attempt, Actions& actions,
                    Instant now) {
  TargetEngines& target = engines.targets[attempt.target];
  const TargetConfig& config = engines.config->targets[attempt.target];
  const bool answered = attempt.verdict.cls == Class::ok || attempt.verdict.cls == Class::policy;
  const Duration took = elapsed(attempt.started, now);
  const auto& first_content = attempt.stream.first_content;
  const bool slow =
      answered && (first_content ? is_slow(engines, call, attempt) : took > kLongestUnhurried);
  Effect effect = attempt.verdict.effect;
  if (cut_short(engines, call, attempt, now)) effect = Effect::neutral;
  if (answered && target.breaker.door() > 0 && drags(engines, call, attempt, now))
    target.breaker.drags(attempt.permit);

  if (config.sole && effect != Effect::neutral) {
    call.sole_result = Call::SoleResult{attempt.target, attempt.permit.epoch, effect, slow};
    target.breaker.settle(attempt.permit, Effect::neutral, false, now);
  } else {
    target.breaker.settle(attempt.permit, effect, slow, now);
  }
  breaker_moved(engines, attempt.target, actions, now);
  if (effect != Effect::neutral) target.health.record_result(effect == Effect::failure, now);
  if (first_content)
    target.health.record_first_token(elapsed(attempt.started, *first_content), now);
  if (answered && !call.request.facts.stream) {
    target.health.record_reply(took, now);
    const int64_t out = attempt.outcome.usage ? attempt.outcome.usage->out : 0;
    if (out > 0) {
      target.health.record_per_output_token(took / out, now);
    }
  }
  if (answered && attempt.outcome.usage) {
    const int64_t out = attempt.outcome.usage->out;
    if (out > 0) {
      engines.routes[call.route].output_tokens[attempt.candidate].add(
          out / std::max<int64_t>(call.request.facts.choices, 1), now);
    }
  }
  if (attempt.verdict.cls == Class::throttled_pool) target.pool->throttled(attempt.in_pool, now);
  if (answered) target.pool->succeeded(attempt.in_pool, now);
  target.pool->leave(attempt.in_pool, now);                            // its time may have been up
  engines.metrics.require(now < call.leases_end(), Invariant::lease);  // all other places' ends
  engines.provider_engines(attempt.target)
      .limits.give_back(attempt.place, attempt.tokens, tokens_used(attempt),
                        attempt.sent.has_value(), now);
  settle_key(engines, call, attempt, actions, now);
}

}  // namespace keel::relay
