#pragma once
// Writes one JSON object, member by member, in the order given: log lines and traces.

#include "base/decimal.hpp"
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
  // `room`: what it will take, if that is more than a little.
  explicit JsonObject(size_t room = 0) {
    out_.reserve(room);
    out_ += '{';
  }

  // `value` is JSON already.
  JsonObject& raw(std::string_view name, std::string_view value) {
    key(name).append(value);
    return *this;
  }
  JsonObject& null(std::string_view name) { return raw(name, "null"); }
  JsonObject& text(std::string_view name, std::string_view value) {
    wire::append_quoted(key(name), value);
    return *this;
  }
  JsonObject& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
  }
  JsonObject& number(std::string_view name, int64_t value) {
    append_number(key(name), value);
    return *this;
  }
  JsonObject& number_or_null(std::string_view name, std::optional<int64_t> value) {
    return value ? number(name, *value) : null(name);
  }
  JsonObject& flag(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  // Milliseconds to the microsecond; never negative.
  JsonObject& ms(std::string_view name, Duration value) {
    append_decimal(key(name), std::max<int64_t>(value.ns, 0) / 1'000, 3);
    return *this;
  }
  JsonObject& ms_between(std::string_view name, Instant from, std::optional<Instant> to) {
    return to ? ms(name, elapsed(from, *to)) : null(name);
  }
  std::string take() { return std::move(out_ += '}'); }

 private:
  std::string& key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    return out_.append("\"").append(name).append("\":");
  }

  std::string out_;
};

}  // namespace keel::relay
