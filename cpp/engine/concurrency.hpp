#pragma once
// How many may be in flight at once, in one process. Who enters has a place until it leaves or the
// place's time is up: what is never given back must not be lost for good, as it would be from a
// count of entries and exits (SEMANTICS A7).

#include "base/time.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace keel::engine {

class Concurrency {
 public:
  static constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

  // One place: false for none. Later ones have larger ids.
  struct Lease {
    uint64_t id = 0;
    uint32_t slot = 0;
    explicit operator bool() const { return id != 0; }
  };

  explicit Concurrency(int64_t limit = kUnlimited) : limit_(limit) {}  // limit >= 1

  // Peeks; writes nothing.
  bool would_allow(Instant now) const { return in_flight(now) < limit_; }
  // A place until then, or none: a refusal counts nothing.
  Lease enter(Instant until, Instant now);
  // Another end for a place that is still held; false: it is not.
  bool renew(Lease lease, Instant until, Instant now);
  // Gives the place back; false: it was given back before, or its time was up.
  bool leave(Lease lease, Instant now);

  int64_t in_flight(Instant now) const;
  int64_t limit() const { return limit_; }
  uint64_t newest() const { return newest_; }  // the id given last; 0: none yet
  // Another limit (>= 1) from now on; whoever is inside stays.
  void retune(int64_t limit) { limit_ = limit; }
  double share_left(Instant now) const;  // [0, 1]

 private:
  struct Place {
    uint64_t id = 0;  // 0: free
    Instant until;
  };
  Place* held(Lease lease, Instant now);
  void free(uint32_t slot);
  void drop_ended(Instant now);

  int64_t limit_;
  std::vector<Place> places_;
  std::vector<uint32_t> free_;  // slots
  int64_t taken_ = 0;           // places that are not free, their time up or not
  uint64_t newest_ = 0;
  Instant first_end_ = Instant::never();  // no place's time is up before this
};

// As share_limiter(), for places.
void share_concurrency(std::shared_ptr<Concurrency>& mine,
                       const std::shared_ptr<Concurrency>& before);

}  // namespace keel::engine
