#pragma once
// Collects a reply as it comes, line by line and piece by piece, and refuses what is over its
// limits or malformed.

#include "net/upstream.hpp"

#include <string>
#include <string_view>

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
  std::string body_;
  std::string refusal_;
};

}  // namespace keel::net
