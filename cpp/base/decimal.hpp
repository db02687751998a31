#pragma once
// Numbers as text, written behind other text: what traces, logs and heads are full of.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace keel {

inline void append_number(std::string& out, int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// `value` counts units of 10^-places: 1'234 to three places is "1.234". `places` is 1 to 18.
inline void append_decimal(std::string& out, int64_t value, int places) {
  char text[24];
  uint64_t left = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  char* at = text + sizeof text;
  for (int digit = 0; left > 0 || digit <= places; ++digit) {
    if (digit == places) *--at = '.';
    *--at = static_cast<char>('0' + left % 10);
    left /= 10;
  }
  if (value < 0) *--at = '-';
  out.append(at, static_cast<size_t>(text + sizeof text - at));
}

}  // namespace keel
