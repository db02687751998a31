#pragma once
// Text that comes from elsewhere: is it UTF-8, and which known name did its writer mean?

#include <string>
#include <string_view>
#include <vector>

namespace keel::policy {

// Well-formed by RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// The name at the smallest edit distance (Levenshtein), the first of equals; empty when every name
// is further off than half of the longer word.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& names);

// "; the nearest name is 'x'" or "; known: 'a', 'b'" or "; there are none".
std::string suggestion(std::string_view name, const std::vector<std::string_view>& names);

std::string quoted_list(const std::vector<std::string_view>& names);

}  // namespace keel::policy
