#pragma once
// What an attempt takes before it is sent and gives back when it is over: permit, key lease,
// limits, hold, grants. All or nothing on the way in, exactly once on the way out.

#include "relay/funding.hpp"
#include "relay/survey.hpp"

namespace keel::relay {

// Free load: a failover away from a target whose breaker is open, or that was sent nothing, or that
// says of the request, before it did anything, that it cannot do such things (501).
bool extra_send_is_free(const Engines& engines, const Call& call, uint32_t candidate);

// Takes everything for the funded candidate; the survey of this very instant said that it can.
Attempt take(Engines& engines, Call& call, const Survey& survey, const Funding& funding,
             Actions& actions, Instant now);

// How long an attempt at this candidate may take (SEMANTICS A1).
Duration attempt_limit(const Engines& engines, const Call& call, const Survey& survey,
                       uint32_t candidate, Instant now);

// Posts or releases the hold as the verdict says and writes it into the record.
void settle_money(Engines& engines, Call& call, const Attempt& attempt, AttemptRecord& record,
                  Actions& actions, Instant now);
// Tells breaker, health and latencies what was seen, and returns permit, key and limits.
void settle_engines(Engines& engines, Call& call, const Attempt& attempt, Actions& actions,
                    Instant now);

}  // namespace keel::relay
