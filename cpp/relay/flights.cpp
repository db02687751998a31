// A call's part in a flight of equal requests (SEMANTICS A9): one of them asks, the others wait for
// its answer, each until its own deadline. Who waits has lost nothing by it: where nobody is left
// who asks, the longest waiting does, and where the answer takes too long they ask beside it, one
// after the other.

#include "relay/flights.hpp"

#include "relay/answers.hpp"
#include "relay/caching.hpp"
#include "relay/engines.hpp"
#include "relay/next_move.hpp"
#include "relay/situation.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace keel::relay {

namespace {

using engine::SingleFlight;

Instant half_way(Instant from, Instant to) {
  return from + remaining(to, from) / 2;
}

// True: it was parked.
bool unpark(Call& call, Instant now) {
  if (!call.parked) return false;
  call.trace->waited = call.trace->waited + elapsed(*call.parked, now);
  call.parked.reset();
  return true;
}

void wake(Engines& engines, CallId call, Instant now) {
  engines.due.add(now, {Due::Kind::flight, call});
}

// May this call be given what that target said? Equal requests may still differ in who may answer.
bool may_have(const Engines& engines, const Call& call, TargetIndex target) {
  const auto& targets = engines.config->routes[call.route].targets;
  return std::any_of(targets.begin(), targets.end(), [&](const RouteTarget& entry) {
    return entry.target == target && !(entry.downgrade_only && call.request.no_downgrade);
  });
}

}  // namespace

void leave_flight(Engines& engines, Call& call, Instant now) {
  unpark(call, now);
  if (call.seat == SingleFlight::kNone) return;
  const auto next = engines.flights.leave(std::exchange(call.seat, SingleFlight::kNone), now);
  if (next) wake(engines, *next, now);
}

void land_flight(Engines& engines, Call& call, std::optional<engine::CachedReply> answer,
                 Instant now) {
  if (call.seat == SingleFlight::kNone) return;
  std::vector<SingleFlight::Member> others;
  engines.flights.land(std::exchange(call.seat, SingleFlight::kNone), std::move(answer), others);
  for (CallId other : others) wake(engines, other, now);
}

// Is somebody asking the same right now?
Next Life::join(Call& call) {
  if (call.request.no_store) return Next::choose;  // its answer is for nobody else
  call.seat = engines_.flights.join(flight_identity(engines_, call), call.canonical,
                                    call.request.call, now_);
  if (call.seat == SingleFlight::kNone || engines_.flights.asks(call.seat)) return Next::choose;
  call.parked = now_;
  call.trace->say(Stage::look_up, "another request asks the same right now; wait for its answer",
                  now_);
  return wait(call, remaining(half_way(now_, call.deadline), now_), std::nullopt);
}

// The flight is over, or it is this call's turn to ask.
void Life::flight_moved(Call& call) {
  if (call.seat == SingleFlight::kNone) return;
  const engine::CachedReply* answer = engines_.flights.answer(call.seat);
  if (answer && may_have(engines_, call, answer->target) && !call.delivery.begun())
    return share(call, engine::CachedReply(*answer));  // a copy: it goes with the seat
  const bool was_parked = unpark(call, now_);
  if (engines_.flights.over(call.seat)) leave_flight(engines_, call, now_);
  if (!was_parked) return;
  engines_.due.remove(call.wait_timer);
  call.trace->say(Stage::look_up, "nobody asks for it any more; ask", now_);
  run(call, Next::choose);
}

// Takes what another member was answered, and drops what it may have asked itself.
void Life::share(Call& call, const engine::CachedReply& answer) {
  leave_flight(engines_, call, now_);
  if (call.attempt) {
    Outcome outcome;
    outcome.ended = Ended::cancelled;
    outcome.message = "another request has the answer";
    withdraw(call, std::move(outcome));
  }
  call.trace->cache = "joined";
  call.trace->say(Stage::look_up,
                  engines_.config->targets[answer.target].name + " answered another request", now_);
  run(call, give(call, answer));
}

// It may not ask (no money, nobody free), but somebody asks: a refusal can wait.
bool Life::wait_on(Call& call, const Answer& refusal) {
  if (call.seat == SingleFlight::kNone || call.tries > 0) return false;
  const bool final = refusal.kind == AnswerKind::ok || refusal.kind == AnswerKind::cancelled ||
                     refusal.kind == AnswerKind::deadline_exceeded;
  if (final || !engines_.flights.rest(call.seat)) return false;
  call.parked = now_;
  call.trace->say(Stage::look_up,
                  std::string(name_of(refusal.kind)) + "; wait on for the answer of the others",
                  now_);
  return true;
}

// Half of the time since somebody began to ask is gone, and whoever asks may wait in vain: ask as
// well. The others see it, and wait half of what is left to them then: a silent target costs a
// flight a handful of sends, not one for each.
Next Life::lose_patience(Call& call) {
  if (engines_.flights.over(call.seat)) return Next::wait;  // about to be told
  const Instant until = half_way(engines_.flights.last_began(call.seat), call.deadline);
  if (until > now_) {
    if (remaining(call.deadline, until) >= kMinUseful)
      return wait(call, remaining(until, now_), std::nullopt);
    return Next::wait;  // until its deadline
  }
  unpark(call, now_);
  engines_.flights.begin(call.seat, now_);
  call.trace->say(Stage::look_up, "no answer in half of the time; ask as well", now_);
  return Next::choose;
}

}  // namespace keel::relay
