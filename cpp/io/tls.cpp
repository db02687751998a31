#include "io/tls.hpp"

#include <fstream>
#include <optional>
#include <sstream>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>

namespace keel::io {

namespace ssl = boost::asio::ssl;

namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

boost::asio::const_buffer bytes_of(std::string_view text) {
  return boost::asio::buffer(text.data(), text.size());
}

Error refused(const char* what, const boost::system::error_code& ec) {
  return {"bad_certificate", what, "wanted PEM that OpenSSL accepts, found: " + ec.message()};
}

}  // namespace

Result<TlsContext> server_tls(std::string_view cert_chain_pem, std::string_view key_pem) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  boost::system::error_code ec;
  context->use_certificate_chain(bytes_of(cert_chain_pem), ec);
  if (ec) return refused("certificate", ec);
  context->use_private_key(bytes_of(key_pem), ssl::context::pem, ec);
  if (ec) return refused("private key", ec);
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return Error{"bad_certificate", "private key", "it does not belong to the certificate"};
  }
  return context;
}

Result<TlsContext> server_tls_from_files(const std::string& cert_file,
                                         const std::string& key_file) {
  auto cert = read_file(cert_file);
  if (!cert) return Error{"unreadable_file", cert_file, "cannot read the certificate"};
  auto key = read_file(key_file);
  if (!key) return Error{"unreadable_file", key_file, "cannot read the private key"};
  return server_tls(*cert, *key);
}

}  // namespace keel::io
