#include "mock/asked.hpp"

#include "mock/reply.hpp"

#include <openssl/evp.h>

namespace keel::mock {

std::string_view key_of(const http::Head& head) {
  std::string_view bearer = head.value_of("authorization");
  if (bearer.size() > 7 && http::same_word(bearer.substr(0, 7), "bearer ")) return bearer.substr(7);
  for (const char* name : {"x-api-key", "api-key", "x-goog-api-key"}) {
    if (std::string_view value = head.value_of(name); !value.empty()) return value;
  }
  return {};
}

std::string label_of_key(std::string_view key) {
  if (key.empty()) return "none";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(key.data(), key.size(), digest, &size, EVP_sha256(), nullptr);
  std::string label = "key-";
  for (unsigned i = 0; i < 4; ++i) {
    label += "0123456789abcdef"[digest[i] >> 4];
    label += "0123456789abcdef"[digest[i] & 15];
  }
  return label;
}

http::Reply refusal(int status, std::string message, const char* code) {
  ErrorReply error;
  error.status = status;
  error.message = std::move(message);
  error.type = "invalid_request_error";
  error.code = code;
  return http::Reply(status, error_body(error));
}

}  // namespace keel::mock
