#pragma once
// YAML (of which JSON is a part) as one JSON value, so that scripts have one reader.

#include "base/result.hpp"

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace keel::mock {

// Error code `bad_yaml`, with line and column.
Result<nlohmann::json> json_of_yaml(std::string_view text);

}  // namespace keel::mock
