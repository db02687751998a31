#pragma once
// What the providers of a streamed request truly said and what its caller truly got, held against
// each other (invariants S1 and S2 of SEMANTICS B): one text, no piece twice and none missing, one
// name, nothing after an end, no proper end on a cut, nothing before content, a reader that is full
// is heard. Delivered bytes are read without wire/.

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/upstream.hpp"

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::sim {

class StreamBooks {
 public:
  struct Wrong {
    const char* invariant = nullptr;  // none: all is well
    std::string what;
    explicit operator bool() const { return invariant != nullptr; }
  };
  struct Counts {
    uint64_t asked = 0;        // streams
    uint64_t whole = 0;        // delivered to the end marker
    uint64_t cached = 0;       // ... from the cache
    uint64_t replayed = 0;     // ... with the help of a replay
    uint64_t continued = 0;    // ... of a continuation
    uint64_t moved = 0;        // failovers before content, unseen by the caller
    uint64_t hedged = 0;       // asked of another target as well
    uint64_t overtaken = 0;    // ... which had content first
    uint64_t interrupted = 0;  // typed errors after content
    uint64_t left = 0;         // callers gone after content
    uint64_t late = 0;         // deadlines after content
    uint64_t paused = 0;       // times that a reader was full
    uint64_t diverged = 0;     // replays that said something else
  };

  // `kept`: what the route that was asked for keeps back, wherever the request goes on.
  void asked(const relay::Request& request, const relay::HoldBack& kept);
  Wrong sent(const relay::Send& send, const Exchange& exchange,
             const relay::StreamConfig& settings);
  // The relay is told the next event of an attempt; `event` as wire/ read it.
  Wrong told(AttemptId attempt, const StreamEvent& event, Instant now);
  Wrong delivered(const relay::Deliver& piece, Instant now);
  void full(CallId call, bool is_full);
  void paused(AttemptId attempt, bool is_paused);
  // This attempt has content, and its call no other one that has.
  bool speaks(AttemptId attempt) const;
  // Nobody hears this one any more: another of its call has content, or it never left.
  void lost(AttemptId attempt);
  // What the attempt's end was, in truth. `given_up`: the relay aborted it. `in_time`: its caller's
  // deadline had not come, nor had the caller left.
  Fault ended(AttemptId attempt, const Exchange& exchange, bool given_up, bool in_time,
              Wrong& wrong);
  Wrong answered(CallId call, const relay::Answer& answer);
  // After every event: does what is in flight flow or wait as its reader wants?
  Wrong after_event();

  bool has_content(CallId call) const;  // the caller has some, so that only a resume may follow
  std::string_view bytes_of(CallId call) const;  // all the caller got
  // The pieces of a stream that nobody was given but the cache, as its provider sent them.
  std::vector<std::string> pieces_of(CallId call, std::string_view whole) const;
  const Counts& counts() const { return counts_; }

 private:
  struct Speech {  // an attempt
    AttemptId attempt = 0;
    std::shared_ptr<const StreamPlan> plan;  // none: no stream came of it
    std::vector<Said> said;                  // up to now, with what it was given to go on with
    std::set<int> finished;                  // choices
    StreamEvent::Kind last = StreamEvent::Kind::lifecycle;
    size_t told = 0;  // frames
    size_t contents = 0;
    size_t bytes = 0;
    size_t handed = 0;      // frames up to here were looked for in what was delivered
    bool compared = false;  // with what the caller had before it
    bool resumes = false;
    bool continues = false;
    bool paused = false;
    bool told_now = false;  // in this very event
    bool hedge = false;     // sent beside another
    Instant first_event, first_content;
  };
  struct Hearing {  // one call
    relay::HoldBack kept;
    bool wants_usage = false;
    bool deterministic = false;
    size_t choices = 1;  // as asked
    std::vector<Said> heard;
    std::set<int> finished;
    std::string id, model, bytes;
    Speech speech;  // that is heard, or will be
    Speech rival;   // ... beside it, until one has content
    bool head = false;
    bool content = false;
    bool done = false;
    bool cached = false;
    bool full = false;
    bool replayed = false, continued = false;
    size_t while_full = 0;  // bytes
  };

  static void turn_to(Hearing& hearing, AttemptId attempt);
  bool in_flight(const Speech& speech) const { return attempts_.count(speech.attempt) > 0; }
  Fault end_of(const Hearing& hearing, const Exchange& exchange, bool given_up, bool in_time,
               Wrong& wrong);
  static bool complete(const Speech& speech);
  static bool covers(const Hearing& hearing);
  static bool differs(const Hearing& hearing);
  Wrong begins_rightly(const Hearing& hearing, const Frame& frame, Instant now) const;
  Wrong goes_on_rightly(Hearing& hearing, const Frame& frame) const;
  Wrong ends_rightly(const Hearing& hearing) const;
  Wrong one_name(Hearing& hearing, const std::string& id, const std::string& model) const;

  std::unordered_map<CallId, Hearing> calls_;
  std::unordered_map<AttemptId, CallId> attempts_;
  std::vector<CallId> touched_;  // by this event
  Counts counts_;
};

}  // namespace keel::sim
