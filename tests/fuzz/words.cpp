// The small parsers: numbers, durations, dates, delays, addresses and quoted texts. What is
// accepted is in its range, and written down it reads back as the same.

#include "config/listen.hpp"
#include "config/page.hpp"
#include "config/url.hpp"
#include "config/values.hpp"
#include "plain_json.hpp"
#include "target.hpp"
#include "wire/errors.hpp"
#include "wire/hints.hpp"
#include "wire/json.hpp"

namespace keel {
namespace {

// A `keel.yaml` word: what it means is what it was made of.
void quantities(std::string_view text) {
  if (auto duration = relay::parse_duration(text)) {
    KEEL_HOLDS(duration->ns >= 0);
    KEEL_HOLDS(relay::parse_duration(relay::duration_text(*duration)) == duration,
               relay::duration_text(*duration));
  }
  if (auto bytes = relay::parse_size(text)) {
    KEEL_HOLDS(*bytes >= 0);
    KEEL_HOLDS(relay::parse_size(relay::size_text(*bytes)) == bytes, relay::size_text(*bytes));
  }
  relay::Decimal decimal = relay::parse_decimal(text);
  KEEL_HOLDS(decimal.fault == relay::Decimal::Fault::none || decimal.nano == 0);
  if (auto integer = relay::parse_integer(text); integer && std::llabs(*integer) < 1'000'000'000) {
    KEEL_HOLDS(decimal.nano == *integer * 1'000'000'000, std::to_string(decimal.nano));
  }
  if (auto number = relay::parse_number(text)) {
    KEEL_HOLDS(relay::parse_number(relay::plain_number(*number)) == number,
               relay::plain_number(*number));
  }
}

void addresses(std::string_view text) {
  if (auto listen = relay::parse_listen(text)) {
    std::string again = relay::listen_text(listen->host, listen->port);
    auto same = relay::parse_listen(again);
    KEEL_HOLDS(same.ok() && *same == *listen, again);
    KEEL_HOLDS(again.find_first_not_of("0123456789abcdefABCDEF.:[]") == std::string::npos, again);
  }
  for (bool plaintext : {false, true}) {
    auto url = relay::check_base_url(text, plaintext);
    if (!url) {
      KEEL_HOLDS(wire::json::valid_utf8(text) == wire::json::valid_utf8(url.error().message) ||
                     wire::json::valid_utf8(url.error().message),
                 url.error().message);
      continue;
    }
    auto same = relay::check_base_url(*url, plaintext);
    KEEL_HOLDS(same.ok() && *same == *url, *url);
    KEEL_HOLDS(url->starts_with("https://") || url->starts_with("http://"), *url);
    KEEL_HOLDS(!url->ends_with('/') && url->find_first_of("?#\\ ") == std::string::npos, *url);
    for (char c : *url) KEEL_HOLDS(c > 0x20 && c < 0x7f, *url);
  }
}

void delays(std::string_view text) {
  for (Duration unit : {milliseconds(1), seconds(1)}) {
    auto delay = wire::parse_delay(text, unit);
    KEEL_HOLDS(!delay || delay->ns >= 0);
  }
  auto length = wire::parse_go_duration(text);
  KEEL_HOLDS(!length || length->ns >= 0);
  wire::parse_http_date(text);
  wire::parse_rfc3339(text);
  wire::Headers headers;
  for (const char* name : {"retry-after-ms", "retry-after", "x-ratelimit-reset-tokens",
                           "anthropic-ratelimit-tokens-reset", "x-should-retry"}) {
    headers.assign({{name, std::string(text)},
                    {"x-ratelimit-remaining-tokens", "0"},
                    {"anthropic-ratelimit-tokens-remaining", "0"}});
    RetryHint hint = wire::read_hint(headers, std::nullopt, 1'700'000'000'000'000'000);
    KEEL_HOLDS(!hint.after || hint.after->ns >= 0);
  }
}

void quotes(std::string_view text) {
  std::string quoted = wire::json_quote(text);
  KEEL_HOLDS(fuzz::is_json(quoted) && wire::json::valid_utf8(quoted), quoted);
  wire::json::Cursor cursor(quoted, 1);
  wire::json::String string;
  KEEL_HOLDS(cursor.string(string) && cursor.finish(), quoted);
  KEEL_HOLDS(string.text_size() == string.text().size());
  if (wire::json::valid_utf8(text)) KEEL_HOLDS(string.text() == text, quoted);
  for (size_t n : {size_t{0}, text.size() / 2, text.size()}) {
    std::string_view start = wire::cut_utf8(text, n);
    KEEL_HOLDS(start.size() <= n && text.starts_with(start));
    if (wire::json::valid_utf8(text)) KEEL_HOLDS(wire::json::valid_utf8(start));
  }
  std::string shown = relay::quoted(text);
  for (char c : shown) KEEL_HOLDS(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, shown);
  relay::nearest_name(text, {"max_attempts", "targets", "x", ""});
}

// JSON's own scalars, where the text is one.
void scalars(std::string_view text) {
  wire::json::Cursor skipping(text, wire::kReplyDepthMax);
  bool accepted = skipping.skip() && skipping.finish();
  if (accepted) KEEL_HOLDS(fuzz::is_json(text));
  wire::json::Cursor numbers(text, 1);
  std::string_view digits;
  if (numbers.kind() != wire::json::Kind::number || !numbers.number(digits)) return;
  auto decimal = wire::json::decimal_of(digits);
  if (!decimal) return;
  auto integer = decimal->integer();
  if (!integer) return;
  auto again = wire::json::decimal_of(std::to_string(*integer));
  KEEL_HOLDS(again && (*again == *decimal || decimal->zero()), std::to_string(*integer));
}

}  // namespace
}  // namespace keel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = keel::fuzz::text_of(data, size);
  keel::quantities(text);
  keel::addresses(text);
  keel::delays(text);
  keel::quotes(text);
  keel::scalars(text);
  return 0;
}
