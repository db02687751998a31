#pragma once
// Addresses a configuration may name (SEMANTICS T2): an upstream is reached by https, in plain text
// only on a loopback literal or where allow_plaintext says so, and its URL is nothing but scheme,
// host, port and path.

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace keel::relay {

// The URL with a lower-case scheme and host and no slash at its end; the error says what was
// wanted.
Result<std::string> check_base_url(std::string_view url, bool allow_plaintext);
// A path below a base URL: begins with '/', no query, no fragment, no dot segments.
bool is_plain_path(std::string_view path);

}  // namespace keel::relay
