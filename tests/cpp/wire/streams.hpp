#pragma once
// What tests of streams share: samples, splitting, and a text that tells two events apart.

#include "wire/exchange.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace keel::wire {

inline constexpr const char* kStreamSamples[] = {"chat-streaming-detailed-usage",
                                                 "chat-streaming-with-cache",
                                                 "chat-streaming-with-tool-calls",
                                                 "deepseek-usage-null",
                                                 "empty-sse-frames",
                                                 "kong-text-event-stream",
                                                 "null-finish-reason",
                                                 "openrouter-double-finish",
                                                 "usage-only-final-chunk",
                                                 "anthropic-mismatch"};

inline std::string stream_sample(const std::string& name) {
  std::ifstream file(std::string(KEEL_SOURCE_DIR) + "/tests/data/openai_streams/" + name + ".sse");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

inline std::vector<StreamEvent> events_of(const std::vector<std::string_view>& pieces,
                                          Operation operation = Operation::chat) {
  auto reader = dialect_named("openai")->stream_reader(operation);
  std::vector<StreamEvent> out;
  for (std::string_view piece : pieces) reader->feed(piece, out);
  reader->end(out);
  return out;
}

inline std::vector<StreamEvent> events_of(std::string_view text,
                                          Operation operation = Operation::chat) {
  return events_of(std::vector<std::string_view>{text}, operation);
}

inline std::string told(const StreamEvent& event) {
  std::ostringstream out;
  out << static_cast<int>(event.kind) << '|' << event.bytes << '|' << event.id.offset << '+'
      << event.id.length << '|' << event.model.offset << '+' << event.model.length << '|'
      << event.content_filtered << '|' << event.outcome.message << '|'
      << static_cast<int>(event.outcome.code);
  for (const StreamEvent::Piece& piece : event.pieces) {
    out << '|' << piece.lane.choice << ',' << static_cast<int>(piece.lane.part) << ','
        << piece.lane.tool << ',' << piece.text << ',' << piece.at.offset << '+' << piece.at.length
        << ',' << piece.beside.offset << '+' << piece.beside.length;
  }
  if (event.usage) out << '|' << event.usage->in << '/' << event.usage->out;
  return out.str();
}

inline std::string told(const std::vector<StreamEvent>& events) {
  std::string out;
  for (const StreamEvent& event : events) out += told(event) + "\n--\n";
  return out;
}

inline std::string lane_text(const std::vector<StreamEvent>& events, const Lane& lane = {}) {
  std::string out;
  for (const StreamEvent& event : events) {
    for (const StreamEvent::Piece& piece : event.pieces) {
      if (piece.lane == lane) out += piece.text;
    }
  }
  return out;
}

}  // namespace keel::wire
