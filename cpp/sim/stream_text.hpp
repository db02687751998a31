#pragma once
// What a provider says in a stream: the lanes of an answer from a seed, written as events of
// OpenAI's dialect in one of many ways of cutting and spelling. Shares nothing with wire/.

#include "base/random.hpp"
#include "base/stream.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keel::sim {

struct Said {  // of one lane
  Lane lane;
  std::string text;
};
// Appends to the lane's text, or begins the lane.
void say(std::vector<Said>& said, const Lane& lane, std::string_view text);
// The lane's text; empty if nobody said anything there.
std::string_view said_in(const std::vector<Said>& said, const Lane& lane);
std::string shown(std::string_view text);  // its beginning, in quotes

// An answer that only its seed decides: of `choices` texts, or of tool calls.
std::vector<Said> answer_of(uint64_t seed, int64_t choices, bool tools);

// One event: where its bytes are, and what it truly says.
struct Frame {
  Span at;
  StreamEvent::Kind kind = StreamEvent::Kind::lifecycle;
  std::vector<Said> pieces;
  int finishes = -1;  // the choice it ends
};

struct Spelling {
  std::string id, model;  // of every event that has them
  Usage usage;
  bool says_usage = true;
  bool filtered = false;        // ends by finish_reason content_filter
  bool finishes_twice = false;  // the last finish marker once more
};

// The whole stream, from the opening to the end marker: bytes and frames.
void spell(const std::vector<Said>& answer, const Spelling& how, Random& random, std::string& bytes,
           std::vector<Frame>& frames);

}  // namespace keel::sim
