#pragma once
// Header fields of HTTP as wire/ sees them: names in lower case, in the order they came.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::wire {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first field of that name, without the blanks around its value.
inline std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [field, value] : headers) {
    if (field != name) continue;
    std::string_view text = value;
    size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    size_t end = text.find_last_not_of(" \t") + 1;
    return text.substr(begin, end > begin ? end - begin : 0);
  }
  return std::nullopt;
}

// May this stand in a header? libcurl sends what it is given, so a line break in a key or a name
// would add a header (SEMANTICS T8). Printable ASCII and blanks only.
inline bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
}

}  // namespace keel::wire
