#include "http/chunked.hpp"

#include <algorithm>

namespace keel::http {

namespace {
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool is_extension_char(char c) {
  return c == '\t' || (c >= 0x20 && c < 0x7f);
}
}  // namespace

std::string_view name_of(BodyRule rule) {
  switch (rule) {
    case BodyRule::more:
      return "more";
    case BodyRule::done:
      return "done";
    case BodyRule::too_large:
      return "body_too_large";
    case BodyRule::bad_chunk:
      return "bad_chunk";
    case BodyRule::trailer:
      return "trailer";
  }
  return "unknown";
}

int status_of(BodyRule rule) {
  return rule == BodyRule::too_large ? 413 : 400;
}

BodyRule ChunkedBody::feed(std::string_view input, std::string& out, size_t& used) {
  used = 0;
  while (used < input.size()) {
    if (state_ == State::data) {
      size_t n = static_cast<size_t>(std::min<uint64_t>(left_, input.size() - used));
      out.append(input.substr(used, n));
      used += n;
      left_ -= n;
      if (left_ == 0) state_ = State::data_cr;
      continue;
    }
    if (BodyRule rule = on_byte(input[used++]); rule != BodyRule::more) return rule;
  }
  return BodyRule::more;
}

BodyRule ChunkedBody::on_byte(char c) {
  auto expect = [&](char wanted, State next) {
    state_ = next;
    return c == wanted ? BodyRule::more : BodyRule::bad_chunk;
  };
  switch (state_) {
    case State::size:
      if (int digit = hex_digit(c); digit >= 0) {
        if (++line_ > 16 || left_ >> 59) return BodyRule::bad_chunk;
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        return BodyRule::more;
      }
      if (line_ == 0) return BodyRule::bad_chunk;
      if (c != ';') return expect('\r', State::size_lf);
      state_ = State::extension;
      return BodyRule::more;
    case State::extension:  // ignored, as RFC 9112 7.1.1 demands, but bounded and clean
      if (c == '\r') return expect('\r', State::size_lf);
      return ++line_ <= kMaxLine && is_extension_char(c) ? BodyRule::more : BodyRule::bad_chunk;
    case State::size_lf:
      line_ = 0;
      if (left_ > limit_ - total_) return BodyRule::too_large;
      total_ += left_;
      return expect('\n', left_ == 0 ? State::end_cr : State::data);
    case State::data_cr:
      return expect('\r', State::data_lf);
    case State::data_lf:
      return expect('\n', State::size);
    case State::end_cr:
      if (c != '\r') return BodyRule::trailer;
      return expect('\r', State::end_lf);
    case State::end_lf:
      return c == '\n' ? BodyRule::done : BodyRule::bad_chunk;
    case State::data:
      break;
  }
  return BodyRule::bad_chunk;
}

}  // namespace keel::http
