#include "relay/refreshing.hpp"

#include "relay/caching.hpp"
#include "relay/engines.hpp"

#include <utility>

namespace keel::relay {

using engine::SingleFlight;

void refresh_beside(Engines& engines, Call& call, Instant now) {
  const CallId id = engines.next_own_call++;
  const SingleFlight::Seat seat =
      engines.flights.join(flight_identity(engines, call), call.canonical, id, now);
  if (seat == SingleFlight::kNone || !engines.flights.asks(seat)) {
    if (seat != SingleFlight::kNone) engines.flights.leave(seat, now);  // whoever asks goes on
    call.trace->say(Stage::look_up, "somebody asks for a fresh one already", now);
    return;
  }
  Request request = call.request;
  request.call = id;
  request.id += ".refresh";
  request.timeout = Duration::max();
  engines.refreshes.emplace(id,
                            PendingRefresh{std::move(request), call.canonical, call.digest, seat});
  engines.due.add(now, {Due::Kind::refresh, id});
  call.trace->say(Stage::look_up, "a fresh one is asked for as " + call.request.id + ".refresh",
                  now);
}

std::unique_ptr<Call> refresh_of(Engines& engines, CallId id) {
  auto pending = engines.refreshes.extract(id);
  auto call = std::make_unique<Call>();
  call->own = true;
  call->request = std::move(pending.mapped().request);
  call->canonical = std::move(pending.mapped().canonical);
  call->digest = pending.mapped().digest;
  call->seat = pending.mapped().seat;
  return call;
}

void conclude_refresh(Engines& engines, const Call& call, Answer answer, Actions& actions) {
  engines.metrics.refresh(answer.kind == AnswerKind::ok);
  if (call.tries == 0) return;
  engines.traces->keep(*call.trace);
  actions.push_back(Refreshed{call.request.call, std::move(answer)});
}

}  // namespace keel::relay
