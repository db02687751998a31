#pragma once
// What a stream adds to the life of a request (SEMANTICS A4): when it is too late, how it ended,
// who may go on with it once it broke. streaming.cpp also has the stream's part of Life.

#include "relay/survey.hpp"

#include <optional>

namespace keel::relay {

// How an attempt at this target stands to what has been delivered.
Speech speech_of(const Engines& engines, const Call& call, TargetIndex target);
// No content by then, and another target may have it: the route's limit, or three times the slowest
// percent this target is known for.
Duration first_token_limit(const Engines& engines, const Call& call, TargetIndex target,
                           Instant now);
// A good answer whose first token took longer than the route's limit for such models.
bool is_slow(const Engines& engines, const Call& call, const Attempt& attempt);
// The caller's deadline cut it, not the target: that says nothing about the target's health.
bool stream_cut_short(const Engines& engines, const Call& call, const Attempt& attempt,
                      Instant now);
// How the attempt in flight ended. A finish_reason makes a stream complete, whatever came after;
// without one it is cut, whatever its framing says. A replay that is complete and has not said all
// of what was delivered is another answer.
Outcome outcome_of_stream(Call& call, Outcome transport);

// May this candidate go on with the broken stream in the way call.resuming says?
bool can_resume(const Engines& engines, const Call& call, uint32_t candidate);
// The same model elsewhere, then here once more, then anybody else; here again only where nobody
// else is left.
std::optional<uint32_t> who_resumes(const Engines& engines, const Call& call, const Survey& survey);
// What a caller of a begun stream is told at its end.
void conclude_stream(const Call& call, Answer& answer);

}  // namespace keel::relay
