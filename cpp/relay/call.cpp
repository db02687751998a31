// One request's life, top to bottom:
//   begin -> admit -> look_up -> choose -> attempt -> classify -> settle -> [retry -> choose] ->
//   respond
// Each stage is one function. It decides from local state only, says why in the trace, and names
// the stage that comes next.

#include "relay/call.hpp"

#include "engine/classifier.hpp"
#include "relay/admission.hpp"
#include "relay/answers.hpp"
#include "relay/caching.hpp"
#include "relay/engines.hpp"
#include "relay/flights.hpp"
#include "relay/funding.hpp"
#include "relay/hedging.hpp"
#include "relay/log.hpp"
#include "relay/next_move.hpp"
#include "relay/redaction.hpp"
#include "relay/refreshing.hpp"
#include "relay/sending.hpp"
#include "relay/situation.hpp"
#include "relay/streaming.hpp"
#include "relay/survey.hpp"
#include "relay/taking.hpp"
#include "relay/telling.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

namespace {

constexpr size_t kUsualLines = 8;  // of a trace: the first target answers

}  // namespace

void Life::run(Call& call, Next next) {
  // In the order of Next.
  constexpr Next (Life::*kStages[])(Call&) = {&Life::admit,   &Life::look_up,  &Life::choose,
                                              &Life::attempt, &Life::classify, &Life::settle,
                                              &Life::retry,   &Life::respond};
  while (next < Next::wait) {
    const auto stage = kStages[static_cast<size_t>(next)];
    next = (this->*stage)(call);
  }
}

// What is this request? Its route, its accounts, its deadline.
void Life::begin(Call& call) {
  call.began = now_;
  call.trace = std::make_shared<Trace>();
  call.trace->says_why = engines_.config->traces_say_why;
  if (call.trace->says_why) call.trace->lines.reserve(kUsualLines);
  call.trace->names = engines_.target_names;
  call.trace->id = call.request.id;
  call.trace->tenant = call.request.tenant;
  call.trace->model_asked = call.request.facts.model;
  call.trace->stream = call.request.facts.stream;
  call.trace->tokens_in_estimate = call.request.facts.input_tokens_estimate;
  call.trace->max_tokens = call.request.facts.max_output_tokens;
  if (!engines_.config->request_log_path.empty()) call.trace->tags = log_tags(call.request);
  call.trace->began = now_;
  if (call.own) call.trace->cache = "refresh";
  if (auto refusal = find_accounts(engines_, call))
    return run(call, answer(call, std::move(*refusal)));
  if (auto refusal = find_route(engines_, call))
    return run(call, answer(call, std::move(*refusal)));
  const RouteConfig& route = engines_.config->routes[call.route];
  call.trace->route = route.name;
  call.deadline = now_ + std::min({call.request.timeout, route.timeout, kLongestCall});
  call.trace->allowed = call.deadline - now_;
  call.trial_wait_left = std::min(*call.trace->allowed / 2, kLongestWait);
  call.max_sends = route.retry.max_attempts;
  if (call.request.facts.stream)
    call.delivery.expect_stream(call.own ? HoldBack{.complete = true} : route.stream.hold_back,
                                !call.request.facts.include_usage);
  call.patience_left = std::min(route.patience, kLongestWait);
  if (route.on_exhausted == OnExhausted::wait)
    call.exhausted_wait_left = std::min(route.exhausted_wait, kLongestWait);
  call.deadline_timer =
      engines_.due.add(call.deadline, {Due::Kind::call_deadline, call.request.call});
  call.trace->say(
      Stage::begin, [&] { return describe_request(engines_, call, now_); }, now_);
  run(call, Next::admit);
}

// Who is it, and may they send now? Every account of the chain says yes or none is touched.
Next Life::admit(Call& call) {
  const int64_t tokens = tokens_to_admit(engines_, call, now_);
  for (AccountIndex index : call.accounts) {
    engine::Allowance allowance = engines_.accounts[index].limits.would_allow(tokens, now_);
    if (allowance) continue;
    const std::string& name = engines_.config->accounts[index].name;
    engines_.metrics.rate_limited(index);
    call.trace->say(Stage::admit, "account " + name + " is over its limit", now_);
    return answer(call, rate_limited(name, allowance));
  }
  for (AccountIndex index : call.accounts)
    call.places.push_back(engines_.accounts[index].limits.take(tokens, call.leases_end(), now_));
  call.tokens_admitted = tokens;
  return Next::look_up;
}

