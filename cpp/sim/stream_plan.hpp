#pragma once
// How one streamed exchange goes, decided when it begins: its bytes cut into arrivals, and the way
// it breaks, if it does. What it truly says is kept beside it, for the checker.

#include "base/time.hpp"
#include "sim/stream_text.hpp"

#include <array>
#include <optional>

namespace keel::sim {

// The ways of SEMANTICS A4. All but the first two can happen before any event: an empty 200,
// headers and then silence or a cut, a 200 whose first event is an error.
enum class Ending : uint8_t {
  whole,
  no_end_marker,  // complete, and [DONE] is forgotten
  no_finish,      // ends in good framing, but without its finish marker
  cut,            // the connection breaks, perhaps within an event
  stall,          // nothing follows, ever
  error_event,
  garbage,  // an event that does not parse
};
inline constexpr int kEndingCount = 7;

// Relative weights of the endings; all zero counts as whole only.
struct EndingMix {
  std::array<uint32_t, kEndingCount> weight{};
  uint32_t& operator[](Ending ending) { return weight[static_cast<size_t>(ending)]; }
  Ending draw(Random& random) const;
};

// What a target says when it is asked the same thing again, or another target is.
enum class Manner : uint8_t {
  same,      // what all of this manner say
  own,       // what it said itself before
  fickle,    // something else every time
  wavering,  // what all say; now and then less of it
};

// What an error event in a stream amounts to; the checker goes by it.
enum class StreamError : uint8_t { server, overloaded, rate_limited, quota, unnamed };

struct StreamPlan {
  std::string id, model;
  std::string bytes;
  // Told as they are, one for each frame; none: a reader makes them of the bytes.
  std::vector<StreamEvent> events;
  std::vector<Frame> frames;  // all that come, whole; unparsable ones and errors included
  std::vector<Said> answer;   // all that it would have said
  size_t choices = 1;         // so many finish markers make it complete
  struct Arrival {
    Duration after;  // since the request left
    size_t end;      // of the bytes that are there by then
  };
  std::vector<Arrival> arrivals;  // at least one
  bool over = true;               // the body ends with the last arrival; else nothing follows
  bool broken = false;            // ... not as its framing promised
  StreamError error = StreamError::server;
};

struct Pace {
  Duration first;      // from the request to the first event
  Duration gap;        // typical, from one event to the next
  bool pauses = true;  // now and then one of up to half a minute
};

// Spells `answer`, lets it end so, and gives it times.
StreamPlan plan_stream(std::vector<Said> answer, const Spelling& how, Ending ending,
                       const Pace& pace, Random& random);

}  // namespace keel::sim
