#pragma once
// What a handler is given and what it gives back.

#include "http/head.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::http {

// The other end of a connection. `tag` is the handler's own, kept from request to request.
struct Peer {
  uint64_t id = 0;        // unique in a server's life
  uint64_t requests = 0;  // begun on this connection, the current one included
  uint64_t tag = 0;
  std::string address;  // where it is, without the port
};

// A complete request. Head, body and peer live as long as its exchange.
struct Request {
  Head head;
  std::string body;
  Peer* peer = nullptr;
  uint64_t tag = 0;  // the handler's own, set in on_head and seen again in on_request
};

using Fields = std::vector<std::pair<std::string, std::string>>;

// A whole reply, or with an empty body the head of a stream. Length, connection and date fields
// are the session's to write.
struct Reply {
  // Constructors, because g++ 12 destroys an aggregate made inside a co_await expression twice.
  Reply() = default;
  Reply(int with_status, std::string json) : status(with_status), body(std::move(json)) {}

  int status = 200;
  std::string content_type = "application/json";
  Fields fields;
  std::string body;
};

// How the bytes behind a head end.
struct ReplyFraming {
  std::optional<uint64_t> length;  // none: chunked, or until close for HTTP/1.0
  bool keep_alive = true;
  int minor_version = 1;
};

// Appends the head of a reply. A control character in a field becomes a blank: no field can end
// its own line (SEMANTICS T8).
void write_head(const Reply& reply, const ReplyFraming& framing, std::string_view date,
                std::string& out);

std::string_view reason_of(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7).
std::string http_date(int64_t unix_seconds);

}  // namespace keel::http
