#include "engine/breaker.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace keel::engine {

namespace {

enum Slot : int { kResults, kFailures, kSlow };

void require(bool good, const char* name, const std::string& found, const char* wanted) {
  if (good) return;
  throw std::invalid_argument(std::string("breaker: ") + name + " is " + found + ", wanted " +
                              wanted);
}

void require_at_least(const char* name, int found, int wanted) {
  require(found >= wanted, name, std::to_string(found),
          ("at least " + std::to_string(wanted)).c_str());
}

void validate(const BreakerSettings& s) {
  require_at_least("consecutive", s.consecutive, 0);
  require_at_least("min_requests", s.min_requests, 1);
  require_at_least("close_after", s.close_after, 1);
  require_at_least("half_open_in_flight", s.half_open_in_flight, 1);
  require(s.failure_rate > 0, "failure_rate", std::to_string(s.failure_rate), "more than 0");
  require(s.slow_rate > 0, "slow_rate", std::to_string(s.slow_rate), "more than 0");
  require(s.jitter >= 0 && s.jitter <= 1, "jitter", std::to_string(s.jitter), "0 to 1");
  require(s.open.ns > 0, "open", std::to_string(s.open.ns) + " ns", "more than 0");
  require(s.open_max.ns > 0, "open_max", std::to_string(s.open_max.ns) + " ns", "more than 0");
}

// part >= share * whole, with room for shares like 0.7 that no double holds exactly.
bool reaches(int64_t part, int64_t whole, double share) {
  return share <= 1 && static_cast<double>(part) >= share * static_cast<double>(whole) - 1e-9;
}

}  // namespace

Breaker::Breaker(BreakerSettings settings, uint64_t seed)
    : settings_(settings), random_(seed), start_(settings.close_after), counts_(settings.window) {
  validate(settings);
}

bool Breaker::would_admit(Instant now) const {
  switch (state_) {
    case State::closed:
      return start_.would_admit(now);
    case State::disabled:
      return true;
    case State::forced_open:
      return false;
    case State::open:
      if (!settings_.recover_alone || now < open_until_) return false;
      break;
    case State::half_open:
      break;
  }
  int out = 0;
  for (const Trial& trial : trials_) {
    bool expired = trial.until <= now;
    if (expired && trial.permit.epoch == epoch_) return false;  // expire() would open
    if (!expired) ++out;
  }
  return out < settings_.half_open_in_flight;
}

std::optional<Breaker::Permit> Breaker::admit(Duration lease, Instant now) {
  expire(now);
  if (!would_admit(now)) return std::nullopt;
  Permit permit = give();
  if (state_ == State::half_open) trials_.push_back({permit, now + lease});
  start_.enter(permit.id, now + lease, now);
  return permit;
}

void Breaker::extend(Permit permit, Instant until) {
  for (Trial& trial : trials_)
    if (trial.permit.id == permit.id) trial.until = std::max(trial.until, until);
  start_.extend(permit.id, until);
}

void Breaker::settle(Permit permit, Effect effect, bool slow, Instant now) {
  if (!take_back(permit)) return;
  auto trial = std::find_if(trials_.begin(), trials_.end(),
                            [&](const Trial& t) { return t.permit.id == permit.id; });
  const bool late = trial != trials_.end() && trial->until <= now;
  if (trial != trials_.end()) trials_.erase(trial);
  if (late) {
    if (permit.epoch == epoch_) give_up_waiting(now);
    return;
  }
  if (permit.epoch != epoch_) return;
  start_.leave(permit.id, effect, now);
  judge(effect, slow, now);
}

void Breaker::record(uint64_t epoch, Effect effect, bool slow, Instant now) {
  if (epoch != epoch_) return;
  start_.hear(effect, now);
  judge(effect, slow, now);
}

void Breaker::judge(Effect effect, bool slow, Instant now) {
  if (effect == Effect::neutral) return;
  bool failed = effect == Effect::failure;
  if (state_ == State::half_open) {
    if (failed) {
      open(now);
    } else if (++successes_ >= settings_.close_after) {
      close(now);
    }
    return;
  }
  if (state_ != State::closed) return;
  counts_.add(kResults, 1, now);
  if (failed) counts_.add(kFailures, 1, now);
  if (!failed && slow) counts_.add(kSlow, 1, now);
  run_ = failed ? run_ + 1 : 0;
  if (must_open(now)) open(now);
}

