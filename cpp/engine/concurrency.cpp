#include "engine/concurrency.hpp"

#include <algorithm>

namespace keel::engine {

Concurrency::Lease Concurrency::enter(Instant until, Instant now) {
  drop_ended(now);
  if (taken_ >= limit_ || until <= now) return {};
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  places_[slot] = {++newest_, until};
  ++taken_;
  first_end_ = std::min(first_end_, until);
  return {newest_, slot};
}

bool Concurrency::renew(Lease lease, Instant until, Instant now) {
  Place* place = held(lease, now);
  if (!place) return false;
  place->until = until;
  first_end_ = std::min(first_end_, until);
  return true;
}

bool Concurrency::leave(Lease lease, Instant now) {
  const bool in_time = held(lease, now) != nullptr;
  if (lease && lease.slot < places_.size() && places_[lease.slot].id == lease.id) free(lease.slot);
  return in_time;
}

int64_t Concurrency::in_flight(Instant now) const {
  if (now < first_end_) return taken_;
  return std::count_if(places_.begin(), places_.end(),
                       [now](const Place& place) { return place.id != 0 && place.until > now; });
}

double Concurrency::share_left(Instant now) const {
  const int64_t inside = in_flight(now);
  if (inside >= limit_) return 0.0;
  return 1.0 - static_cast<double>(inside) / static_cast<double>(limit_);
}

Concurrency::Place* Concurrency::held(Lease lease, Instant now) {
  if (!lease || lease.slot >= places_.size()) return nullptr;
  Place& place = places_[lease.slot];
  return place.id == lease.id && place.until > now ? &place : nullptr;
}

void Concurrency::free(uint32_t slot) {
  places_[slot].id = 0;
  free_.push_back(slot);
  --taken_;
}

// first_end_ is seldom behind: a walk over all places comes once per lease's length at most.
void Concurrency::drop_ended(Instant now) {
  if (now < first_end_) return;
  first_end_ = Instant::never();
  for (uint32_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    if (place.id == 0) continue;
    if (place.until <= now)
      free(slot);
    else
      first_end_ = std::min(first_end_, place.until);
  }
}

void share_concurrency(std::shared_ptr<Concurrency>& mine,
                       const std::shared_ptr<Concurrency>& before) {
  if (!mine || !before) return;
  before->retune(mine->limit());
  mine = before;
}

}  // namespace keel::engine
