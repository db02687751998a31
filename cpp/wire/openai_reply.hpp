#pragma once
// Reads complete replies of OpenAI's dialect: one look, no document.

#include "wire/exchange.hpp"

namespace keel::wire {

Decoded decode_openai_reply(Operation operation, int status, const Headers& headers,
                            const Body& reply, int64_t unix_now_ns);
std::string openai_text_of(const Body& reply);

}  // namespace keel::wire
