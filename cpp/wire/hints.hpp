#pragma once
// What a provider asked us to do about a failure: how long to wait, and whether to come back at
// all. Everything here is the provider's word and may be nonsense; nonsense counts as not said.

#include "base/vocabulary.hpp"
#include "wire/headers.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace keel::wire {

// The delay is the first that parses of: retry-after-ms, x-ms-retry-after-ms, retry-after (seconds,
// or an HTTP date against unix_now_ns), `body_delay` (errors.hpp reads it from the reply), and of
// the x-ratelimit-reset-* and anthropic-ratelimit-*-reset whose `remaining` is 0 the largest.
// NaN, infinite, negative, past and overflowing values are none. Not capped: the relay does that.
RetryHint read_hint(const Headers& headers, std::optional<Duration> body_delay,
                    int64_t unix_now_ns);

// "1.5" in units of `unit`; nullopt unless all of it is one finite number >= 0 that fits.
std::optional<Duration> parse_delay(std::string_view number, Duration unit);
// "6m0s", "120ms", "1h2m3.5s" as Go writes durations; also protobuf's "45.837906927s".
std::optional<Duration> parse_go_duration(std::string_view text);
// The three forms of RFC 9110 5.6.7, to nanoseconds since 1970.
std::optional<int64_t> parse_http_date(std::string_view text);
// "2025-08-14T01:10:35.5Z" or with an offset, to nanoseconds since 1970.
std::optional<int64_t> parse_rfc3339(std::string_view text);

}  // namespace keel::wire
