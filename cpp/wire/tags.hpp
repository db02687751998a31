#pragma once
// The tags a client gives a request, for whoever reads the log of requests afterwards. They change
// nothing about the answer. Only what is named to be a tag is one: never a word of a prompt.

#include "wire/facts.hpp"

#include <string>
#include <string_view>

namespace keel::wire {

inline constexpr size_t kTagsMost = 32;
inline constexpr size_t kTagsBytesMax = 1024;  // names and values together

// A JSON object of strings, empty text if there are no tags. From, in this order:
//   `header`, the value of x-keel-tags: `name=value` or `name` alone, separated by commas;
//   the body's `metadata`: its strings, numbers and booleans;
//   the body's `user`, under that name.
// Of equal names the first one is kept. A tag beyond the limits is left out whole.
std::string tags_json(std::string_view header, const Facts& facts, std::string_view body);

}  // namespace keel::wire
