#include "wire/hints.hpp"

#include <charconv>
#include <cmath>
#include <string>

namespace keel::wire {

namespace {

constexpr double kNanosecondsMax = 9.2e18;  // about 292 years

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A number of digits with an optional fraction at the front of `text`, which is cut off.
std::optional<double> take_number(std::string_view& text) {
  if (text.empty() || !(is_digit(text[0]) || text[0] == '.')) return std::nullopt;
  double value = 0;
  auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (status != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// Exactly `count` digits, or one to two where count is 0.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  size_t length = 0;
  int value = 0;
  size_t most = count == 0 ? 2 : count;
  while (length < most && length < text.size() && is_digit(text[length])) {
    value = value * 10 + (text[length++] - '0');
  }
  if (length == 0 || (count != 0 && length != count)) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

bool take(std::string_view& text, std::string_view piece) {
  if (text.substr(0, piece.size()) != piece) return false;
  text.remove_prefix(piece.size());
  return true;
}

std::optional<int> take_month(std::string_view& text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  size_t at = text.size() < 3 ? std::string_view::npos : months.find(text.substr(0, 3));
  if (at == std::string_view::npos || at % 3 != 0) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<int>(at / 3) + 1;
}

struct Civil {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};

// Days since 1970-01-01 by counting 400-year eras of 146,097 days from the first of March.
std::optional<int64_t> to_unix_seconds(const Civil& c) {
  constexpr int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > lengths[c.month - 1] || c.hour > 23 ||
      c.minute > 59 || c.second > 60) {
    return std::nullopt;
  }
  int64_t year = c.month <= 2 ? c.year - 1 : c.year;
  int64_t month = c.month <= 2 ? c.month + 9 : c.month - 3;
  int64_t era = year / 400, year_of_era = year % 400;
  int64_t day_of_year = (153 * month + 2) / 5 + c.day - 1;
  int64_t days = era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
                 day_of_year - 719'468;
  return ((days * 24 + c.hour) * 60 + c.minute) * 60 + c.second;
}

std::optional<int64_t> to_unix_ns(const Civil& c, int64_t add_ns = 0) {
  std::optional<int64_t> whole = to_unix_seconds(c);
  if (!whole || std::abs(*whole) > 9'000'000'000) return std::nullopt;
  return *whole * 1'000'000'000 + add_ns;
}

bool take_time(std::string_view& text, Civil& c) {
  auto hour = take_digits(text, 2);
  auto minute = hour && take(text, ":") ? take_digits(text, 2) : std::nullopt;
  auto second = minute && take(text, ":") ? take_digits(text, 2) : std::nullopt;
  if (!second) return false;
  c.hour = *hour;
  c.minute = *minute;
  c.second = *second;
  return true;
}

// "Nov  6 08:49:37 1994", what C's asctime writes behind the day's name.
std::optional<int64_t> parse_asctime(std::string_view text) {
  Civil c;
  auto month = take_month(text);
  if (!month || !take(text, " ")) return std::nullopt;
  take(text, " ");
  auto day = take_digits(text, 0);
  if (!day || !take(text, " ") || !take_time(text, c) || !take(text, " ")) return std::nullopt;
  auto year = take_digits(text, 4);
  if (!year || !text.empty()) return std::nullopt;
  c.year = *year;
  c.month = *month;
  c.day = *day;
  return to_unix_ns(c);
}

// "06 Nov 1994 08:49:37 GMT" and "06-Nov-94 08:49:37 GMT". Two digits are a year up to 2069.
std::optional<int64_t> parse_dated(std::string_view text) {
  Civil c;
  auto day = take_digits(text, 2);
  if (!day || text.empty()) return std::nullopt;
  bool dashes = text[0] == '-';
  std::string_view between = dashes ? "-" : " ";
  auto month = take(text, between) ? take_month(text) : std::nullopt;
  auto year = month && take(text, between) ? take_digits(text, dashes ? 2 : 4) : std::nullopt;
  if (!year || !take(text, " ") || !take_time(text, c) || text != " GMT") return std::nullopt;
  c.year = dashes ? *year + (*year < 70 ? 2000 : 1900) : *year;
  c.month = *month;
  c.day = *day;
  return to_unix_ns(c);
}

std::optional<Duration> until(std::optional<int64_t> unix_ns, int64_t unix_now_ns) {
  if (!unix_ns || *unix_ns < unix_now_ns) return std::nullopt;
  return Instant{*unix_ns} - Instant{unix_now_ns};
}

bool none_remains(const Headers& headers, const std::string& name) {
  std::optional<std::string_view> text = find_header(headers, name);
  if (!text || text->empty()) return false;
  double value = 0;
  auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), value);
  return status == std::errc() && end == text->data() + text->size() && value == 0;
}

std::optional<Duration> larger(std::optional<Duration> a, std::optional<Duration> b) {
  return a && (!b || *a >= *b) ? a : b;
}

std::optional<Duration> rate_limit_reset(const Headers& headers, int64_t unix_now_ns) {
  constexpr std::string_view openai = "x-ratelimit-reset-", anthropic = "anthropic-ratelimit-",
                             reset = "-reset";
  std::optional<Duration> longest;
  for (const auto& [name, untrimmed] : headers) {
    const std::string_view value = *find_header(headers, name);
    std::string_view rest = name;
    if (take(rest, openai)) {
      if (none_remains(headers, "x-ratelimit-remaining-" + std::string(rest))) {
        longest = larger(parse_go_duration(value), longest);
      }
    } else if (take(rest, anthropic) && rest.size() > reset.size() && rest.ends_with(reset)) {
      std::string stem = name.substr(0, name.size() - reset.size());
      if (none_remains(headers, stem + "-remaining")) {
        longest = larger(until(parse_rfc3339(value), unix_now_ns), longest);
      }
    }
  }
  return longest;
}

std::optional<Duration> delay_of(const Headers& headers, std::optional<Duration> body_delay,
                                 int64_t unix_now_ns) {
  for (const char* name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    auto text = find_header(headers, name);
    auto delay = text ? parse_delay(*text, milliseconds(1)) : std::nullopt;
    if (delay) return delay;
  }
  if (auto text = find_header(headers, "retry-after")) {
    if (auto delay = parse_delay(*text, seconds(1))) return delay;
    if (auto delay = until(parse_http_date(*text), unix_now_ns)) return delay;
  }
  if (body_delay && body_delay->ns >= 0) return body_delay;
  return rate_limit_reset(headers, unix_now_ns);
}

}  // namespace

RetryHint read_hint(const Headers& headers, std::optional<Duration> body_delay,
                    int64_t unix_now_ns) {
  RetryHint hint;
  hint.after = delay_of(headers, body_delay, unix_now_ns);
  if (auto text = find_header(headers, "x-should-retry")) {
    if (*text == "true") hint.should_retry = true;
    if (*text == "false") hint.should_retry = false;
  }
  return hint;
}

std::optional<Duration> parse_delay(std::string_view number, Duration unit) {
  double value = 0;
  const char* end = number.data() + number.size();
  auto [parsed, status] = std::from_chars(number.data(), end, value);
  if (status != std::errc() || parsed != end || !std::isfinite(value) || std::signbit(value)) {
    return std::nullopt;
  }
  double ns = value * static_cast<double>(unit.ns);
  if (ns >= kNanosecondsMax) return std::nullopt;
  return nanoseconds(std::llround(ns));
}

std::optional<Duration> parse_go_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ns;
  };
  // Longer names first: "m" begins "ms".
  constexpr Unit units[] = {{"ns", 1},   {"us", 1e3}, {"\u00b5s", 1e3}, {"\u03bcs", 1e3},
                            {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},      {"h", 3600e9}};
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    std::optional<double> number = take_number(text);
    if (!number) return std::nullopt;
    const Unit* found = nullptr;
    for (const Unit& unit : units) {
      if (take(text, unit.name)) {
        found = &unit;
        break;
      }
    }
    if (!found) return std::nullopt;
    total += *number * found->ns;
  }
  if (!(total < kNanosecondsMax)) return std::nullopt;
  return nanoseconds(std::llround(total));
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  size_t day_name = std::min(text.find_first_of(", "), text.size());
  if (day_name < 3) return std::nullopt;
  text.remove_prefix(day_name);
  if (take(text, ", ")) return parse_dated(text);
  return take(text, " ") ? parse_asctime(text) : std::nullopt;
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  Civil c;
  auto year = take_digits(text, 4);
  auto month = year && take(text, "-") ? take_digits(text, 2) : std::nullopt;
  auto day = month && take(text, "-") ? take_digits(text, 2) : std::nullopt;
  if (!day || !(take(text, "T") || take(text, "t") || take(text, " ")) || !take_time(text, c)) {
    return std::nullopt;
  }
  c.year = *year;
  c.month = *month;
  c.day = *day;
  double fraction = 0;
  if (!text.empty() && text[0] == '.') {
    std::optional<double> value = take_number(text);
    if (!value) return std::nullopt;
    fraction = *value;
  }
  int64_t offset_seconds = 0;
  if (text != "Z" && text != "z") {
    bool west = take(text, "-");
    if (!west && !take(text, "+")) return std::nullopt;
    auto hours_part = take_digits(text, 2);
    auto minutes_part = hours_part && take(text, ":") ? take_digits(text, 2) : std::nullopt;
    if (!minutes_part || !text.empty() || *hours_part > 23 || *minutes_part > 59) {
      return std::nullopt;
    }
    offset_seconds = (*hours_part * 60 + *minutes_part) * 60 * (west ? -1 : 1);
  }
  return to_unix_ns(c, static_cast<int64_t>(fraction * 1e9) - offset_seconds * 1'000'000'000);
}

}  // namespace keel::wire
