#pragma once
// One event of a streamed answer as wire/ read it: the provider's own bytes, and what they mean.

#include "base/body.hpp"
#include "base/vocabulary.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keel {

// What a piece of text belongs to. Two answers are the same when every lane has the same text.
struct Lane {
  enum class Part : uint8_t { text, reasoning, refusal, tool_name, tool_arguments };

  uint16_t choice = 0;
  Part part = Part::text;
  uint16_t tool = 0;  // the tool call's index, for the tool parts

  friend bool operator==(const Lane&, const Lane&) = default;
};

struct StreamEvent {
  enum class Kind : uint8_t {
    lifecycle,   // nothing to read in it: comments, pings, role-only deltas, empty choices
    content,     // text, reasoning, a refusal or tool calls: `pieces` say what; without any it is
                 // content of a sort that is only passed on (audio, images)
    finish,      // a finish_reason, of the choices in `ends`; may carry pieces and usage too
    usage,       // counts and nothing else: its choices are empty
    error,       // an error where an answer was to go on; `outcome` says which
    unparsable,  // not what the dialect allows
    done,        // the provider's end marker
  };
  struct Piece {
    Lane lane;
    std::string text;  // decoded, never empty
    Span at;           // its JSON string in `bytes`, quotes included
    // Another JSON string that cannot stay whole when this text is cut: the same reasoning under a
    // second name, or the tool call's id. Empty if there is none.
    Span beside;
  };

  Kind kind = Kind::lifecycle;
  std::string bytes;  // the whole event as it came, its blank line included; empty: drop it
  std::vector<Piece> pieces;
  Span id;                        // the JSON string, quotes included; empty if absent
  Span model;                     // likewise
  std::vector<uint16_t> ends;     // the choices that have their finish_reason here
  bool content_filtered = false;  // finish_reason content_filter
  // Exact counts; absent where null, missing or nonsense, and beside content before the first
  // finish_reason: some providers send counts that grow with every event.
  std::optional<Usage> usage;
  Outcome outcome;  // of an error (ended = unusable), or why it is unparsable
};

}  // namespace keel
