#include "net/reply_reader.hpp"

#include <algorithm>

namespace keel::net {

namespace {

std::string_view trimmed(std::string_view text) {
  size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return low;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool ReplyReader::refuse(std::string why) {
  refusal_ = std::move(why);
  return false;
}

bool ReplyReader::on_line(std::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > limits_.head_bytes) {
    return refuse("the reply's head is over " + std::to_string(limits_.head_bytes) + " bytes");
  }
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return refuse("the reply's head has a CR, LF or NUL inside a line");
  }
  if (head_complete_) return true;
  if (line.starts_with("HTTP/")) return on_status_line(line);
  if (!line.empty()) return on_field(line);
  head_complete_ = status_ >= 200;
  return true;
}

bool ReplyReader::on_status_line(std::string_view line) {
  headers_.clear();
  size_t space = line.find(' ');
  std::string_view code = space == std::string_view::npos ? "" : line.substr(space + 1, 3);
  if (code.size() != 3 || !std::all_of(code.begin(), code.end(), is_digit)) {
    return refuse("the reply's status line has no status");
  }
  status_ = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  return true;
}

bool ReplyReader::on_field(std::string_view line) {
  if (++fields_seen_ > limits_.head_fields) {
    return refuse("the reply has over " + std::to_string(limits_.head_fields) + " header fields");
  }
  bool folded = line.front() == ' ' || line.front() == '\t';
  size_t colon = line.find(':');
  if (folded || colon == std::string_view::npos || colon == 0) {
    return refuse("the reply's head has a line that is no header field");
  }
  headers_.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return true;
}

bool ReplyReader::on_body(std::string_view piece) {
  if (piece.size() > limits_.body_bytes - body_bytes_) {
    return refuse("the reply is over " + std::to_string(limits_.body_bytes) + " bytes");
  }
  body_bytes_ += piece.size();
  body_.append(piece);
  return true;
}

void ReplyReader::take(HttpReply& reply) {
  if (!head_complete_) return;
  reply.status = status_;
  reply.headers = std::move(headers_);
  reply.body = std::move(body_);
}

}  // namespace keel::net
