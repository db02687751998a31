#pragma once
// Money in integer nano-USD and prices in nano-USD per million tokens, with the one rounding rule:
// every component is rounded up, at reserve and at settle, so a settlement never exceeds its hold.

#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace keel {

struct NanoUsd {
  int64_t value = 0;

  static constexpr NanoUsd max() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr auto operator<=>(const NanoUsd&) const = default;
};

constexpr NanoUsd operator+(NanoUsd a, NanoUsd b) {
  return {detail::clamp_to_i64(__int128{a.value} + b.value)};
}
constexpr NanoUsd operator-(NanoUsd a, NanoUsd b) {
  return {detail::clamp_to_i64(__int128{a.value} - b.value)};
}
constexpr NanoUsd& operator+=(NanoUsd& a, NanoUsd b) {
  return a = a + b;
}
constexpr NanoUsd& operator-=(NanoUsd& a, NanoUsd b) {
  return a = a - b;
}

// "0.001234000" style text: dollars with up to nine decimals, trailing zeros cut.
std::string to_usd_text(NanoUsd amount);
void append_usd(std::string& out, NanoUsd amount);  // the same behind other text

// Price of a model, each figure in nano-USD per 1,000,000 tokens (1 USD per million = 1e9).
// `cached` and `cache_write` default to `in` where the provider names none.
struct Price {
  int64_t in = 0;
  int64_t out = 0;
  std::optional<int64_t> cached;
  std::optional<int64_t> cache_write;

  constexpr int64_t cached_or_in() const { return cached.value_or(in); }
  constexpr int64_t cache_write_or_in() const { return cache_write.value_or(in); }
  constexpr int64_t dearest_in() const {
    int64_t dearest = in;
    if (cached_or_in() > dearest) dearest = cached_or_in();
    if (cache_write_or_in() > dearest) dearest = cache_write_or_in();
    return dearest;
  }
  friend constexpr bool operator==(const Price&, const Price&) = default;
};

// ceil(tokens * nano_usd_per_million / 1e6) in 128 bits; negative tokens count as none.
constexpr NanoUsd price_tokens(int64_t tokens, int64_t nano_usd_per_million) {
  if (tokens <= 0 || nano_usd_per_million <= 0) return {0};
  __int128 product = __int128{tokens} * nano_usd_per_million;
  return {detail::clamp_to_i64((product + 999'999) / 1'000'000)};
}

// What these tokens cost. Cached and cache-write tokens are part of usage.in (as OpenAI counts).
NanoUsd cost_of(const Usage& usage, const Price& price);

// The most a request can cost: at most `in` input tokens at the dearest input price and at most
// `out` output tokens. Two nano-USD are added because a settlement rounds up each of three input
// components and the bound only one.
NanoUsd worst_case(int64_t in, int64_t out, const Price& price);

// The largest number of output tokens whose worst case still fits into `amount`; negative if none.
int64_t output_tokens_that_fit(NanoUsd amount, int64_t in, const Price& price);

}  // namespace keel
