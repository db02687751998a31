#pragma once
// The text of a configuration as one YAML document. JSON is read too: its surrogate pairs, which
// YAML does not know, are understood.

#include "config/reader.hpp"

#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace keel::relay {

// The document's root, or nothing and a problem.
std::optional<YAML::Node> parse_document(std::string_view text, std::vector<Problem>& problems);

}  // namespace keel::relay
