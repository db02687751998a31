#pragma once
// How much extra load failure may cause (Finagle's RetryBudget, SEMANTICS A3): in any sliding
// window, extras + 1 <= ratio * requests + floor. Bucketed so that it errs towards refusing:
// requests are forgotten early, extras late.

#include "engine/window.hpp"

#include <cstdint>

namespace keel::engine {

struct RetryBudgetSettings {
  double ratio = 0.2;
  int64_t floor = 10;
  Duration window = seconds(10);
};

class RetryBudget {
 public:
  // Throws std::invalid_argument on a negative ratio or floor.
  explicit RetryBudget(RetryBudgetSettings settings);

  void record_request(Instant now);
  bool would_grant(Instant now) const;
  // Grants one extra send and counts it, or refuses and counts nothing.
  bool try_grant(Instant now);
  // How many extras would be granted right now.
  int64_t balance(Instant now) const;

 private:
  int64_t ratio_millionths_;
  int64_t floor_;
  WindowCounts requests_;
  WindowCounts extras_;
};

}  // namespace keel::engine
