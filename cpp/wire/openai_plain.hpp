#pragma once
// A complete reply in OpenAI's dialect, given as the stream that it was asked to be.

#include "base/stream.hpp"
#include "wire/exchange.hpp"

#include <vector>

namespace keel::wire {

std::vector<StreamEvent> openai_events_of_plain(Operation operation, const Body& reply);

}  // namespace keel::wire
