#include "base/money.hpp"

#include "base/decimal.hpp"

#include <algorithm>

namespace keel {

namespace {
constexpr NanoUsd kComponentRounding{2};
}

void append_usd(std::string& out, NanoUsd amount) {
  append_decimal(out, amount.value, 9);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
}

std::string to_usd_text(NanoUsd amount) {
  std::string out;
  append_usd(out, amount);
  return out;
}

NanoUsd cost_of(const Usage& usage, const Price& price) {
  int64_t in = std::max<int64_t>(usage.in, 0);
  int64_t cached = std::clamp<int64_t>(usage.cached, 0, in);
  int64_t written = std::clamp<int64_t>(usage.cache_write, 0, in - cached);
  return price_tokens(in - cached - written, price.in) +
         price_tokens(cached, price.cached_or_in()) +
         price_tokens(written, price.cache_write_or_in()) + price_tokens(usage.out, price.out);
}

NanoUsd worst_case(int64_t in, int64_t out, const Price& price) {
  return price_tokens(in, price.dearest_in()) + price_tokens(out, price.out) + kComponentRounding;
}

int64_t output_tokens_that_fit(NanoUsd amount, int64_t in, const Price& price) {
  NanoUsd left = amount - price_tokens(in, price.dearest_in()) - kComponentRounding;
  if (left.value < 0) return -1;
  if (price.out <= 0) return std::numeric_limits<int64_t>::max();
  return detail::clamp_to_i64(__int128{left.value} * 1'000'000 / price.out);
}

}  // namespace keel
