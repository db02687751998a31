#include "wire/json.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace keel::wire::json {

namespace {

constexpr size_t kUsualKeys = 16;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  char lower = static_cast<char>(c | 0x20);
  return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

// The first byte at or behind `p` that ends a run of plain string bytes: a quote, a backslash or a
// control character. Eight bytes a step, by the usual zero-byte trick.
size_t plain_end(std::string_view text, size_t p) {
  constexpr uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  if constexpr (std::endian::native == std::endian::little) {
    for (; p + 8 <= text.size(); p += 8) {
      uint64_t x;
      std::memcpy(&x, text.data() + p, 8);
      uint64_t quote = x ^ (ones * '"');
      uint64_t slash = x ^ (ones * '\\');
      uint64_t hit =
          (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((x - ones * 0x20) & ~x)) &
          highs;
      if (hit != 0) return p + static_cast<size_t>(std::countr_zero(hit)) / 8;
    }
  }
  while (p < text.size() && text[p] != '"' && text[p] != '\\' &&
         static_cast<unsigned char>(text[p]) >= 0x20) {
    ++p;
  }
  return p;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::bad:
      return "nothing";
    case Kind::object:
      return "an object";
    case Kind::array:
      return "an array";
    case Kind::string:
      return "a string";
    case Kind::number:
      return "a number";
    case Kind::boolean:
      return "true or false";
    case Kind::null:
      return "null";
  }
  return "nothing";
}

Kind Cursor::kind() {
  skip_space();
  if (pos_ >= text_.size()) return Kind::bad;
  switch (char c = text_[pos_]) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return c == '-' || is_digit(c) ? Kind::number : Kind::bad;
  }
}

bool Cursor::string(String& out) {
  if (kind() != Kind::string) return fail("a string");
  size_t begin = pos_ + 1;
  out.escaped = false;
  for (size_t p = begin;;) {
    p = plain_end(text_, p);
    if (p >= text_.size() || (text_[p] != '"' && text_[p] != '\\')) {
      pos_ = p;
      return fail(p < text_.size() ? "no bare control character" : "the end of a string");
    }
    if (text_[p] == '"') {
      out.raw = text_.substr(begin, p - begin);
      pos_ = p + 1;
      return true;
    }
    out.escaped = true;
    size_t digits = p + 1 < text_.size() && text_[p + 1] == 'u' ? 4 : 0;
    pos_ = p;
    if (p + 1 + digits >= text_.size()) return fail("a whole escape");
    if (digits == 0 &&
        std::string_view("\"\\/bfnrt").find(text_[p + 1]) == std::string_view::npos) {
      return fail("a known escape");
    }
    for (size_t i = 0; i < digits; ++i) {
      if (!is_hex(text_[p + 2 + i])) return fail("four hexadecimal digits");
    }
    p += 2 + digits;
  }
}

bool Cursor::number(std::string_view& out) {
  if (kind() != Kind::number) return fail("a number");
  size_t p = pos_;
  auto digits = [&] {
    size_t begin = p;
    while (p < text_.size() && is_digit(text_[p])) ++p;
    return p > begin;
  };
  auto at = [&](char c) { return p < text_.size() && text_[p] == c; };
  if (at('-')) ++p;
  bool zero = at('0');
  size_t begin = p;
  bool good = digits() && !(zero && p - begin > 1);
  if (good && at('.')) {
    ++p;
    good = digits();
  }
  if (good && (at('e') || at('E'))) {
    ++p;
    if (at('+') || at('-')) ++p;
    good = digits();
  }
  if (!good) return fail("a number as JSON writes it");
  out = text_.substr(pos_, p - pos_);
  pos_ = p;
  return true;
}

bool Cursor::boolean(bool& out) {
  if (kind() != Kind::boolean) return fail("true or false");
  out = text_[pos_] == 't';
  return literal(out ? "true" : "false");
}

bool Cursor::null() {
  if (kind() != Kind::null) return fail("null");
  return literal("null");
}

bool Cursor::skip() {
  String text;
  std::string_view digits;
  bool flag;
  switch (kind()) {
    case Kind::object:
      return object([this](const String&) { skip(); });
    case Kind::array:
      return array([this](size_t) { skip(); });
    case Kind::string:
      return string(text);
    case Kind::number:
      return number(digits);
    case Kind::boolean:
      return boolean(flag);
    case Kind::null:
      return null();
    case Kind::bad:
      break;
  }
  return fail("a value");
}

bool Cursor::finish() {
  skip_space();
  return !failed() && (pos_ == text_.size() || fail("the end"));
}

std::string Cursor::problem() const {
  return "byte " + std::to_string(failure_at_) + ": " + (failure_ ? failure_ : "nothing") +
         " wanted";
}

Span Cursor::span_of(const String& s) const {
  return {static_cast<size_t>(s.raw.data() - text_.data()) - 1, s.raw.size() + 2};
}

void Cursor::skip_space() {
  while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\n' || text_[pos_] == '\r' ||
                                 text_[pos_] == '\t')) {
    ++pos_;
  }
}

bool Cursor::enter(char bracket, const char* wanted) {
  skip_space();
  if (pos_ >= text_.size() || text_[pos_] != bracket) return fail(wanted);
  if (++depth_ > depth_max_) return fail("shallower nesting");
  ++pos_;
  return true;
}

bool Cursor::next_member(bool first, String& key) {
  skip_space();
  bool more = pos_ < text_.size();
  if (more && text_[pos_] == '}') {
    ++pos_;
    --depth_;
    return false;
  }
  if (!first) {
    if (!more || text_[pos_] != ',') return fail("',' or '}'");
    ++pos_;
  }
  if (kind() != Kind::string) return fail(first ? "a key or '}'" : "a key");
  if (!string(key)) return false;
  skip_space();
  if (pos_ >= text_.size() || text_[pos_] != ':') return fail("':'");
  ++pos_;
  return true;
}

bool Cursor::next_element(bool first) {
  skip_space();
  bool more = pos_ < text_.size();
  if (more && text_[pos_] == ']') {
    ++pos_;
    --depth_;
    return false;
  }
  if (first) return more || fail("a value or ']'");
  if (!more || text_[pos_] != ',') return fail("',' or ']'");
  ++pos_;
  return true;
}

bool Cursor::literal(std::string_view word) {
  if (text_.substr(pos_, word.size()) != word) return fail("true, false or null");
  pos_ += word.size();
  return true;
}

bool Cursor::fail(const char* wanted) {
  if (!failed()) {
    failure_ = wanted;
    failure_at_ = pos_;
  }
  pos_ = text_.size();
  return false;
}

void RepeatedKeys::add(const String& key) {
  if (keys_.empty()) keys_.reserve(kUsualKeys);
  if (!key.escaped) {
    keys_.push_back(key.raw);
    return;
  }
  key.append_exact(decoded_.emplace_front());
  keys_.push_back(decoded_.front());
}

bool RepeatedKeys::close(size_t mark) {
  auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(mark);
  std::sort(begin, keys_.end(), [](std::string_view a, std::string_view b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  auto twice = std::adjacent_find(begin, keys_.end());
  bool repeated = twice != keys_.end();
  if (repeated) found_ = *twice;
  keys_.erase(begin, keys_.end());
  return repeated;
}

}  // namespace keel::wire::json
