#pragma once
// Streamed answers, from a provider's bytes to events and, where a stream goes on in another's
// place, back to bytes.

#include "base/stream.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace keel::wire {

// One event, and the unfinished rest of a stream, may be this long; beyond it is unparsable.
inline constexpr size_t kStreamEventBytesMax = 1u << 20;

// Reads one reply's body as it comes. Bytes may be split anywhere; the events are the same.
// Nothing follows an unparsable event.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // Appends the events that are complete by now.
  virtual void feed(std::string_view bytes, std::vector<StreamEvent>& out) = 0;
  // The body is over, well or not. An event without its blank line counts for nothing.
  virtual void end(std::vector<StreamEvent>& out) = 0;
};

// An event in the place of another stream's: the first stream's id and model (JSON strings with
// their quotes; empty: left as they are), and of each piece the first `skip` bytes of its text left
// out, which the client has been given already. `skip` has one entry per piece, or is empty.
std::string restyle(const StreamEvent& event, std::string_view id, std::string_view model,
                    const std::vector<size_t>& skip);

// What ends a stream whose provider forgot to.
std::string_view end_marker();

}  // namespace keel::wire
