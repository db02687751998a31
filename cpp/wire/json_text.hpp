#pragma once
// The scalars of JSON as they stand in a text: strings that may hold escapes, numbers that may be
// longer than any machine type.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel::wire {

// A JSON string literal. Bytes that are no UTF-8 become U+FFFD, one each.
std::string json_quote(std::string_view text);
void append_quoted(std::string& out, std::string_view text);  // the same behind other text

namespace json {

// A string as it stands in the text, without its quotes.
struct String {
  std::string_view raw;
  bool escaped = false;  // holds a backslash

  bool equals(std::string_view plain) const;
  // UTF-8; an escaped half of a surrogate pair, which is no character, becomes U+FFFD.
  std::string text() const;
  // Appends the same, but keeps a lone half apart from every other string (three bytes, WTF-8).
  void append_exact(std::string& out) const;
  // Bytes of text() without making it.
  size_t text_size() const;
  // Where in `raw` text() goes on behind its first `bytes`; behind a character that would be split.
  size_t raw_offset(size_t bytes) const;
};

// A number's exact value: 0.digits * 10^point, digits without zeros at either end; none is zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t point = 0;

  bool zero() const { return digits.empty(); }
  // nullopt if not a whole number or more than 18 digits.
  std::optional<int64_t> integer() const;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};
// nullopt for an exponent beyond a million, which no value here can want.
std::optional<Decimal> decimal_of(std::string_view number);

bool valid_utf8(std::string_view text);

}  // namespace json
}  // namespace keel::wire
