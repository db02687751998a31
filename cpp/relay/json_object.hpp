#pragma once
// Writes one JSON object, member by member, in the order given: log lines and traces.

#include "base/time.hpp"
#include "wire/json_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace keel::relay {

class JsonObject {
 public:
  // `value` is JSON already.
  JsonObject& raw(std::string_view name, std::string_view value) {
    if (out_.size() > 1) out_ += ',';
    out_.append("\"").append(name).append("\":").append(value);
    return *this;
  }
  JsonObject& null(std::string_view name) { return raw(name, "null"); }
  JsonObject& text(std::string_view name, std::string_view value) {
    return raw(name, wire::json_quote(value));
  }
  JsonObject& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
  }
  JsonObject& number(std::string_view name, int64_t value) {
    return raw(name, std::to_string(value));
  }
  JsonObject& number_or_null(std::string_view name, std::optional<int64_t> value) {
    return value ? number(name, *value) : null(name);
  }
  JsonObject& flag(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  // Milliseconds to the microsecond; never negative.
  JsonObject& ms(std::string_view name, Duration value) {
    const int64_t us = std::max<int64_t>(value.ns, 0) / 1'000;
    std::string fraction = std::to_string(us % 1'000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return raw(name, std::to_string(us / 1'000) + "." + fraction);
  }
  JsonObject& ms_between(std::string_view name, Instant from, std::optional<Instant> to) {
    return to ? ms(name, elapsed(from, *to)) : null(name);
  }
  std::string take() { return std::move(out_ += '}'); }

 private:
  std::string out_ = "{";
};

}  // namespace keel::relay
