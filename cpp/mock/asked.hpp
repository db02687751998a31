#pragma once
// Who asks, and the plain replies to what cannot be understood.

#include "http/message.hpp"

#include <string>
#include <string_view>

namespace keel::mock {

// The key of a request, in any provider's header; empty if none.
std::string_view key_of(const http::Head& head);

// "key-" and the first 8 hex digits of the key's SHA-256; "none" without a key.
std::string label_of_key(std::string_view key);

http::Reply refusal(int status, std::string message, const char* code);

}  // namespace keel::mock
