#pragma once
// Events as a caller gets them, read without wire/.

#include "sim/stream_plan.hpp"

#include <string>
#include <string_view>

namespace keel::sim {

// The first of the plan's frames [from, to) with these very bytes.
const Frame* find_frame(const StreamPlan& plan, size_t from, size_t to, std::string_view bytes);

// One event that was rewritten on its way, or is of no plan. Gives what is wrong with it, or
// nothing; `id` and `model` stay empty where it has none.
std::string read_frame(std::string_view bytes, Frame& out, std::string& id, std::string& model);

}  // namespace keel::sim
