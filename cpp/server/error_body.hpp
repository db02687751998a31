#pragma once
// Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code"}}. Ours have
// our codes (CONVENTIONS.md, "Errors"); a provider's last error keeps its own bytes.

#include "http/message.hpp"
#include "relay/events.hpp"

#include <string>
#include <string_view>

namespace keel::server {

// What the gateway itself refuses, before a relay sees it.
http::Reply refusal(int status, std::string_view code, std::string_view message,
                    std::string_view param = {});

// The body of an answer that is not ok.
std::string error_body(const relay::Answer& answer);

// The same within a stream: one event, and no end marker behind it.
std::string error_event(const relay::Answer& answer);

// A call that was cut off because the gateway ends: the client is still there and may ask again.
void say_shutting_down(relay::Answer& answer, bool streamed);

}  // namespace keel::server
