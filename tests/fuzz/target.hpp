#pragma once
// What the fuzz targets share. A target is one function of bytes that states what must hold of any
// of them, and dies where it does not: libFuzzer and driver.cpp both keep the input then.

#include "base/random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace keel::fuzz {

[[noreturn]] inline void broken(const char* file, int line, const char* what,
                                const std::string& found = {}) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n%s\n", file, line, what, found.c_str());
  std::abort();
}

// KEEL_HOLDS(condition) or KEEL_HOLDS(condition, text that says what was found instead).
#define KEEL_HOLDS(condition, ...) \
  ((condition) ? void() : ::keel::fuzz::broken(__FILE__, __LINE__, #condition, ##__VA_ARGS__))

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

using Pieces = std::vector<std::string_view>;

inline uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

inline Pieces cut(std::string_view text, Random& random, size_t longest) {
  Pieces pieces;
  while (!text.empty()) {
    size_t size = std::min<size_t>(text.size(), 1 + random.below(longest));
    pieces.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return pieces;
}

// Ways to cut a text in pieces: byte by byte, and by chance into short and longer ones. Chance is
// seeded by the text itself, so that any file is a seed as it is, and a byte changed anywhere cuts
// elsewhere.
inline std::vector<Pieces> splits_of(std::string_view text) {
  Random random(hash_of(text));
  std::vector<Pieces> ways;
  for (size_t longest : {1, 5, 64, 1024}) ways.push_back(cut(text, random, longest));
  return ways;
}

}  // namespace keel::fuzz
