#include "http/head.hpp"

#include <algorithm>
#include <array>

namespace keel::http {

namespace {

constexpr size_t kUsualFields = 16;

constexpr bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
constexpr std::array<bool, 256> kToken = [] {
  std::array<bool, 256> table{};
  for (int i = 1; i < 128; ++i) table[static_cast<size_t>(i)] = is_token_char(static_cast<char>(i));
  return table;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}
bool is_visible(char c) {
  return c > 0x20 && c < 0x7f;
}
// Field values: visible characters, blanks and bytes over 0x7f (obs-text); no other controls.
bool is_value_char(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Is `word` among the comma-separated words of `list`?
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    if (same_word(trimmed(list.substr(0, comma)), word)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool is_host(std::string_view host) {
  auto allowed = [](char c) {
    return is_visible(c) && std::string_view("/\\@,;<>\"{}|^`?#").find(c) == std::string_view::npos;
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), allowed);
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view name_of(HeadRule rule) {
  switch (rule) {
    case HeadRule::ok:
      return "ok";
    case HeadRule::incomplete:
      return "incomplete";
    case HeadRule::too_large:
      return "too_large";
    case HeadRule::too_many_fields:
      return "too_many_fields";
    case HeadRule::bare_line_ending:
      return "bare_line_ending";
    case HeadRule::bad_request_line:
      return "bad_request_line";
    case HeadRule::bad_target:
      return "bad_target";
    case HeadRule::bad_version:
      return "bad_version";
    case HeadRule::folded_line:
      return "folded_line";
    case HeadRule::space_before_colon:
      return "space_before_colon";
    case HeadRule::bad_field_name:
      return "bad_field_name";
    case HeadRule::bad_field_value:
      return "bad_field_value";
    case HeadRule::no_host:
      return "no_host";
    case HeadRule::repeated_host:
      return "repeated_host";
    case HeadRule::bad_host:
      return "bad_host";
    case HeadRule::repeated_content_length:
      return "repeated_content_length";
    case HeadRule::bad_content_length:
      return "bad_content_length";
    case HeadRule::bad_transfer_encoding:
      return "bad_transfer_encoding";
    case HeadRule::length_and_encoding:
      return "length_and_encoding";
    case HeadRule::encoding_in_http_1_0:
      return "encoding_in_http_1_0";
  }
  return "unknown";
}

int status_of(HeadRule rule) {
  if (rule == HeadRule::too_large || rule == HeadRule::too_many_fields) return 431;
  return rule == HeadRule::bad_version ? 505 : 400;
}

std::string_view Head::path() const {
  return target().substr(0, target().find('?'));
}

std::string_view Head::query() const {
  size_t mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view() : target().substr(mark + 1);
}

std::string_view Head::value_of(std::string_view name) const {
  for (const FieldParts& field : fields_) {
    if (same_word(at(field.name), name)) return at(field.value);
  }
  return {};
}

HeadScan::HeadScan(size_t limit) : limit_(std::min<size_t>(limit, UINT16_MAX)) {}

Head::Part HeadScan::part(std::string_view piece) const {
  return {static_cast<uint16_t>(piece.data() - begin_), static_cast<uint16_t>(piece.size())};
}

HeadRule HeadScan::scan(std::string_view received) {
  begin_ = received.data();
  for (;;) {
    size_t end = std::min(received.find('\r', line_), received.find('\n', line_));
    if (end == std::string_view::npos || end >= limit_) {
      return received.size() >= limit_ ? HeadRule::too_large : HeadRule::incomplete;
    }
    if (received[end] == '\n') return HeadRule::bare_line_ending;
    if (end + 2 > limit_) return HeadRule::too_large;
    if (end + 1 == received.size()) return HeadRule::incomplete;
    if (received[end + 1] != '\n') return HeadRule::bare_line_ending;
    std::string_view line = received.substr(line_, end - line_);
    line_ = end + 2;
    if (line.empty() && started_) return on_end();
    if (HeadRule rule = on_line(line); rule != HeadRule::ok) return rule;
  }
}

HeadRule HeadScan::on_line(std::string_view line) {
  if (started_) return on_field(line);
  started_ = true;
  head_.fields_.reserve(kUsualFields);
  return on_request_line(line);
}

HeadRule HeadScan::on_request_line(std::string_view line) {
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return HeadRule::bad_request_line;
  std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return HeadRule::bad_request_line;
  if (target.empty() || !std::all_of(target.begin(), target.end(), is_visible)) {
    return HeadRule::bad_target;
  }
  if (target.front() != '/' && target != "*") return HeadRule::bad_target;
  if (version.substr(0, 5) != "HTTP/") return HeadRule::bad_request_line;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return HeadRule::bad_version;
  head_.method_ = part(method);
  head_.target_ = part(target);
  head_.minor_version_ = version.back() - '0';
  head_.keep_alive_ = head_.minor_version_ == 1;
  return HeadRule::ok;
}

HeadRule HeadScan::on_field(std::string_view line) {
  if (is_blank(line.front())) return HeadRule::folded_line;
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return HeadRule::bad_field_name;
  std::string_view name = line.substr(0, colon);
  if (!name.empty() && is_blank(name.back())) return HeadRule::space_before_colon;
  if (!is_token(name)) return HeadRule::bad_field_name;
  std::string_view value = trimmed(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_value_char)) return HeadRule::bad_field_value;
  if (head_.fields_.size() == kMaxFields) return HeadRule::too_many_fields;
  head_.fields_.push_back({part(name), value.empty() ? Head::Part{} : part(value)});
  return on_known_field(name, value);
}

HeadRule HeadScan::on_known_field(std::string_view name, std::string_view value) {
  if (same_word(name, "host")) {
    if (++hosts_ > 1) return HeadRule::repeated_host;
    return is_host(value) ? HeadRule::ok : HeadRule::bad_host;
  }
  if (same_word(name, "content-length")) {
    if (++lengths_ > 1) return HeadRule::repeated_content_length;
    // 18 digits cannot overflow; nobody has a body of 10^18 bytes.
    if (value.empty() || value.size() > 18 || !std::all_of(value.begin(), value.end(), is_digit)) {
      return HeadRule::bad_content_length;
    }
    for (char c : value) head_.content_length_ = head_.content_length_ * 10 + uint64_t(c - '0');
    return HeadRule::ok;
  }
  if (same_word(name, "transfer-encoding")) {
    return ++encodings_ == 1 && same_word(value, "chunked") ? HeadRule::ok
                                                            : HeadRule::bad_transfer_encoding;
  }
  if (same_word(name, "connection")) {
    if (lists(value, "close")) head_.keep_alive_ = false;
  } else if (same_word(name, "expect")) {
    head_.expects_continue_ = same_word(value, "100-continue");
  }
  return HeadRule::ok;
}

HeadRule HeadScan::on_end() {
  if (hosts_ == 0) return HeadRule::no_host;
  if (encodings_ && lengths_) return HeadRule::length_and_encoding;
  if (encodings_ && head_.minor_version_ == 0) return HeadRule::encoding_in_http_1_0;
  if (encodings_) head_.framing_ = Framing::chunked;
  if (lengths_ && head_.content_length_ > 0) head_.framing_ = Framing::length;
  return HeadRule::ok;
}

Head HeadScan::take(std::string_view received) {
  head_.text_.assign(received.substr(0, line_));
  return std::move(head_);
}

}  // namespace keel::http
