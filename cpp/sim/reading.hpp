#pragma once
// How the simulator's own documents are read: strictly, by the configuration's reader.

#include "config/node.hpp"
#include "sim/scenario.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace keel::sim {

// Calls `read` with the document's root; false where there is none. Problems in the order of lines.
bool read_text(std::string_view text, const std::function<void(const relay::Value&)>& read,
               std::vector<relay::Problem>& problems);

// A number of tokens, or {p50, spread, most}.
void read_sizes(const relay::Value& value, Sizes& out);

}  // namespace keel::sim
