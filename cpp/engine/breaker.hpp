#pragma once
// A circuit breaker per target (SEMANTICS A5). A permit carries the epoch it was given in; a result
// from an older epoch never changes the state. In half-open a permit is leased: one that never
// comes back opens it again, so the breaker cannot stick. That was no answer rather than a bad one,
// so the wait is the first one again: what a trial that began in the last moment of an outage costs
// is bounded.

#include "base/random.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/slow_start.hpp"
#include "engine/window.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace keel::engine {

struct BreakerSettings {
  int consecutive = 5;        // failures in a row that open it; 0 switches the rule off
  double failure_rate = 0.5;  // > 0, share of failures in the window; > 1 switches the rule off
  double slow_rate = 0.8;     // > 0, share of slow successes in the window; > 1 switches it off
  int min_requests = 10;      // >= 1, results in the window before a rate counts
  Duration window = seconds(30);
  Duration open = seconds(5);  // first wait; doubles with every reopening
  Duration open_max = seconds(15);
  double jitter = 0.1;          // in [0, 1]: a wait is multiplied by U(1 - jitter, 1 + jitter)
  int close_after = 3;          // >= 1, trial successes that close it
  int half_open_in_flight = 1;  // >= 1, trials at once; one from an earlier half-open still counts
  bool ramp =
      true;  // once closed again it lets in what has proved good, and more with every success
  bool recover_alone = true;  // true: half-open by itself when the wait is over; false: half_open()
                              // is called by whoever probes (the relay's active health checks)
};

class Breaker {
 public:
  enum class State : uint8_t { closed, half_open, open, forced_open, disabled };
  struct Permit {
    uint64_t epoch = 0;
    uint64_t id = 0;
  };

  // Throws std::invalid_argument on a setting that is out of its range, by name.
  explicit Breaker(BreakerSettings settings, uint64_t seed = 1);

  State state() const { return state_; }
  uint64_t epoch() const { return epoch_; }
  const BreakerSettings& settings() const { return settings_; }

  // Peeks: would admit() give a permit now?
  bool would_admit(Instant now) const;
  // A permit, or nothing. `lease` (the attempt's own time limit + 1 s) matters in half-open, and
  // while it lets in step by step: what is overdue no longer stands in the door.
  std::optional<Permit> admit(Duration lease, Instant now);
  // It has shown life: a trial may last until then, and who was let in step by step counts as in
  // flight until then. Nothing happens where it is neither, or is over.
  void extend(Permit permit, Instant until);
  // Told before it is settled: the answer came, and took far longer than is usual here. Where it
  // lets in step by step that is no reason to let in more.
  void drags(Permit permit) { start_.drags(permit.id); }
  // Returns the permit with what it found. Each permit is settled once; a second settle is ignored.
  // A trial that comes back after its lease has failed, whatever it found.
  void settle(Permit permit, Effect effect, bool slow, Instant now);
  // Counts a result of an epoch without returning a permit (a sole target records one result per
  // request, at its end).
  void record(uint64_t epoch, Effect effect, bool slow, Instant now);

  // The wait of an open breaker is over (and recover_alone is false): probe, then call one of
  // these.
  bool recovery_due(Instant now) const;
  void half_open(Instant now);
  void wait_again(Instant now);  // the probe failed: the same wait once more
  // Opens for a reason outside the results (three failed active probes).
  void trip(Instant now);

  // What time alone does: fails half-open permits whose lease has run out, and with recover_alone
  // ends the wait. admit() does it too.
  void expire(Instant now);
  // When to call expire() (or, with recover_alone false, to ask recovery_due(), which stays due
  // until it is answered): the end of the wait, or the earliest lease's end.
  Instant wake_at() const;
  // When an open breaker may be half-open at the earliest; never when it is forced open.
  Instant open_until() const { return open_until_; }

  // Goes on where `before` is, under its own settings and in a new epoch. The permits of `before`
  // stay its own: no trial is out here.
  void take_over(const Breaker& before);

  void force_open();  // admits nothing until reset
  void disable();     // admits everything, counts nothing
  void reset(Instant now);

  // Closed again, and not yet letting in all: so many at once for now. 0: all.
  int64_t door() const { return start_.width(); }
  int trials_in_flight() const { return static_cast<int>(trials_.size()); }
  // Permits given and given back (settled or expired), for the ledger of permits.
  uint64_t permits_given() const { return given_; }
  uint64_t permits_returned() const { return returned_; }

 private:
  struct Trial {
    Permit permit;
    Instant until;
  };
  Permit give();
  bool take_back(Permit permit);
  bool must_open(Instant now) const;
  void judge(Effect effect, bool slow, Instant now);
  void open(Instant now);
  void give_up_waiting(Instant now);
  void close(Instant now);
  void enter(State state);
  Duration wait();
  Duration jittered(Duration plain);

  BreakerSettings settings_;
  Random random_;
  State state_ = State::closed;
  uint64_t epoch_ = 1;
  uint64_t given_ = 0;
  uint64_t returned_ = 0;
  int run_ = 0;        // failures in a row
  int successes_ = 0;  // trial successes since half-open
  SlowStart start_;
  int64_t in_flight_ = 0;  // permits of this epoch
  int64_t peak_ = 0;       // the most of them, in this epoch
  int64_t bore_ = 0;       // ... before it opened
  int reopenings_ = 0;     // k
  Duration last_wait_;
  Instant open_until_;
  Instant closed_since_;
  WindowCounts counts_;  // slots: results, failures, slow
  std::vector<Trial> trials_;
  // A permit's id is its slot here below the slot's generation, which is odd while the permit is
  // out: so a second settle is known for what it is without keeping a list of ids.
  std::vector<uint32_t> generations_;
  std::vector<uint32_t> free_slots_;
};

std::string_view name_of(Breaker::State state);

}  // namespace keel::engine
