#include "net/request_check.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include <strings.h>

namespace keel::net {

namespace {

bool is_token_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}
// Everything but control characters; a tab is allowed.
bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}
bool is_path(std::string_view path) {
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != '#' && c != '\\';
         });
}

// What would contradict the framing or the target that libcurl writes itself.
bool is_reserved(std::string_view name) {
  static constexpr const char* kReserved[] = {
      "host", "content-length", "transfer-encoding", "connection",         "expect",
      "te",   "upgrade",        "trailer",           "proxy-authorization"};
  return std::any_of(std::begin(kReserved), std::end(kReserved), [name](const char* reserved) {
    return name.size() == std::strlen(reserved) &&
           strncasecmp(name.data(), reserved, name.size()) == 0;
  });
}

}  // namespace

std::string why_unsendable(const HttpRequest& request) {
  if (!is_path(request.endpoint->prefix + request.path)) {
    return "the request's path has a character that may not stand in one";
  }
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return "a request header's name is no token";
    if (is_reserved(name)) return "the request header " + name + " is the transport's own";
    if (!is_field_value(value)) {
      return "the request header " + name + " has a control character in its value";
    }
  }
  return {};
}

}  // namespace keel::net