bool Breaker::must_open(Instant now) const {
  // While it is let in step by step, a run of refusals first makes the door narrower: somebody who
  // serves what he can and refuses the rest is not down.
  const bool can_narrow = start_.under_way() && !start_.at_the_floor();
  if (settings_.consecutive > 0 && run_ >= settings_.consecutive && !can_narrow) return true;
  int64_t results = counts_.sum(kResults, now);
  return results >= settings_.min_requests &&
         (reaches(counts_.sum(kFailures, now), results, settings_.failure_rate) ||
          reaches(counts_.sum(kSlow, now), results, settings_.slow_rate));
}

bool Breaker::recovery_due(Instant now) const {
  return state_ == State::open && !settings_.recover_alone && now >= open_until_;
}

void Breaker::half_open(Instant) {
  if (state_ == State::open) enter(State::half_open);
}

void Breaker::wait_again(Instant now) {
  if (state_ == State::open) open_until_ = now + last_wait_;
}

void Breaker::trip(Instant now) {
  if (state_ == State::closed || state_ == State::half_open) open(now);
}

void Breaker::expire(Instant now) {
  bool failed = false;
  std::erase_if(trials_, [&](const Trial& trial) {
    if (trial.until > now) return false;
    take_back(trial.permit);
    failed = failed || trial.permit.epoch == epoch_;
    return true;
  });
  if (failed) give_up_waiting(now);
  if (state_ == State::open && settings_.recover_alone && now >= open_until_) half_open(now);
}

Instant Breaker::wake_at() const {
  Instant at = state_ == State::open ? open_until_ : Instant::never();
  for (const Trial& trial : trials_) at = std::min(at, trial.until);
  return at;
}

void Breaker::take_over(const Breaker& before) {
  trials_.clear();
  run_ = before.run_;
  reopenings_ = before.reopenings_;
  last_wait_ = before.last_wait_;
  open_until_ = before.open_until_;
  closed_since_ = before.closed_since_;
  if (settings_.window == before.settings_.window) counts_ = before.counts_;
  enter(before.state_);
  successes_ = before.successes_;
  start_.take_over(before.start_);
  bore_ = before.bore_;
}

void Breaker::force_open() {
  open_until_ = Instant::never();
  enter(State::forced_open);
}

void Breaker::disable() {
  enter(State::disabled);
}

void Breaker::reset(Instant now) {
  reopenings_ = 0;
  last_wait_ = Duration::zero();
  close(now);
}

Breaker::Permit Breaker::give() {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(generations_.size()));
    generations_.push_back(0);
  }
  uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  ++given_;
  peak_ = std::max(peak_, ++in_flight_);
  return {epoch_, uint64_t{++generations_[slot]} << 32 | slot};
}

bool Breaker::take_back(Permit permit) {
  auto slot = static_cast<uint32_t>(permit.id);
  auto generation = static_cast<uint32_t>(permit.id >> 32);
  bool out = slot < generations_.size() && generations_[slot] == generation && generation % 2 == 1;
  if (!out) return false;
  ++generations_[slot];
  free_slots_.push_back(slot);
  ++returned_;
  if (permit.epoch == epoch_) --in_flight_;
  return true;
}

void Breaker::open(Instant now) {
  if (state_ == State::closed) bore_ = std::max(peak_, bore_ / 2);
  if (state_ == State::closed && elapsed(closed_since_, now) >= last_wait_) reopenings_ = 0;
  reopenings_ = std::min(reopenings_ + 1, 63);
  last_wait_ = wait();
  open_until_ = now + last_wait_;
  enter(State::open);
}

void Breaker::give_up_waiting(Instant now) {
  if (state_ != State::half_open) return;
  last_wait_ = jittered(settings_.open);
  open_until_ = now + last_wait_;
  enter(State::open);
}

void Breaker::close(Instant now) {
  counts_.clear();
  run_ = 0;
  closed_since_ = now;
  const bool gradually = settings_.ramp && state_ == State::half_open;
  enter(State::closed);
  if (gradually) start_.begin(bore_);
}

void Breaker::enter(State state) {
  state_ = state;
  ++epoch_;
  successes_ = 0;
  in_flight_ = peak_ = 0;
  start_.end();
}

Duration Breaker::wait() {
  Duration plain = std::min(settings_.open * (int64_t{1} << (reopenings_ - 1)), settings_.open_max);
  return jittered(plain);
}

Duration Breaker::jittered(Duration plain) {
  return scaled(plain, 1 + settings_.jitter * (2 * random_.unit() - 1));
}

std::string_view name_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
      return "closed";
    case Breaker::State::half_open:
      return "half_open";
    case Breaker::State::open:
      return "open";
    case Breaker::State::forced_open:
      return "forced_open";
    case Breaker::State::disabled:
      return "disabled";
  }
  return "unknown";
}

}  // namespace keel::engine