// Do we already know the answer? Is somebody asking for it?
Next Life::look_up(Call& call) {
  if (call.own || !engines_.config->routes[call.route].cache) return Next::choose;
  const CacheLook look = look_into_cache(engines_, call, now_);
  call.trace->cache = look.result;
  call.trace->say(Stage::look_up, look.why, now_);
  if (look.result == "stale") refresh_beside(engines_, call, now_);
  if (look.reply) return give(call, *look.reply);
  return look.result == "miss" ? join(call) : Next::choose;
}

Next Life::give(Call& call, const engine::CachedReply& reply) {
  call.from_cache = true;
  call.downgraded.clear();  // of what was asked itself
  Answer cached = cached_answer(engines_, reply, now_);
  cached.stale = call.trace->cache == "stale";
  if (call.request.facts.stream) deliver_cached(call, cached);
  return answer(call, std::move(cached));
}

// Which target and key next? Filters peek, the policy orders, the money decides, the winner takes
// all.
Next Life::choose(Call& call) {
  if (remaining(call.deadline, now_) <= Duration::zero())
    return answer(call, deadline_exceeded(engines_, call));
  const Survey seen = survey(engines_, call, now_);
  const Plan planned = plan(engines_, call, seen, actions_);
  call.trace->consider([&] { return choice_of(engines_, call, seen, planned, now_); });
  const RoutePolicies& policies = engines_.routes[call.route].policies;
  if (planned.refused) return answer(call, policy_refused(*policies.routing, *planned.refused));
  if (planned.order.empty()) return call.resuming ? Next::respond : nowhere(call, seen);
  Funding funding = fund(engines_, call, seen, planned, actions_, now_);
  if (funding.refused) return answer(call, policy_refused(*policies.cost, *funding.refused));
  if (funding.awaits_lease) return await_lease(call);
  if (!funding.candidate) {
    tell_budget_exhausted(engines_, call, funding, actions_, now_);
    if (call.tries > 0) return Next::respond;  // no retry; the client gets the upstream's error
    return answer(call, budget_exceeded(engines_, call, funding, now_));
  }
  call.attempt = take(engines_, call, seen, funding, actions_, now_);
  call.trace->took(call.attempt->target, funding.hold);
  call.lease_by.reset();
  note_downgrade(engines_, call, funding, actions_, now_);
  call.pinned.reset();
  call.trace->say(
      Stage::choose, [&] { return describe_choice(engines_, call, seen, funding); }, now_);
  return Next::attempt;
}

// Send it. From here the driver reports Sent and Finished, or time runs out.
Next Life::attempt(Call& call) {
  Attempt& attempt = *call.attempt;
  call.waiting_told = false;
  ++call.tries;
  ++call.candidates[attempt.candidate].attempts;
  engines_.metrics.require(call.tries <= 2 * call.max_sends, Invariant::sends);
  engines_.metrics.require(now_ < call.deadline, Invariant::deadline);
  engines_.attempts.emplace(attempt.id, call.request.call);
  attempt.limit_timer = engines_.due.add(attempt.limit, {Due::Kind::attempt_limit, attempt.id});
  const Instant connect_by = now_ + engines_.config->connect_timeout;
  if (connect_by < attempt.limit)
    attempt.connect_timer = engines_.due.add(connect_by, {Due::Kind::connect_limit, attempt.id});
  expect_in_time(engines_, call, now_);
  if (call.request.facts.stream && !call.rival) speak(call);
  call.trace->say(
      Stage::attempt, [&] { return describe_attempt(engines_, call, now_); }, now_);
  actions_.push_back(send_of(engines_, call));
  if (call.paused) actions_.push_back(Pause{attempt.id, true});
  return Next::wait;
}

void Life::sent(Call& call) {
  if (!call.attempt || call.attempt->sent) return;
  call.attempt->sent = now_;
  engines_.due.remove(call.attempt->connect_timer);
  ++call.sends;
  engines_.metrics.require(call.sends <= call.max_sends, Invariant::sends);
}

