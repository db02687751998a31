#pragma once
// One event of a streamed answer in OpenAI's dialect.

#include "base/stream.hpp"
#include "wire/sse.hpp"

namespace keel::wire {

// What the frame means; `bytes` are the frame's unless it says nothing a client could read. Usage
// is as it stands there, whatever came before.
StreamEvent read_openai_event(Operation operation, const SseFrame& frame);

}  // namespace keel::wire
