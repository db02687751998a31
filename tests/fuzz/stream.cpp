// Streamed answers: any split gives the same events, their spans are where they say, nothing
// follows an end, and an event put in another stream's place says what it said, less what was cut.

#include "wire/stream.hpp"

#include "events.hpp"

namespace keel::wire {
namespace {

using fuzz::string_at;
using fuzz::told;
using Kind = StreamEvent::Kind;

void spans_are_where_they_say(const StreamEvent& event) {
  if (!event.id.empty()) string_at(event.bytes, event.id);
  if (!event.model.empty()) string_at(event.bytes, event.model);
  for (const StreamEvent::Piece& piece : event.pieces) {
    KEEL_HOLDS(!piece.text.empty() && json::valid_utf8(piece.text));
    KEEL_HOLDS(string_at(event.bytes, piece.at) == piece.text, piece.text);
    if (!piece.beside.empty()) string_at(event.bytes, piece.beside);
  }
}

void bytes_are_the_streams_own(std::string_view text, const std::vector<StreamEvent>& events) {
  size_t at = 0;
  for (const StreamEvent& event : events) {
    at = text.find(event.bytes, at);
    KEEL_HOLDS(at != std::string_view::npos, event.bytes);
    at += event.bytes.size();
  }
}

// The text that is left when its first `skip` bytes are, and the character they end in.
std::string rest_of(std::string_view text, size_t skip) {
  while (skip < text.size() && (static_cast<unsigned char>(text[skip]) & 0xC0) == 0x80) ++skip;
  return std::string(text.substr(std::min(skip, text.size())));
}

std::string told_pieces(const StreamEvent& event, const std::vector<size_t>& skip) {
  std::string out;
  for (size_t i = 0; i < event.pieces.size(); ++i) {
    std::string rest = rest_of(event.pieces[i].text, skip.empty() ? 0 : skip[i]);
    if (!rest.empty()) out += told(event.pieces[i].lane) + " " + rest + "\n";
  }
  return out;
}

// Two texts for one choice's reasoning: cut differently they may become equal, and then count once.
bool reasons_twice(const StreamEvent& event) {
  std::vector<uint16_t> choices;
  for (const StreamEvent::Piece& piece : event.pieces) {
    if (piece.lane.part == Lane::Part::reasoning) choices.push_back(piece.lane.choice);
  }
  std::sort(choices.begin(), choices.end());
  return std::adjacent_find(choices.begin(), choices.end()) != choices.end();
}

void another_place_changes_nothing_else(const StreamEvent& event, Operation operation,
                                        Random& random) {
  KEEL_HOLDS(restyle(event, {}, {}, {}) == event.bytes);
  if (event.kind == Kind::error || event.kind == Kind::unparsable) return;
  if (reasons_twice(event)) return;
  std::vector<size_t> skip;
  for (const StreamEvent::Piece& piece : event.pieces) {
    skip.push_back(random.below(3) == 0 ? 0 : random.below(piece.text.size() + 1));
  }
  std::string bytes = restyle(event, "\"the first's\"", "\"its model\"", skip);
  std::vector<StreamEvent> again = fuzz::events_of({bytes}, operation);
  if (event.bytes.empty()) return;
  KEEL_HOLDS(again.size() == 1, bytes + told(again));
  KEEL_HOLDS(told_pieces(again[0], {}) == told_pieces(event, skip), bytes + told(again));
  bool content = event.kind == Kind::content && again[0].kind == Kind::lifecycle;
  KEEL_HOLDS(again[0].kind == event.kind || content, bytes + told(again));
  if (!event.id.empty()) KEEL_HOLDS(string_at(bytes, again[0].id) == "the first's", bytes);
  if (!event.model.empty()) KEEL_HOLDS(string_at(bytes, again[0].model) == "its model", bytes);
}

void judge(std::string_view text, Operation operation) {
  std::vector<StreamEvent> whole = fuzz::events_of({text}, operation);
  std::string wanted = told(whole);
  for (const fuzz::Pieces& pieces : fuzz::splits_of(text)) {
    std::string found = told(fuzz::events_of(pieces, operation));
    KEEL_HOLDS(found == wanted, found + "instead of\n" + wanted);
  }
  bytes_are_the_streams_own(text, whole);
  Random random(fuzz::hash_of(text));
  bool finished = false;
  for (const StreamEvent& event : whole) {
    bool last = &event == &whole.back();
    KEEL_HOLDS(last || (event.kind != Kind::done && event.kind != Kind::unparsable), wanted);
    finished |= event.kind == Kind::finish;
    KEEL_HOLDS(!event.usage || finished || event.kind == Kind::usage, wanted);
    fuzz::usage_makes_sense(event.usage);
    spans_are_where_they_say(event);
    another_place_changes_nothing_else(event, operation, random);
  }
}

}  // namespace
}  // namespace keel::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = keel::fuzz::text_of(data, size);
  keel::wire::judge(text, keel::Operation::chat);
  keel::wire::judge(text, keel::Operation::completions);
  return 0;
}
