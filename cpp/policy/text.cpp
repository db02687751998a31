#include "policy/text.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace keel::policy {

namespace {

// Length of the character that begins with `lead`; 0: no character does.
size_t length_of(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The second byte is what tells overlong forms, surrogates and the end of Unicode.
bool second_fits(uint8_t lead, uint8_t second) {
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<uint8_t>(text[i]);
    size_t length = length_of(lead);
    if (length == 0 || i + length > text.size()) return false;
    if (length > 1 && !second_fits(lead, static_cast<uint8_t>(text[i + 1]))) return false;
    for (size_t k = 2; k < length; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& names) {
  constexpr size_t kLongest = 256;  // what is longer is no misspelling, and costs a square
  std::string_view best;
  size_t best_distance = SIZE_MAX;
  if (name.size() > kLongest) return best;
  for (std::string_view known : names) {
    size_t d = distance(name, known);
    if (d < best_distance && 2 * d <= std::max(name.size(), known.size())) {
      best = known;
      best_distance = d;
    }
  }
  return best;
}

std::string quoted_list(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::string_view name : names) {
    out += out.empty() ? "'" : ", '";
    out += name;
    out += '\'';
  }
  return out;
}

std::string suggestion(std::string_view name, const std::vector<std::string_view>& names) {
  if (names.empty()) return "; there are none";
  std::string_view near = nearest(name, names);
  if (!near.empty()) return "; the nearest name is '" + std::string(near) + "'";
  return "; known: " + quoted_list(names);
}

}  // namespace keel::policy
