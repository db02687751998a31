#pragma once
// The members of a request that are ours and not the provider's: `models` and `fallbacks`, the
// other models a client would take.

#include "wire/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace keel::wire {

inline constexpr size_t kFallbacksMax = 64;  // names in one request

// Each reads one value and appends the names in it; null has none. Returns what is wrong with the
// value, as "found ..., wanted ...", or nothing.
std::string read_models(json::Cursor& cursor, std::vector<std::string>& names);     // of strings
std::string read_fallbacks(json::Cursor& cursor, std::vector<std::string>& names);  // or of objects

// What is wrong with a model's name, or nothing.
std::string model_name_problem(std::string_view name);

// The bytes that go when a member from `key_at` to `value_end` is cut out: the comma before it goes
// too, or, where no member before it is kept, the one behind it.
Span member_with_comma(std::string_view text, size_t key_at, size_t value_end, bool kept_before);

}  // namespace keel::wire
