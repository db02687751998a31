#include "net/curl_failure.hpp"

#include <cstring>

namespace keel::net {

namespace {

std::string tls_failure(CURL* easy, CURLcode result, const char* text, const std::string& where) {
  std::string all = "TLS with " + where + ": ";
  if (result != CURLE_PEER_FAILED_VERIFICATION) return all + text;
  long verified = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verified);
  // Numbers of X509_V_ERR_*, part of OpenSSL's stable interface (x509_vfy.h).
  switch (verified) {
    case 9:
      all += "the certificate is not yet valid";
      break;
    case 10:
      all += "the certificate has expired";
      break;
    case 18:
    case 19:
    case 20:
    case 21:
      all += "the certificate is from an authority that is not trusted";
      break;
    default:  // libcurl compares the name by itself, when the chain was found good
      all += std::strstr(text, "target host name") ? "the certificate is for another host"
                                                   : "the certificate was refused";
      break;
  }
  return all + " (" + text + ")";
}

}  // namespace

std::string why_not_sent(CURL* easy, CURLcode result, const char* detail,
                         const std::string& where) {
  const char* text = detail[0] ? detail : curl_easy_strerror(result);
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "DNS: " + std::string(text);
    case CURLE_COULDNT_CONNECT: {
      long number = 0;
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
      const char* reason = number != 0 ? std::strerror(static_cast<int>(number)) : text;
      return "connect to " + where + ": " + reason;
    }
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return tls_failure(easy, result, text, where);
    default:
      return where + ": nothing was sent: " + text;
  }
}

}  // namespace keel::net
