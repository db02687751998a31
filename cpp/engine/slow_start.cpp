#include "engine/slow_start.hpp"

#include <algorithm>

namespace keel::engine {

namespace {

constexpr Duration kNobodyWaits = seconds(10);

}  // namespace

void SlowStart::begin(int64_t borne) {
  end();
  if (borne <= floor_) return;
  borne_ = borne;
  width_ = floor_;
  full_at_ = narrowed_at_ = Instant{INT64_MIN / 2};
}

void SlowStart::end() {
  width_ = 0;
  guests_.clear();
}

void SlowStart::take_over(const SlowStart& before) {
  *this = before;
  guests_.clear();
}

bool SlowStart::would_admit(Instant now) const {
  return width_ == 0 || std::count_if(guests_.begin(), guests_.end(), [&](const Guest& guest) {
                          return guest.until > now;
                        }) < width_;
}

void SlowStart::enter(uint64_t id, Instant until, Instant now) {
  if (width_ == 0) return;
  std::erase_if(guests_, [&](const Guest& guest) { return guest.until <= now; });
  guests_.push_back({id, now, until});
  if (static_cast<int64_t>(guests_.size()) >= width_) full_at_ = now;
}

void SlowStart::extend(uint64_t id, Instant until) {
  for (Guest& guest : guests_)
    if (guest.id == id) guest.until = std::max(guest.until, until);
}

void SlowStart::drags(uint64_t id) {
  for (Guest& guest : guests_) guest.drags |= guest.id == id;
}

void SlowStart::leave(uint64_t id, Effect effect, Instant now) {
  const auto guest =
      std::find_if(guests_.begin(), guests_.end(), [&](const Guest& g) { return g.id == id; });
  // Overdue and forgotten: late news is news all the same.
  if (guest == guests_.end()) return hear(effect, now);
  const Guest gone = *guest;
  guests_.erase(guest);
  judge(effect, gone.drags, gone.began, now);
}

void SlowStart::hear(Effect effect, Instant now) {
  judge(effect, false, now, now);
}

void SlowStart::judge(Effect effect, bool drags, Instant began, Instant now) {
  if (width_ == 0 || effect == Effect::neutral) return;
  if (effect == Effect::failure) return narrow(50, began, now);
  if (drags) return narrow(70, began, now);
  ++width_;
  if (width_ >= borne_ && elapsed(full_at_, now) >= kNobodyWaits) end();
}

void SlowStart::narrow(int64_t percent, Instant began, Instant now) {
  if (began < narrowed_at_) return;
  width_ = std::max(floor_, width_ * percent / 100);
  narrowed_at_ = now;
}

}  // namespace keel::engine