// The exchange is over: as the driver says, or because a limit passed.
void Life::finished(Call& call, Finished&& event) {
  if (!call.attempt) return;
  Attempt& attempt = *call.attempt;
  if (call.request.facts.stream) event.outcome = outcome_of_stream(call, std::move(event.outcome));
  hide_keys(engines_.provider_of(attempt.target), event.outcome, event.reply);
  attempt.outcome = std::move(event.outcome);
  attempt.reply = std::move(event.reply);
  attempt.reused_connection = event.reused_connection;
  if (!event.fields.empty()) attempt.fields = std::move(event.fields);
  run(call, Next::classify);
}

void Life::give_up(Call& call, Outcome outcome) {
  actions_.push_back(Abort{call.attempt->id});
  call.attempt->given_up = true;
  finished(call, {.attempt = call.attempt->id, .outcome = std::move(outcome)});
}

void Life::time_is_up(Call& call) {
  if (!call.attempt) return;
  if (call.attempt->limit >= call.deadline) return deadline_passed(call);
  if (call.request.facts.stream) return stream_is_late(call);
  give_up(call, timed_out(call.attempt->sent.has_value(), "no answer within the attempt's limit"));
}

void Life::connect_is_late(Call& call) {
  if (!call.attempt || call.attempt->sent) return;
  give_up(call, timed_out(false, "no connection within the connect limit"));
}

// What does this outcome mean?
Next Life::classify(Call& call) {
  Attempt& attempt = *call.attempt;
  if (!attempt.sent && attempt.outcome.ended != Ended::not_sent &&
      attempt.outcome.ended != Ended::cancelled)
    sent(call);  // an answer came, so something left, whatever the driver has told
  attempt.verdict = engine::classify(
      attempt.outcome, {.bills_errors = engines_.provider_of(attempt.target).bills_errors});
  if (!attempt.sent) attempt.verdict.billed = Billed::no;
  if (call.rival && ends_the_race(engines_, call, attempt.verdict)) drop_rival(call);
  call.last = attempt.verdict;
  call.candidates[attempt.candidate].last = attempt.verdict.cls;
  call.trace->say(
      Stage::classify, [&] { return describe_outcome(engines_, attempt); }, now_);
  return Next::settle;
}

// Give everything back exactly once, before any wait: money, permit, key, limits, health.
Next Life::settle(Call& call) {
  Attempt attempt = std::move(*call.attempt);
  call.attempt.reset();
  engines_.attempts.erase(attempt.id);
  engines_.due.remove(attempt.limit_timer);
  engines_.due.remove(attempt.connect_timer);
  engines_.due.remove(attempt.hedge_timer);
  call.last_cooldown.reset();
  AttemptRecord record = record_of(engines_, attempt, now_);
  settle_money(engines_, call, attempt, record, actions_, now_);
  settle_engines(engines_, call, attempt, actions_, now_);
  observe(engines_, call, attempt, record, now_);
  engines_.metrics.attempt(record);
  call.trace->say(
      Stage::settle, [&] { return describe_settlement(record); }, now_);
  call.trace->attempts.push_back(std::move(record));
  if (!call.last_cooldown && attempt.outcome.hint.after)
    call.last_cooldown = std::min(*attempt.outcome.hint.after, kServerDelayMax);
  call.previous = attempt.candidate;
  call.last_key = attempt.key->key;
  call.clamped = attempt.clamped;
  call.last_outcome = std::move(attempt.outcome);
  call.last_reply = std::move(attempt.reply);
  call.reply_fields = std::move(attempt.fields);
  return attempt.verdict.cls == Class::ok ? Next::respond : Next::retry;
}

// Same target, another key, another target, a wait, or the end?
Next Life::retry(Call& call) {
  rule_out(engines_, call, now_);
  if (call.rival) return go_on_alone(call);
  if (call.delivery.committed()) return resume(call);
  const Survey seen = survey(engines_, call, now_);
  const Situation situation = situation_of(engines_, call, seen, now_);
  const Move move = next_move(situation);
  call.trace->say(
      Stage::retry, [&] { return describe_move(move); }, now_);
  if (move.uses_patience) call.patience_left = call.patience_left - move.wait;
  switch (move.kind) {
    case Move::Kind::stop:
      return Next::respond;
    case Move::Kind::here:
      if (move.wait > Duration::zero()) return wait(call, move.wait, call.previous);
      call.pinned = call.previous;
      return Next::choose;
    case Move::Kind::same_model:
      call.pinned = same_model_elsewhere(engines_, call, seen);
      return Next::choose;
    case Move::Kind::elsewhere:
      call.candidates[*call.previous].avoid = true;
      if (move.wait > Duration::zero()) return wait(call, move.wait, std::nullopt);
      return Next::choose;
    case Move::Kind::other_route:
      return go_to_other_route(engines_, call, now_);
    case Move::Kind::nowhere:
      call.trace->consider([&] { return choice_of(engines_, call, seen, {}, now_); });
      return nowhere(call, seen);
  }
  return Next::respond;
}

