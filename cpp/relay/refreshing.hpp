#pragma once
// What a stale answer brings about (SEMANTICS A9, stale-while-revalidate): one request of the
// relay's own that asks anew. It goes by the limits and the money of the tenant who was given the
// stale answer, until the route's deadline; nobody is answered by it, and equal requests that come
// meanwhile may wait for it.

#include "relay/call.hpp"

#include <memory>

namespace keel::relay {

// For a call that is given a stale answer: asks anew, in an event of its own, unless somebody does
// already. What was decided stands in the call's trace.
void refresh_beside(Engines& engines, Call& call, Instant now);
// The call that carries it out, to be begun.
std::unique_ptr<Call> refresh_of(Engines& engines, CallId id);
// How it went. One that came to nothing before anything was tried leaves a count and no more.
void conclude_refresh(Engines& engines, const Call& call, Answer answer, Actions& actions);

}  // namespace keel::relay
