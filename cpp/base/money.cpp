#include "base/money.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace keel {

namespace {
constexpr NanoUsd kComponentRounding{2};
}

std::string to_usd_text(NanoUsd amount) {
  unsigned __int128 magnitude = amount.value < 0
                                    ? static_cast<unsigned __int128>(-__int128{amount.value})
                                    : static_cast<unsigned __int128>(amount.value);
  char text[48];
  std::snprintf(text, sizeof text, "%s%" PRIu64 ".%09" PRIu64, amount.value < 0 ? "-" : "",
                static_cast<uint64_t>(magnitude / 1'000'000'000),
                static_cast<uint64_t>(magnitude % 1'000'000'000));
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
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