// The answer, or the last error as the client should see it.
Next Life::respond(Call& call) {
  const bool complete = call.last.cls == Class::ok || call.last_outcome.content_filtered;
  if (call.request.facts.stream && complete) end_stream(call);
  if (call.last.cls == Class::ok) {
    land_flight(engines_, call, store_in_cache(engines_, call, now_), now_);
    return answer(call, success(engines_, call));
  }
  return answer(call, last_error(engines_, call));
}

// Handed over exactly once; what admit took goes back; the call is closed.
Next Life::answer(Call& call, Answer answer) {
  if (wait_on(call, answer)) return Next::wait;
  if (const CacheLook kept = look_instead_of(engines_, call, answer, now_); kept.reply) {
    call.trace->cache = kept.result;
    call.trace->say(Stage::respond, kept.why, now_);
    return give(call, *kept.reply);
  }
  if (!call.delivery.finish()) return Next::over;
  answer.cost = call.cost;
  answer.sends = call.sends;
  answer.tries = call.tries;
  answer.downgraded = call.downgraded;
  answer.last_verdict = call.last;
  if (call.tries > 0 && !answer.cached) answer.fields = call.reply_fields;
  if (call.stream_begun) conclude_stream(call, answer);
  call.trace->ended = now_;
  if (!engines_.config->request_log_path.empty() && !call.trace->route.empty())
    call.trace->identity = log_identity(call.request, call.canonical);
  call.trace->say(
      Stage::respond, [&] { return describe_answer(engines_, call, answer); }, now_);
  answer.trace = call.trace;
  close(call);
  if (call.own) {
    conclude_refresh(engines_, call, std::move(answer), actions_);
    return Next::over;
  }
  engines_.traces->keep(*call.trace);
  engines_.metrics.cache(call.trace->cache);
  engines_.metrics.request(call.trace->route.empty() ? kNoRoute : call.route, answer,
                           elapsed(call.began, now_));
  actions_.push_back(Respond{call.request.call, std::move(answer)});
  return Next::over;
}

void Life::deadline_passed(Call& call) {
  if (call.attempt) {
    const bool complete = call.attempt->stream.finished && call.delivery.caught_up();
    withdraw(call, timed_out(call.attempt->sent.has_value(), "the request's deadline passed"));
    if (complete) return run(call, Next::respond);
  }
  run(call, answer(call, deadline_exceeded(engines_, call)));
}

void Life::cancel(Call& call) {
  if (call.attempt) {
    Outcome outcome;
    outcome.ended = Ended::cancelled;
    outcome.message = "the caller went away";
    withdraw(call, std::move(outcome));
  }
  run(call, answer(call, cancelled()));
}

// What is in flight is closed and settled, and nothing follows it.
void Life::withdraw(Call& call, Outcome outcome) {
  if (call.rival) drop_rival(call);
  actions_.push_back(Abort{call.attempt->id});
  call.attempt->given_up = true;
  if (call.request.facts.stream) outcome = outcome_of_stream(call, std::move(outcome));
  call.attempt->outcome = std::move(outcome);
  classify(call);
  settle(call);
}

void Life::close(Call& call) {
  leave_flight(engines_, call, now_);
  engines_.due.remove(call.deadline_timer);
  engines_.due.remove(call.wait_timer);
  engines_.due.remove(call.keep_timer);
  if (call.sole_result) {
    const auto& last = *call.sole_result;
    engines_.targets[last.target].breaker.record(last.epoch, last.effect, last.slow, now_);
    breaker_moved(engines_, last.target, actions_, now_);
  }
  for (size_t i = 0; i < call.places.size(); ++i)
    engines_.accounts[call.accounts[i]].limits.give_back(
        call.places[i], call.tokens_admitted, tokens_spent(call), keeps_its_request(call), now_);
  call.closed = true;
}

}  // namespace keel::relay
