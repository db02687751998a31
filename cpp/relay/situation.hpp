#pragma once
// What a failed attempt rules out for the rest of its request, and the situation the next move is
// decided from.

#include "relay/config.hpp"
#include "relay/next_move.hpp"
#include "relay/survey.hpp"

namespace keel::relay {

// The "action" column of SEMANTICS A2, as far as it forbids: marks targets and keys of this
// request.
void rule_out(const Engines& engines, Call& call, Instant now);

Situation situation_of(Engines& engines, const Call& call, const Survey& survey, Instant now);
// Side effects are repeated only where the last attempt was surely not billed.
bool safe_to_repeat(const Call& call);
bool may_send_again(const Call& call);
std::optional<uint32_t> same_model_elsewhere(const Engines& engines, const Call& call,
                                             const Survey& survey);

// When the first of the targets that are only busy may be free again.
struct Earliest {
  Instant at = Instant::never();
  bool behind_a_breaker = false;
  uint32_t candidate = 0;
  // One of them answers others right now, and lets in more as it does: half-open, closed a moment
  // ago, with as many in flight as it bears, or only out of the route's extra sends.
  bool others_are_let_in = false;
};
Earliest earliest_of(const Survey& survey);

Outcome timed_out(bool sent, std::string message);

}  // namespace keel::relay
