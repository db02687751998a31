// Life's part for when nobody can take a call just now: where else it may go, how long it may wait,
// and when to say no.

#include "engine/backoff.hpp"
#include "relay/admission.hpp"
#include "relay/answers.hpp"
#include "relay/call.hpp"
#include "relay/engines.hpp"
#include "relay/next_move.hpp"
#include "relay/situation.hpp"
#include "relay/telling.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

// Nobody can take it now: go to another model the request names, wait for the earliest who may,
// go to the route that is named for this, or say so.
Next Life::nowhere(Call& call, const Survey& seen) {
  const RouteConfig& route = engines_.config->routes[call.route];
  const Earliest earliest = earliest_of(seen);
  const bool may_go_on = may_send_again(call) && safe_to_repeat(call);
  if (may_go_on && !call.other_routes.empty()) return go_to_other_route(engines_, call, now_);
  const Duration asked = remaining(earliest.at, now_);
  const Duration delay = engine::spread_server_delay(asked, engines_.random.unit());
  const bool to_other_route = route.on_exhausted == OnExhausted::other_route;
  Duration allowed = call.exhausted_wait_left;
  if (!earliest.behind_a_breaker) allowed = std::max(allowed, call.patience_left);
  if (earliest.others_are_let_in && !to_other_route)
    allowed = std::max(allowed, call.trial_wait_left);
  if (may_go_on && asked <= allowed && delay + kMinUseful <= remaining(call.deadline, now_)) {
    call.patience_left = std::max(call.patience_left - delay, Duration::zero());
    call.exhausted_wait_left = std::max(call.exhausted_wait_left - delay, Duration::zero());
    call.trial_wait_left = std::max(call.trial_wait_left - delay, Duration::zero());
    if (!std::exchange(call.waiting_told, true))  // once for waits in a row
      call.trace->say(
          Stage::retry, [&] { return describe_wait(engines_, seen, delay); }, now_);
    return wait(call, delay, std::nullopt);
  }
  if (to_other_route && may_go_on) return go_to_other_route(engines_, call, now_);
  call.trace->say(Stage::retry, describe_exhaustion, now_);
  if (call.tries > 0) return Next::respond;
  return answer(call, no_target(engines_, seen, now_));
}

Next Life::wait(Call& call, Duration delay, std::optional<uint32_t> pin) {
  call.pinned = pin;
  if (!call.parked) call.trace->paused = call.trace->paused + delay;
  call.wait_timer = engines_.due.add(now_ + delay, {Due::Kind::call_wait, call.request.call});
  return Next::wait;
}

void Life::wait_is_over(Call& call) {
  call.wait_timer = DueTimes::kNone;
  call.awaits_lease = false;
  run(call, call.parked ? lose_patience(call) : Next::choose);
}

}  // namespace keel::relay
