#include "http/message.hpp"

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace keel::http {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 508:
      return "Loop Detected";
    case 499:
      return "Client Closed Request";
    case 529:
      return "Overloaded";
    default:
      return "Status";
  }
}

std::string http_date(int64_t unix_seconds) {
  auto time = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[64];
  size_t n = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text, n};
}

namespace {

constexpr size_t kUsualHead = 1000;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Whatever is in a field, it does not end one.
void append_field(std::string_view name, std::string_view value, std::string& out) {
  const size_t begin = out.size();
  out.append(name).append(": ").append(value);
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_control, ' ');
  out += "\r\n";
}

}  // namespace

void write_head(const Reply& reply, const ReplyFraming& framing, std::string_view date,
                std::string& out) {
  out.reserve(out.size() + kUsualHead);
  out += "HTTP/1.1 ";
  out += std::to_string(reply.status);
  out += ' ';
  out += reason_of(reply.status);
  out += "\r\n";
  append_field("date", date, out);
  if (!reply.content_type.empty()) append_field("content-type", reply.content_type, out);
  for (const auto& [name, value] : reply.fields) append_field(name, value, out);
  if (framing.length) {
    append_field("content-length", std::to_string(*framing.length), out);
  } else if (framing.minor_version == 1) {
    append_field("transfer-encoding", "chunked", out);
  }
  if (!framing.keep_alive) append_field("connection", "close", out);
  out += "\r\n";
}

}  // namespace keel::http
