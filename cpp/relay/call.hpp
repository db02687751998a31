#pragma once
// One client request from arrival to answer: deadline, counters, money, trace. call.cpp is its
// life, read top to bottom.

#include "engine/cache.hpp"
#include "engine/router.hpp"
#include "engine/single_flight.hpp"
#include "relay/attempt.hpp"
#include "relay/delivery.hpp"
#include "relay/events.hpp"
#include "relay/trace.hpp"
#include "wire/canonical.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace keel::relay {

struct Engines;
struct Survey;

// What this request has learned about one of its route's targets.
struct CandidateState {
  bool over = false;     // never again in this request
  bool avoid = false;    // only when nothing else is eligible
  Instant not_before{};  // the server's delay, where it binds the target and not a key
  int attempts = 0;      // tries made here
  std::optional<Class> last;
  bool refuses_begun = false;  // will not go on with an answer begun elsewhere
  bool differs = false;        // said something else when asked for the same answer again
};

struct Call {
  Request request;
  RouteIndex route = 0;
  std::vector<AccountIndex> accounts;         // the tenant first, the relay last
  std::vector<AccountIndex> budget_accounts;  // the ledger's numbers of those with a ledger account
  bool budgeted = false;                      // some account has a limit
  Instant began;
  Instant deadline;
  Duration patience_left;
  Duration exhausted_wait_left;
  bool waiting_told = false;  // the trace says what it waits for
  Duration trial_wait_left;   // for another request's trial of the only target there is

  struct OtherRoute {
    RouteIndex route;
    std::string asked;  // its name in the request
  };
  std::vector<OtherRoute> other_routes;  // of the request's own fallbacks, the next one last

  std::vector<CandidateState> candidates;        // one per target of the route
  std::optional<uint32_t> requested;             // the candidate the client named
  std::optional<uint32_t> pinned;                // the candidate the next choose tries first
  std::optional<uint32_t> previous;              // where the last attempt went
  int64_t context_needed_over = 0;               // a target said its context was too small
  std::vector<std::string_view> refused_models;  // content or context: not again, on any route
  int max_sends = 0;                             // of the route it came in by, wherever it goes on
  int sends = 0;
  int tries = 0;

  int64_t tokens_admitted = 0;                     // taken from the accounts' tokens per minute
  std::vector<engine::Concurrency::Lease> places;  // of each account, once it was admitted
  bool from_cache = false;                         // or given another call's answer
  bool own = false;  // the relay's: refreshes the cache, and nobody waits for its answer

  engine::SingleFlight::Seat seat = engine::SingleFlight::kNone;  // among those who ask the same
  std::optional<Instant> parked;  // since when it waits for their answer

  std::optional<Attempt> attempt;  // the one in flight
  std::optional<Attempt> rival;    // ... and the other of two that race (hedging)
  AttemptId speaking = 0;          // the one a stream's caller hears
  Verdict last;                    // of the last attempt
  Outcome last_outcome;
  Body last_reply;
  std::optional<KeyIndex> last_key;
  std::vector<std::pair<ProviderIndex, KeyIndex>> spent_keys;  // not again in this request
  int dead_keys_met = 0;
  std::optional<Duration> last_cooldown;  // how long what refused us asks to be left alone
  struct SoleResult {
    TargetIndex target;
    uint64_t epoch;
    Effect effect;
    bool slow;
  };
  std::optional<SoleResult> sole_result;  // a sole target's breaker hears one result per request

  std::optional<Resume> resuming;    // how the next attempt would go on with the stream
  bool stream_begun = false;         // the caller has its head
  bool paused = false;               // the caller of the stream cannot take more for now
  uint32_t keep_timer = UINT32_MAX;  // until when frames are kept back
  std::string delivered;             // of a stream that may be cached: all bytes that left
  bool delivered_whole = true;       // ... unless that was too much
  Fields reply_fields;               // of the last attempt's reply

  Body canonical;         // set when the request may be cached
  wire::Identity digest;  // ... and this, of it
  struct LastResort {
    engine::CacheKey key;
    Duration window;  // past the entry's lifetime
  };
  std::optional<LastResort> last_resort;  // an expired answer for want of a better one
  NanoUsd cost;
  std::string downgraded;
  std::optional<int64_t> clamped;
  Delivery delivery;
  std::shared_ptr<Trace> trace;
  uint32_t deadline_timer = UINT32_MAX;
  uint32_t wait_timer = UINT32_MAX;
  std::optional<Instant> lease_by;  // how long this choice may wait for an authority
  bool awaits_lease = false;        // ... and does
  bool closed = false;

  // When what it has taken is free again, should it never be given back (SEMANTICS A7).
  Instant leases_end() const { return deadline + seconds(60); }
};

// The stages a call can be in next. `wait`: a timer or an event goes on; `over`: answered.
enum class Next : uint8_t {
  admit,
  look_up,
  choose,
  attempt,
  classify,
  settle,
  retry,
  respond,
  wait,
  over
};

// One pass over a call's life at one instant. Made anew for every event.
class Life {
 public:
  Life(Engines& engines, Actions& actions, Instant now)
      : engines_(engines), actions_(actions), now_(now) {}

  void begin(Call& call);
  // An attempt began to leave, ended, or was given up.
  void sent(Call& call);
  void finished(Call& call, Finished&& event);
  // Of a stream (streaming.cpp): the next event, the caller's back-pressure, the end of keeping
  // frames back.
  void streamed(Call& call, StreamEvent&& event, Fields&& fields);
  void backpressure(Call& call, bool full);
  void kept_long_enough(Call& call);
  void time_is_up(Call& call);       // the attempt's own limit
  void connect_is_late(Call& call);  // nothing left within the connect limit
  void hedge(Call& call);            // the attempt is late
  void wait_is_over(Call& call);
  void deadline_passed(Call& call);
  void cancel(Call& call);
  // Of a flight of equal requests (flights.cpp): it is over, or it is this call's turn.
  void flight_moved(Call& call);
  // Of a shared account (leasing.cpp): the authority has spoken.
  void lease_moved(Call& call);

 private:
  void run(Call& call, Next next);
  Next admit(Call& call);
  Next look_up(Call& call);
  Next choose(Call& call);
  Next attempt(Call& call);
  Next classify(Call& call);
  Next settle(Call& call);
  Next retry(Call& call);
  Next resume(Call& call);
  Next respond(Call& call);

  // Of two attempts that race (hedging.cpp).
  void drop_rival(Call& call);
  Next go_on_alone(Call& call);
  bool may_speak(Call& call, StreamEvent& event);
  void speak(Call& call);
  void keep_back(Call& call);

  Next join(Call& call);
  Next lose_patience(Call& call);
  bool wait_on(Call& call, const Answer& refusal);
  void share(Call& call, const engine::CachedReply& answer);
  Next give(Call& call, const engine::CachedReply& reply);
  Next nowhere(Call& call, const Survey& survey);
  Next await_lease(Call& call);
  Next wait(Call& call, Duration delay, std::optional<uint32_t> pin);
  Next answer(Call& call, Answer answer);
  void give_up(Call& call, Outcome outcome);
  void deliver(Call& call, std::vector<std::string> frames);
  void deliver_cached(Call& call, const Answer& cached);
  void watch(Call& call, Instant until);
  void stream_is_late(Call& call);
  void end_stream(Call& call);
  void withdraw(Call& call, Outcome outcome);
  void close(Call& call);

  Engines& engines_;
  Actions& actions_;
  Instant now_;
};

}  // namespace keel::relay
