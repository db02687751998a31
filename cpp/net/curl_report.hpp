#pragma once
// Which libcurl runs, and whether it is one to be warned of (SEMANTICS T7). The library is the
// system's, so this is known at run time only.

#include <optional>
#include <string>

namespace keel::net {

// `version` as in curl_version_info: 0x075801 is 7.88.1. Nothing: no known problem with the way it
// is used here. One sentence else.
std::optional<std::string> known_problem(unsigned version);

// libcurl and what it is built on, as it names them itself, and the problem if it has one.
std::string upstream_report();

}  // namespace keel::net
