#include "net/ca_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <curl/curl.h>
#include <unistd.h>

namespace keel::net {

namespace {

constexpr const char* kKnownStores[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // CentOS, RHEL 7 and later
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
    "/etc/ssl/cert.pem",                                  // Alpine, the BSDs
};

bool readable(const char* path) {
  return path && *path && ::access(path, R_OK) == 0;
}

const char* libcurl_default() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  return info->age >= CURLVERSION_SEVENTH ? info->cainfo : nullptr;
}

}  // namespace

Result<std::string> trusted_ca_file(const std::string& wanted) {
  if (!wanted.empty()) {
    if (readable(wanted.c_str())) return wanted;
    return Error{"unreadable_ca_file", wanted,
                 std::string("wanted a PEM file of certificates: ") + std::strerror(errno)};
  }
  if (const char* named = std::getenv("SSL_CERT_FILE"); readable(named)) return std::string(named);
  if (const char* own = libcurl_default(); readable(own)) return std::string(own);
  for (const char* known : kKnownStores) {
    if (readable(known)) return std::string(known);
  }
  return std::string();
}

}  // namespace keel::net
