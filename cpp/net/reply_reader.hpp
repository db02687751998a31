#pragma once
// Collects a reply as it comes, line by line and piece by piece, and refuses what is over its
// limits or malformed. What is taken from the body on the way still counts towards its limit.

#include "net/upstream.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace keel::net {

class ReplyReader {
 public:
  ReplyReader() = default;
  explicit ReplyReader(const ReplyLimits& limits) : limits_(limits) {}

  // One line of a head with its line end, from status line to blank line; after the final head,
  // trailers, which are counted and dropped. False: refused, see refusal().
  bool on_line(std::string_view line);
  bool on_body(std::string_view piece);

  const std::string& refusal() const { return refusal_; }
  bool head_complete() const { return head_complete_; }
  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  // What came of the body since it was last taken.
  size_t untaken_bytes() const { return body_.size(); }
  std::string take_bytes() { return std::exchange(body_, {}); }
  // Moves what came into `reply`; status stays 0 unless a final head was complete.
  void take(HttpReply& reply);

 private:
  bool refuse(std::string why);
  bool on_status_line(std::string_view line);
  bool on_field(std::string_view line);

  ReplyLimits limits_;
  size_t head_bytes_ = 0;  // of all heads and trailers
  size_t fields_seen_ = 0;
  int status_ = 0;
  bool head_complete_ = false;
  Headers headers_;
  size_t body_bytes_ = 0;  // of all of the body, taken or not
  std::string body_;
  std::string refusal_;
};

}  // namespace keel::net
