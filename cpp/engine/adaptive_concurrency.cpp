#include "engine/adaptive_concurrency.hpp"

#include <algorithm>

namespace keel::engine {

namespace {
constexpr Duration kQuiet = seconds(10);
}

std::optional<int64_t> AdaptiveConcurrency::limit() const {
  if (places_.limit() == Concurrency::kUnlimited) return std::nullopt;
  return places_.limit();
}

AdaptiveConcurrency::Lease AdaptiveConcurrency::enter(Instant until, Instant now) {
  const Lease lease = places_.enter(until, now);
  const int64_t wide = places_.limit();
  used_ |= wide != Concurrency::kUnlimited && places_.in_flight(now) >= wide - wide / 2;
  return lease;
}

void AdaptiveConcurrency::throttled(Lease lease, Instant now) {
  if (lease.id <= before_cut_) return;
  const int64_t was = limit().value_or(places_.in_flight(now));
  cut_at_ = now;
  places_.retune(std::max<int64_t>(was * 7 / 10, 1));
  before_cut_ = places_.newest();
  successes_ = 0;
  used_ = false;
}

void AdaptiveConcurrency::succeeded(Lease lease, Instant now) {
  const int64_t wide = places_.limit();
  if (wide == Concurrency::kUnlimited || lease.id <= before_cut_) return;
  const bool quiet = elapsed(cut_at_, now) >= kQuiet;
  if (quiet && used_) return places_.retune(wide + 1);
  if (++successes_ < wide) return;
  if (used_) places_.retune(wide + 1);
  successes_ = 0;
  used_ = false;
}

}  // namespace keel::engine
