#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <openssl/sha.h>

namespace keel::relay {

namespace {

constexpr __int128 kBillion = 1'000'000'000;

struct Unit {
  std::string_view name;
  int64_t size;
};
// Largest first; the first of a size is the one that is written.
constexpr Unit kTimeUnits[] = {{"d", 86'400'000'000'000},
                               {"h", 3'600'000'000'000},
                               {"m", 60'000'000'000},
                               {"s", 1'000'000'000},
                               {"ms", 1'000'000}};
constexpr Unit kSizeUnits[] = {
    {"GiB", 1 << 30},  {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1'000'000'000},
    {"MB", 1'000'000}, {"kB", 1'000},    {"B", 1}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A decimal as Decimal has it, of up to 19 digits before the point.
struct Wide {
  __int128 nano = 0;
  Decimal::Fault fault = Decimal::Fault::none;
};

Wide wide_decimal(std::string_view text) {
  constexpr Wide no{0, Decimal::Fault::not_a_number};
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::string digits;
  int64_t exponent = 0;
  size_t i = 0, seen = 0;
  for (bool after_point = false; i < text.size(); ++i) {
    if (text[i] == '.' && !after_point) {
      after_point = true;
    } else if (is_digit(text[i])) {
      ++seen;
      if (after_point) --exponent;
      if (!digits.empty() || text[i] != '0') digits += text[i];
    } else {
      break;
    }
  }
  if (seen == 0 || text[i - 1] == '.') return no;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return no;
    std::string_view power = text.substr(i + 1);
    if (power.starts_with('+') && !power.starts_with("+-")) power.remove_prefix(1);
    std::optional<int64_t> value = parse_integer(power);
    if (!value || *value > 1000 || *value < -1000) return no;
    exponent += *value;
  }
  while (!digits.empty() && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  if (digits.empty()) return {};
  if (exponent < -9) return {0, Decimal::Fault::too_fine};
  if (static_cast<int64_t>(digits.size()) + exponent > 19) return {0, Decimal::Fault::too_large};
  __int128 value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  for (int64_t k = -9; k < exponent; ++k) value *= 10;
  return {negative ? -value : value, Decimal::Fault::none};
}

// `number unit` as an exact whole number of the smallest unit.
std::optional<int64_t> parse_quantity(std::string_view text, const Unit* first, const Unit* last,
                                      int64_t bare) {
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1]) && text[end - 1] != '.') --end;
  std::string_view name = text.substr(end);
  int64_t size = bare;
  if (!name.empty()) {
    const Unit* unit = std::find_if(first, last, [&](const Unit& u) { return u.name == name; });
    if (unit == last) return std::nullopt;
    size = unit->size;
  }
  Wide number = wide_decimal(text.substr(0, end));
  if (number.fault != Decimal::Fault::none || number.nano < 0) return std::nullopt;
  constexpr __int128 kMost = std::numeric_limits<int64_t>::max() * kBillion;
  if (number.nano > kMost / size) return std::nullopt;
  __int128 scaled_value = number.nano * size;
  if (scaled_value % kBillion != 0) return std::nullopt;
  return static_cast<int64_t>(scaled_value / kBillion);
}

// Optimal string alignment distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string plain_decimal(int64_t whole, int64_t nano) {
  return to_usd_text({detail::clamp_to_i64(__int128{whole} * kBillion + nano)});
}

}  // namespace

Decimal parse_decimal(std::string_view text) {
  Wide wide = wide_decimal(text);
  bool fits = wide.nano <= std::numeric_limits<int64_t>::max() &&
              wide.nano >= -__int128{std::numeric_limits<int64_t>::max()};
  if (wide.fault == Decimal::Fault::none && !fits) return {0, Decimal::Fault::too_large};
  return {static_cast<int64_t>(wide.nano), wide.fault};
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<Duration> parse_duration(std::string_view text) {
  std::optional<int64_t> ns =
      parse_quantity(text, std::begin(kTimeUnits), std::end(kTimeUnits), 1'000'000'000);
  if (!ns) return std::nullopt;
  return Duration{*ns};
}

std::optional<int64_t> parse_size(std::string_view text) {
  return parse_quantity(text, std::begin(kSizeUnits), std::end(kSizeUnits), 1);
}

std::string duration_text(Duration duration) {
  if (duration.ns == 0) return "0";
  for (const Unit& unit : kTimeUnits) {
    if (duration.ns % unit.size == 0) {
      return std::to_string(duration.ns / unit.size) + std::string(unit.name);
    }
  }
  return plain_decimal(duration.ns / 1'000'000'000, duration.ns % 1'000'000'000) + "s";
}

std::string size_text(int64_t bytes) {
  if (bytes == 0) return "0";
  for (const Unit& unit : {kSizeUnits[0], kSizeUnits[1], kSizeUnits[2]}) {
    if (bytes % unit.size == 0) {
      return std::to_string(bytes / unit.size) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 100) return {};
  std::string meant = lower(name);
  size_t best = std::max<size_t>(1, name.size() / 3) + 1;
  std::string found;
  for (const std::string& candidate : known) {
    size_t d = distance(meant, lower(candidate));
    if (d < best) {
      best = d;
      found = candidate;
    }
  }
  return found;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& known,
                       std::string_view list_intro) {
  if (std::string near = nearest_name(name, known); !near.empty()) {
    return "; the nearest is " + quoted(near);
  }
  if (known.empty()) return {};
  std::string out = "; " + std::string(list_intro) + " ";
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < known.size() && i < kShown; ++i) {
    out += (i == 0 ? "" : ", ") + known[i];
  }
  if (known.size() > kShown) out += ", ...";
  return out;
}

std::string quoted(std::string_view text) {
  constexpr size_t kShown = 60;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  size_t end = std::min(text.size(), kShown);
  // Not in the middle of a UTF-8 character.
  while (end < text.size() && end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  for (char c : text.substr(0, end)) {
    auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += end < text.size() ? "...\"" : "\"";
  return out;
}

std::string sha256_hex(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  std::string out;
  for (uint8_t byte : digest) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string key_label(std::string_view key) {
  return sha256_hex(key).substr(0, 8);
}

}  // namespace keel::relay
