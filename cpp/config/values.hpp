#pragma once
// The words of a configuration as values: exact decimals, durations, sizes, names that were meant.
// Everything here is a function of its text.

#include "base/money.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

// A decimal number ("0.42", "1e-7", "-3") in units of 1e-9, exactly.
struct Decimal {
  enum class Fault : uint8_t { none, not_a_number, too_fine, too_large };
  int64_t nano = 0;
  Fault fault = Fault::none;
};
Decimal parse_decimal(std::string_view text);

std::optional<int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);  // finite
std::optional<bool> parse_boolean(std::string_view text);
// "500ms", "2s", "5m", "1h", "1d"; a bare number is seconds. Nothing for what is negative, finer
// than a nanosecond or out of range.
std::optional<Duration> parse_duration(std::string_view text);
// "64MiB", "1kB"; a bare number is bytes.
std::optional<int64_t> parse_size(std::string_view text);

// The shortest of these texts that reads back as the same value.
std::string duration_text(Duration duration);
std::string size_text(int64_t bytes);

// The known name that was most likely meant, empty if none is close (edit distance, neighbours
// swapped count as one).
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);
// `; the nearest is "x"`, or `; there are: a, b`, or nothing.
std::string suggestion(std::string_view name, const std::vector<std::string>& known,
                       std::string_view list_intro);

// In double quotes, control characters escaped, at most 60 bytes shown.
std::string quoted(std::string_view text);

std::string sha256_hex(std::string_view text);
// What logs and metrics may show of a key.
std::string key_label(std::string_view key);

}  // namespace keel::relay
