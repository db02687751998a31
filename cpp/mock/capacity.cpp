#include "mock/capacity.hpp"

#include <algorithm>

namespace keel::mock {

std::optional<Duration> CapacityMeter::enter(const Capacity& capacity, const std::string& who,
                                             Instant now) {
  Use& use = uses_[who];
  if (capacity.concurrent > 0 && use.in_flight >= capacity.concurrent) return seconds(1);
  if (capacity.rpm > 0) {
    const Duration window = from_seconds(capacity.window_s);
    while (!use.recent.empty() && elapsed(use.recent.front(), now) >= window)
      use.recent.pop_front();
    if (static_cast<int64_t>(use.recent.size()) >= capacity.rpm) {
      const size_t blocking = use.recent.size() - static_cast<size_t>(capacity.rpm);
      return remaining(use.recent[blocking] + window, now);
    }
    use.recent.push_back(now);
  }
  ++use.in_flight;
  return std::nullopt;
}

void CapacityMeter::leave(const std::string& who) {
  --uses_[who].in_flight;
}

int64_t CapacityMeter::left(const Capacity& capacity, const std::string& who) const {
  auto at = uses_.find(who);
  const auto used = at == uses_.end() ? 0 : static_cast<int64_t>(at->second.recent.size());
  return std::max<int64_t>(0, capacity.rpm - used);
}

}  // namespace keel::mock
