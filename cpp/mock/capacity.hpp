#pragma once
// How much a scripted provider can take: requests at once and requests per window, honestly told.

#include "base/time.hpp"
#include "mock/behaviour.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>

namespace keel::mock {

class CapacityMeter {
 public:
  // Admits a request of `who`, or says after how long it would. Admitted ones must leave().
  std::optional<Duration> enter(const Capacity& capacity, const std::string& who, Instant now);
  void leave(const std::string& who);
  // Requests left in the window, for the x-ratelimit fields.
  int64_t left(const Capacity& capacity, const std::string& who) const;

 private:
  struct Use {
    int64_t in_flight = 0;
    std::deque<Instant> recent;
  };
  std::map<std::string, Use> uses_;
};

}  // namespace keel::mock
