#pragma once
// A client's HTTP request as a relay's request: facts of its body, wishes and hints of its head,
// and what of that head goes on to the provider (CONVENTIONS.md, "Request headers we understand").

#include "http/message.hpp"
#include "relay/events.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace keel::server {

inline constexpr int64_t kMostHops = 4;  // x-keel-hops beyond it is a loop: 508

// Fills all of `out` but call and tenant; the body is taken out of `request`. A reply is a refusal.
std::optional<http::Reply> read_request(http::Request& request, Operation operation,
                                        const std::string& id, relay::Request& out);

class RequestIds {
 public:
  // The client's x-request-id if it is a sane one, 1 to 128 of [A-Za-z0-9._:-]; else a new one of
  // 128 random bits.
  std::string of(const http::Head& head);

 private:
  std::string make();

  std::array<unsigned char, 1024> chance_;  // drawn at once: a draw of few bytes costs as much
  size_t used_ = sizeof chance_;
};

// Is there something of this name in the query, other than `=0` and `=false`?
bool asked_in_query(std::string_view query, std::string_view name);

// Why a body of this head would not be read; nothing if it would.
std::optional<http::Reply> refuse_body(const http::Head& head);

}  // namespace keel::server
