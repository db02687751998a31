#pragma once
// Who asks and for what: the chain of accounts, the route, and what the request is admitted with.

#include "relay/call.hpp"

namespace keel::relay {

// No request lives longer (SEMANTICS A1).
inline constexpr Duration kLongestCall = seconds(600);

// Fill in the call, or say why it cannot be served.
std::optional<Answer> find_accounts(Engines& engines, Call& call);
std::optional<Answer> find_route(Engines& engines, Call& call);
// Starts over on another route, with what was sent so far still counted: that of the next model
// the request itself names, else the one its route names for when it is exhausted. There must be
// one of the two.
Next go_to_other_route(Engines& engines, Call& call, Instant now);

// Tokens an account's tokens-per-minute limit is asked for at first, and what it comes to at the
// end.
int64_t tokens_to_admit(const Engines& engines, const Call& call, Instant now);
int64_t tokens_spent(const Call& call);
// A request refused before anything was sent gives its place in requests per minute back.
bool keeps_its_request(const Call& call);

}  // namespace keel::relay
