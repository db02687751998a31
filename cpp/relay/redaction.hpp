#pragma once
// A provider may repeat the key it was sent: in a 401's message, in a debugging page. Nothing of it
// gets past this point: not to the trace, the log, a notice, or the client.

#include "base/body.hpp"
#include "base/vocabulary.hpp"
#include "relay/config.hpp"

namespace keel::relay {

// Shorter ones are placeholders ("none", "test"); taking them for secrets would garble plain words.
inline constexpr size_t kShortestSecret = 8;

// Replaces every key of the provider by [key] in its words and, unless it is an answer (2xx), in
// its reply.
void hide_keys(const ProviderConfig& provider, Outcome& outcome, Body& reply);

}  // namespace keel::relay
