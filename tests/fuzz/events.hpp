#pragma once
// Events of streamed answers, for the targets that read them.

#include "target.hpp"
#include "wire/exchange.hpp"
#include "wire/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace keel::fuzz {

inline std::vector<StreamEvent> events_of(const Pieces& pieces, Operation operation) {
  auto reader = wire::dialect_named("openai")->stream_reader(operation);
  std::vector<StreamEvent> out;
  for (std::string_view piece : pieces) reader->feed(piece, out);
  reader->end(out);
  return out;
}

inline std::string told(Span span) {
  return std::to_string(span.offset) + "+" + std::to_string(span.length);
}

inline std::string told(const Lane& lane) {
  return std::to_string(lane.choice) + "." + std::to_string(static_cast<int>(lane.part)) + "." +
         std::to_string(lane.tool);
}

inline std::string told(const Usage& usage) {
  std::string out;
  for (int64_t n : {usage.in, usage.cached, usage.cache_write, usage.out, usage.reasoning}) {
    out += std::to_string(n) + " ";
  }
  return out;
}

inline std::string told(const std::vector<StreamEvent>& events) {
  std::string out;
  for (const StreamEvent& event : events) {
    out += std::to_string(static_cast<int>(event.kind)) + " id " + told(event.id) + " model " +
           told(event.model) + (event.content_filtered ? " filtered " : " ") +
           std::to_string(static_cast<int>(event.outcome.code)) + " " + event.outcome.message;
    for (const StreamEvent::Piece& piece : event.pieces) {
      out += "\n  " + told(piece.lane) + " " + told(piece.at) + " " + told(piece.beside) + " " +
             piece.text;
    }
    if (event.usage) out += "\n  usage " + told(*event.usage);
    out += "\n" + event.bytes + "--\n";
  }
  return out;
}

inline void usage_makes_sense(const std::optional<Usage>& usage) {
  if (!usage) return;
  KEEL_HOLDS(usage->in > 0 && usage->in <= wire::kUsageTokensMax, told(*usage));
  KEEL_HOLDS(usage->out >= 0 && usage->out <= wire::kUsageTokensMax, told(*usage));
  KEEL_HOLDS(usage->cached >= 0 && usage->cached <= usage->in, told(*usage));
  KEEL_HOLDS(usage->reasoning >= 0 && usage->reasoning <= usage->out, told(*usage));
}

// What the JSON string at `span` means.
inline std::string string_at(std::string_view bytes, Span span) {
  KEEL_HOLDS(span.end() <= bytes.size() && span.length >= 2, told(span));
  wire::json::Cursor cursor(bytes.substr(span.offset, span.length), 1);
  wire::json::String string;
  KEEL_HOLDS(cursor.string(string) && cursor.finish(), told(span));
  return string.text();
}

}  // namespace keel::fuzz
