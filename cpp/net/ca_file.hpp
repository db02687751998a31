#pragma once
// Where the certificates we trust are. A libcurl and OpenSSL carried in a wheel look where the
// system that built them keeps its store; the system they run on may keep it elsewhere.

#include "base/result.hpp"

#include <string>

namespace keel::net {

// `wanted` if given: error code "unreadable_ca_file" when it cannot be read. Else SSL_CERT_FILE,
// then libcurl's own default, then the places other distributions use: the first that can be read.
// Empty when there is none: every TLS connection is refused then.
Result<std::string> trusted_ca_file(const std::string& wanted);

}  // namespace keel::net
