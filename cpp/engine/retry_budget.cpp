#include "engine/retry_budget.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace keel::engine {

namespace {

constexpr int64_t kMillion = 1'000'000;

// Integers, so that 0.2 of 5 is 1 wherever it is computed. Rounded down: towards refusing.
int64_t millionths_of(double ratio) {
  if (!(ratio >= 0 && ratio <= 1e6)) {
    throw std::invalid_argument("retry budget: ratio is " + std::to_string(ratio) +
                                ", wanted 0 to 1000000");
  }
  return static_cast<int64_t>(ratio * kMillion + 1e-3);
}

}  // namespace

RetryBudget::RetryBudget(RetryBudgetSettings settings)
    : ratio_millionths_(millionths_of(settings.ratio)),
      floor_(settings.floor),
      requests_(settings.window, Forget::early),
      extras_(settings.window, Forget::late) {
  if (floor_ < 0) {
    throw std::invalid_argument("retry budget: floor is " + std::to_string(floor_) +
                                ", wanted at least 0");
  }
}

void RetryBudget::record_request(Instant now) {
  requests_.add(0, 1, now);
}

bool RetryBudget::would_grant(Instant now) const {
  return balance(now) > 0;
}

bool RetryBudget::try_grant(Instant now) {
  if (!would_grant(now)) return false;
  extras_.add(0, 1, now);
  return true;
}

int64_t RetryBudget::balance(Instant now) const {
  __int128 earned = __int128{requests_.sum(0, now)} * ratio_millionths_ / kMillion + floor_;
  return std::max<int64_t>(detail::clamp_to_i64(earned - extras_.sum(0, now)), 0);
}

}  // namespace keel::engine
