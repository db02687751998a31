#pragma once
// Equal requests that are open at the same time, so that one of them asks and all are answered
// (SEMANTICS A9). Those of one key are a flight. Its members ask themselves, or wait for those who
// do; while there are members, one of them asks: whoever asks may leave, and the longest waiting
// takes its place.
//
// Nobody is called back: what concerns others comes back as their names, and the owner tells them.

#include "engine/cache.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace keel::engine {

class SingleFlight {
 public:
  using Member = uint64_t;  // the owner's name for one of them
  using Seat = uint32_t;    // of a member, until it leaves
  static constexpr Seat kNone = UINT32_MAX;

  // The first to come asks, every other one waits. kNone, and nothing changed: the key is in the
  // air for another canonical request. The seat is given back by land() or leave().
  Seat join(const CacheKey& key, const Body& canonical, Member who, Instant now);

  bool asks(Seat seat) const { return seats_[seat].asks; }
  // When somebody of the flight began to ask, the last time.
  Instant last_began(Seat seat) const { return flights_[seats_[seat].flight].last_began; }
  // One who waits asks as well from now on.
  void begin(Seat seat, Instant now);
  // One who asks waits again, where another one asks; otherwise false, and nothing changed.
  bool rest(Seat seat);

  // One who asked has an answer, and leaves. The flight is over: it is found by no one any more,
  // and each of the others (appended to `others`, first come first) finds the answer at its seat;
  // no answer: it is not for others, and each is on its own.
  void land(Seat seat, std::optional<CachedReply> answer, std::vector<Member>& others);
  bool over(Seat seat) const { return flights_[seats_[seat].flight].over; }
  // Once it is over; nullptr: there is none for others. Stays until this member leaves.
  const CachedReply* answer(Seat seat) const;

  // Leaves without an answer. Where nobody is left who asks, the first of those who wait asks from
  // now on, and is returned.
  std::optional<Member> leave(Seat seat, Instant now);

  size_t in_the_air() const { return index_.size(); }
  size_t members() const { return seats_.size() - free_seats_.size(); }

 private:
  struct Place {
    Member who = 0;
    uint32_t flight = 0;
    Seat before = kNone;
    Seat after = kNone;
    bool asks = false;
  };
  struct Flight {
    CacheKey key{};
    Body canonical;
    Seat first = kNone;  // in the order they came
    Seat last = kNone;
    uint32_t asking = 0;
    Instant last_began;
    bool over = false;
    std::optional<CachedReply> answer;
  };

  Seat seat_in(uint32_t flight, Member who);
  void unseat(Seat seat);
  uint32_t fly(const CacheKey& key, const Body& canonical);

  std::vector<Place> seats_;
  std::vector<Seat> free_seats_;
  std::vector<Flight> flights_;
  std::vector<uint32_t> free_flights_;
  std::unordered_map<CacheKey, uint32_t, CacheKeyHash> index_;  // those that are not over
};

}  // namespace keel::engine
