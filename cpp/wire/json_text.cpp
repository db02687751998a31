#include "wire/json_text.hpp"

#include <algorithm>

#include <simdjson.h>

namespace keel::wire {

namespace json {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

uint32_t hex4(const char* p) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) unit = unit << 4 | static_cast<uint32_t>(hex_value(p[i]));
  return unit;
}

void append_utf8(uint32_t c, std::string& out) {
  auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

size_t utf8_size(uint32_t c) {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

bool is_high(uint32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low(uint32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

// Decodes the \u escape at `p` (behind the u), and its second half if that follows.
uint32_t unicode_escape(std::string_view raw, size_t& p) {
  uint32_t unit = hex4(raw.data() + p);
  p += 4;
  if (!is_high(unit) || p + 6 > raw.size() || raw[p] != '\\' || raw[p + 1] != 'u') return unit;
  uint32_t low = hex4(raw.data() + p + 2);
  if (!is_low(low)) return unit;
  p += 6;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

char short_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// Calls plain(piece) for runs of bytes and character(code point) for \u escapes.
template <typename Plain, typename Character>
void decode(std::string_view raw, Plain&& plain, Character&& character) {
  for (size_t p = 0; p < raw.size();) {
    size_t slash = std::min(raw.find('\\', p), raw.size());
    if (slash > p) plain(raw.substr(p, slash - p));
    if (slash == raw.size()) return;
    char c = raw[slash + 1];
    p = slash + 2;
    if (c == 'u') {
      character(unicode_escape(raw, p));
    } else {
      char meant = short_escape(c);
      plain(std::string_view(&meant, 1));
    }
  }
}

}  // namespace

bool String::equals(std::string_view plain) const {
  if (!escaped) return raw == plain;
  std::string exact;
  append_exact(exact);
  return exact == plain;
}

std::string String::text() const {
  if (!escaped) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  decode(
      raw, [&](std::string_view piece) { out.append(piece); },
      [&](uint32_t c) { append_utf8(is_high(c) || is_low(c) ? 0xFFFD : c, out); });
  return out;
}

void String::append_exact(std::string& out) const {
  if (!escaped) {
    out.append(raw);
    return;
  }
  decode(
      raw, [&](std::string_view piece) { out.append(piece); },
      [&](uint32_t c) { append_utf8(c, out); });
}

size_t String::text_size() const {
  if (!escaped) return raw.size();
  size_t size = 0;
  decode(
      raw, [&](std::string_view piece) { size += piece.size(); },
      [&](uint32_t c) { size += utf8_size(c); });
  return size;
}

size_t String::raw_offset(size_t bytes) const {
  size_t p = 0;
  while (p < raw.size() && bytes > 0) {
    size_t size = 1;
    if (raw[p] == '\\' && raw[p + 1] == 'u') {
      p += 2;
      size = utf8_size(unicode_escape(raw, p));
    } else if (raw[p] == '\\') {
      p += 2;
    } else {
      for (++p; p < raw.size() && (static_cast<unsigned char>(raw[p]) & 0xC0) == 0x80; ++p) ++size;
    }
    bytes -= std::min(bytes, size);
  }
  return p;
}

std::optional<int64_t> Decimal::integer() const {
  if (zero()) return 0;
  int64_t length = static_cast<int64_t>(digits.size());
  if (point < length || point > 18) return std::nullopt;
  int64_t value = 0;
  for (int64_t i = 0; i < point; ++i) {
    value = value * 10 + (i < length ? digits[static_cast<size_t>(i)] - '0' : 0);
  }
  return negative ? -value : value;
}

std::optional<Decimal> decimal_of(std::string_view number) {
  Decimal out;
  size_t p = 0;
  if (p < number.size() && number[p] == '-') {
    out.negative = true;
    ++p;
  }
  bool fraction = false;
  for (; p < number.size() && (is_digit(number[p]) || number[p] == '.'); ++p) {
    if (number[p] == '.') {
      fraction = true;
    } else if (out.digits.empty() && number[p] == '0') {
      if (fraction) --out.point;
    } else {
      out.digits.push_back(number[p]);
      if (!fraction) ++out.point;
    }
  }
  if (p < number.size()) {  // e or E
    ++p;
    bool minus = number[p] == '-';
    if (minus || number[p] == '+') ++p;
    int64_t exponent = 0;
    for (; p < number.size(); ++p) {
      exponent = exponent * 10 + (number[p] - '0');
      if (exponent > 1'000'000) return std::nullopt;
    }
    out.point += minus ? -exponent : exponent;
  }
  while (!out.digits.empty() && out.digits.back() == '0') out.digits.pop_back();
  if (out.zero()) out.point = 0;
  return out;
}

bool valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace json

namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_escaped(std::string& out, char c, bool utf8) {
  constexpr char hex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out.append(1, '\\').append(1, c);
  } else if (c == '\n') {
    out.append("\\n");
  } else if (byte < 0x20) {
    out.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
  } else if (!utf8) {
    out.append("\\ufffd");
  } else {
    out.push_back(c);
  }
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  auto at = std::find_if_not(text.begin(), text.end(), is_plain);
  out.append(text.begin(), at);
  const bool utf8 = at == text.end() || json::valid_utf8(text);
  for (; at != text.end(); ++at)
    is_plain(*at) ? out.push_back(*at) : append_escaped(out, *at, utf8);
  out.push_back('"');
}

std::string json_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_quoted(out, text);
  return out;
}

}  // namespace keel::wire
