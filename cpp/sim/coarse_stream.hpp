#pragma once
// A stream told as a few events made directly: its first content, a piece now and then so that
// nobody takes it for stalled, its end with the counts. For runs in which only what happens when
// matters; the bytes are true, but no reader looks at them.

#include "sim/stream_plan.hpp"

#include <string>

namespace keel::sim {

struct CoarseStream {
  AttemptId attempt = 0;
  std::string_view model;  // as JSON needs no escapes
  std::string text;        // all of the answer
  Usage usage;
  Duration first;  // from the request to the first content
  Duration rest;   // from there to the end
  Ending ending = Ending::whole;
  Duration ends_after;  // when an ending that is not whole happens, from the request
};

StreamPlan plan_coarsely(const CoarseStream& stream);

}  // namespace keel::sim
