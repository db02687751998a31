#pragma once
// TLS contexts for what we serve. The client's side is libcurl's (net/).

#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}

namespace keel::io {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// A server context, TLS 1.2 or newer, from PEM texts: the certificate with its chain, and its key.
// Error code `bad_certificate` names which of the two was refused and why.
Result<TlsContext> server_tls(std::string_view cert_chain_pem, std::string_view key_pem);

// The same from files; `unreadable_file` when one cannot be read.
Result<TlsContext> server_tls_from_files(const std::string& cert_file, const std::string& key_file);

}  // namespace keel::io
