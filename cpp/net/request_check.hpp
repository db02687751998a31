#pragma once
// libcurl sends what it is given, so a line break in a header or a path would add lines to the
// request (SEMANTICS T8). This is where every request passes before it is sent.

#include "net/upstream.hpp"

#include <string>

namespace keel::net {

// Empty when the request may be sent as it is; else what is wrong with its path or which header,
// never a header's value. Names are tokens, values without control characters but tabs; what frames
// the request or names its target (host, content-length, transfer-encoding, ...) is the transport's
// own.
std::string why_unsendable(const HttpRequest& request);

}  // namespace keel::net
