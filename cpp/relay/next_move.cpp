#include "relay/next_move.hpp"

namespace keel::relay {

namespace {

using Kind = Move::Kind;

bool final_everywhere(const Situation& s) {
  return s.cls == Class::fatal || s.cls == Class::cancelled ||
         (s.cls == Class::policy && !s.fallback_on_policy);
}

Duration backoff(const Situation& s, Duration scale) {
  return engine::backoff_delay(s.attempts_here, scale, s.backoff.cap, s.backoff.jitter, s.unit);
}

bool someone_fresh(const Situation& s) {
  return s.fresh_elsewhere || s.other_route;
}

// The first move to another target costs no wait; going back to one that failed before does.
Move leave(const Situation& s, const char* why) {
  if (s.fresh_elsewhere) return {Kind::elsewhere, {}, false, why};
  if (s.other_route) return {Kind::other_route, {}, false, why};
  if (!s.elsewhere) return {Kind::nowhere, {}, false, why};
  Duration delay = backoff(s, s.backoff.scale);
  if (delay + kMinUseful > s.time_left) return {Kind::stop, {}, false, "no useful time left"};
  return {Kind::elsewhere, delay, false, why};
}

// Transient, broken, not sent: once more here after backoff, then another target; a target that is
// alone is asked as long as sends last.
Move after_a_fault(const Situation& s) {
  if (s.cls == Class::not_sent && someone_fresh(s)) return leave(s, "another target at once");
  const bool first = s.attempts_here == 1;
  const bool last_send_is_kept = someone_fresh(s) && s.sends_left <= 1;
  const bool again =
      s.here_now && !s.stop_target && !last_send_is_kept && (first || !someone_fresh(s));
  if (!again) return leave(s, "another target");
  Duration delay = backoff(s, s.backoff.scale);
  if (delay + kMinUseful > s.time_left) return leave(s, "no time left for backoff here");
  return {Kind::here, delay, false, "once more here after backoff"};
}

// Throttled: another key or the same model elsewhere at once; else wait if patience allows.
Move after_throttling(const Situation& s) {
  const bool last_send_is_kept = (s.elsewhere || s.other_route) && s.sends_left <= 1;
  // Two refusals here are the provider's, not a key's: sends are too few to ask every key.
  const bool leave_it = s.attempts_here >= 2 && s.fresh_elsewhere;
  if (s.cls == Class::throttled_key && s.other_key_now && !last_send_is_kept && !leave_it)
    return {Kind::here, {}, false, "another key"};
  if (last_send_is_kept && s.other_provider) return leave(s, "the last send: another provider");
  if (s.elsewhere_same_model) return {Kind::same_model, {}, false, "the same model elsewhere"};
  if (leave_it) return leave(s, "throttled twice; another target");
  Duration asked = s.cooldown.value_or(backoff(s, s.backoff.throttled_scale));
  Duration wait = engine::spread_server_delay(asked, s.unit);
  if (s.here_then && !s.stop_target && asked <= s.patience_left && asked <= kLongestWait &&
      wait + kMinUseful <= s.time_left && !last_send_is_kept)
    return {Kind::here, wait, true, "wait as asked"};
  return leave(s, s.elsewhere ? "another target" : "nobody else");
}

}  // namespace

Move next_move(const Situation& s) {
  if (final_everywhere(s)) return {Kind::stop, {}, false, "no retry can help"};
  if (!s.safe_to_repeat) return {Kind::stop, {}, false, "it has side effects and may have run"};
  if (s.sends_left <= 0 || s.tries_left <= 0) return {Kind::stop, {}, false, "attempts are spent"};
  if (s.time_left < kMinUseful) return {Kind::stop, {}, false, "no useful time left"};
  switch (s.cls) {
    case Class::not_sent:
    case Class::broken:
    case Class::transient:
      return s.cooldown ? after_throttling(s) : after_a_fault(s);
    case Class::silent:
      return s.retry_silent ? after_a_fault(s) : leave(s, "silent targets are not asked again");
    case Class::throttled_key:
    case Class::throttled_pool:
      return after_throttling(s);
    case Class::provider_overload:
      return s.sole ? after_throttling(s) : leave(s, "another provider");
    case Class::exhausted:
      return s.other_key_now ? Move{Kind::here, {}, false, "a key of another account"}
                             : leave(s, "another target");
    case Class::key_dead:
      return s.other_key_now ? Move{Kind::here, {}, false, "one other key"}
                             : leave(s, "no other key");
    default:
      return leave(s, "another target");
  }
}

}  // namespace keel::relay
