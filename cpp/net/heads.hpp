#pragma once
// What goes from head to head: of the client's into the request upstream, and of the provider's
// reply to the client. Both by allow-list (CONVENTIONS.md).

#include "net/upstream.hpp"
#include "relay/events.hpp"

#include <string_view>

namespace keel::net {

// Appends what the client sends along, the user agent excepted (the dialect's head has it), where
// no header of that name is there already. A value that is none is left out.
void forward_fields(const relay::Fields& forward, Headers& headers);
std::string_view user_agent_of(const relay::Fields& forward);

// The provider's request id as x-keel-upstream-request-id, and its x-ratelimit-*: at most 32 of
// them, each value at most 256 bytes and fit to stand in a header.
relay::Fields fields_for_client(const Headers& reply);

// text/event-stream, in any case and with any parameters.
bool is_event_stream(const Headers& reply);

}  // namespace keel::net
