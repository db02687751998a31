#pragma once
// Addresses a configuration may name (SEMANTICS T2): an upstream is reached by https, in plain text
// only on a loopback literal or where allow_plaintext says so, and its URL is nothing but scheme,
// host, port and path.

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace keel::relay {

enum class HostKind : uint8_t { bad, name, loopback, unspecified, address };
// A name, a dotted IPv4 address, or an IPv6 address in brackets; lower case.
HostKind host_kind(std::string_view host);

// The URL with a lower-case scheme and host and no slash at its end; the error says what was
// wanted.
Result<std::string> check_base_url(std::string_view url, bool allow_plaintext);
// A path below a base URL: begins with '/', no query, no fragment, no dot segments.
bool is_plain_path(std::string_view path);

}  // namespace keel::relay
