#pragma once
// After a failed attempt: try here again, try elsewhere, wait, or stop (SEMANTICS A2 "action"
// column and A3). A pure function of the situation, so that the table can be read and tested alone.

#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/backoff.hpp"

#include <optional>

namespace keel::relay {

// Later attempts need at least this much of the deadline (SEMANTICS A1).
inline constexpr Duration kMinUseful = seconds(1);
// A wait for a server's delay is never longer than this.
inline constexpr Duration kServerDelayMax = minutes(10);  // a server's delay counts for no more
inline constexpr Duration kLongestWait = seconds(120);

struct Situation {
  Class cls = Class::transient;
  bool stop_target = false;    // x-should-retry: false
  bool safe_to_repeat = true;  // false: side effects, and it may have been billed
  bool sole = false;           // the target is the only one on every route that names it
  int attempts_here = 1;       // made at this target in this request, the failed one included
  bool here_now = false;       // the same target could be taken now (with another key if need be)
  bool here_then = true;       // ... or once it is left alone for a while: its breaker is not open
  bool other_key_now = false;  // ... with a key other than the one that failed
  bool elsewhere = false;      // another target of the route could be taken now
  bool fresh_elsewhere = false;  // ... one that has not failed this request yet
  bool elsewhere_same_model = false;
  bool other_provider = false;  // a target of a provider that has not failed this request, now
  bool other_route = false;     // targets of another route may be asked: the request or its route
                                // names one that has not been asked yet
  bool fallback_on_policy = false;
  bool retry_silent = false;
  std::optional<Duration> cooldown;  // how long the server asked us to leave (key, model) alone
  Duration patience_left;
  Duration time_left;
  int sends_left = 0;
  int tries_left = 0;
  engine::BackoffSettings backoff;
  double unit = 0;  // uniform in [0, 1)
};

struct Move {
  enum class Kind : uint8_t {
    stop,        // answer with what we have
    here,        // the same target after `wait`
    same_model,  // another target of the same model, now
    elsewhere,   // choose again after `wait`: none to a target that has not failed yet
    other_route,
    nowhere,  // nobody can take it now: wait for the earliest, or give up
  };
  Kind kind = Kind::stop;
  Duration wait;
  bool uses_patience = false;
  const char* why = "";
};

Move next_move(const Situation& situation);

}  // namespace keel::relay
