#include "engine/single_flight.hpp"

#include <cassert>
#include <utility>

namespace keel::engine {

SingleFlight::Seat SingleFlight::join(const CacheKey& key, const Body& canonical, Member who,
                                      Instant now) {
  if (auto found = index_.find(key); found != index_.end()) {
    if (flights_[found->second].canonical.view() != canonical.view()) return kNone;
    return seat_in(found->second, who);
  }
  const Seat seat = seat_in(fly(key, canonical), who);
  begin(seat, now);
  return seat;
}

void SingleFlight::begin(Seat seat, Instant now) {
  assert(!seats_[seat].asks);
  seats_[seat].asks = true;
  Flight& flight = flights_[seats_[seat].flight];
  ++flight.asking;
  flight.last_began = now;
}

bool SingleFlight::rest(Seat seat) {
  Flight& flight = flights_[seats_[seat].flight];
  if (!seats_[seat].asks || flight.asking < 2 || flight.over) return false;
  seats_[seat].asks = false;
  --flight.asking;
  return true;
}

void SingleFlight::land(Seat seat, std::optional<CachedReply> answer, std::vector<Member>& others) {
  const uint32_t index = seats_[seat].flight;
  Flight& flight = flights_[index];
  if (!flight.over) {
    index_.erase(flight.key);
    flight.over = true;
    flight.answer = std::move(answer);
    for (Seat s = flight.first; s != kNone; s = seats_[s].after)
      if (s != seat) others.push_back(seats_[s].who);
  }
  unseat(seat);
}

const CachedReply* SingleFlight::answer(Seat seat) const {
  const std::optional<CachedReply>& answer = flights_[seats_[seat].flight].answer;
  return answer ? &*answer : nullptr;
}

std::optional<SingleFlight::Member> SingleFlight::leave(Seat seat, Instant now) {
  const uint32_t index = seats_[seat].flight;
  unseat(seat);
  const Flight& flight = flights_[index];
  if (flight.first == kNone || flight.over || flight.asking > 0) return std::nullopt;
  begin(flight.first, now);
  return seats_[flight.first].who;
}

SingleFlight::Seat SingleFlight::seat_in(uint32_t index, Member who) {
  Flight& flight = flights_[index];
  Seat seat;
  if (free_seats_.empty()) {
    seat = static_cast<Seat>(seats_.size());
    seats_.emplace_back();
  } else {
    seat = free_seats_.back();
    free_seats_.pop_back();
  }
  seats_[seat] = {.who = who, .flight = index, .before = flight.last};
  (flight.last == kNone ? flight.first : seats_[flight.last].after) = seat;
  flight.last = seat;
  return seat;
}

// The last one out ends the flight.
void SingleFlight::unseat(Seat seat) {
  const Place place = seats_[seat];
  Flight& flight = flights_[place.flight];
  (place.before == kNone ? flight.first : seats_[place.before].after) = place.after;
  (place.after == kNone ? flight.last : seats_[place.after].before) = place.before;
  if (place.asks) --flight.asking;
  free_seats_.push_back(seat);
  if (flight.first != kNone) return;
  if (!flight.over) index_.erase(flight.key);
  flight = {};
  free_flights_.push_back(place.flight);
}

uint32_t SingleFlight::fly(const CacheKey& key, const Body& canonical) {
  uint32_t index;
  if (free_flights_.empty()) {
    index = static_cast<uint32_t>(flights_.size());
    flights_.emplace_back();
  } else {
    index = free_flights_.back();
    free_flights_.pop_back();
  }
  flights_[index].key = key;
  flights_[index].canonical = canonical;
  index_.emplace(key, index);
  return index;
}

}  // namespace keel::engine
