#include "sim/stream_text.hpp"

#include <algorithm>
#include <utility>

namespace keel::sim {

namespace {

using Kind = StreamEvent::Kind;
using Part = Lane::Part;

constexpr std::string_view kWords[] = {
    "to ", "be",  ", or ", "not ", "na\xC3\xAFve ",    "\"so\" ",   "line\n", "caf\xC3\xA9",
    "\\ ", "0.5", "a",     "A ",   "\xF0\x9F\x98\x80", "{\"k\":1} "};

std::string words(Random& random, uint64_t most) {
  std::string out;
  for (uint64_t i = 0, n = 1 + random.below(most); i < n; ++i)
    out += kWords[random.below(std::size(kWords))];
  return out;
}

bool inside_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// A JSON string; `ascii` spells what is not ASCII as \u escapes. Only the words above are known.
std::string quoted(std::string_view text, bool ascii) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (text[i] == '"' || text[i] == '\\') {
      out += {'\\', text[i]};
    } else if (text[i] == '\n') {
      out += "\\n";
    } else if (ascii && rest.starts_with("\xC3\xAF")) {
      out += "\\u00ef", i += 1;
    } else if (ascii && rest.starts_with("\xC3\xA9")) {
      out += "\\u00E9", i += 1;
    } else if (ascii && rest.starts_with("\xF0\x9F\x98\x80")) {
      out += "\\ud83d\\ude00", i += 3;
    } else {
      out += text[i];
    }
  }
  return out + '"';
}

// Writes the events of one stream, all in the same manner.
class Speller {
 public:
  Speller(const Spelling& how, Random& random, std::string& bytes, std::vector<Frame>& frames)
      : how_(how),
        random_(random),
        bytes_(bytes),
        frames_(frames),
        blank_line_(random.chance(1, 5) ? "\r\n\r\n" : "\n\n"),
        ascii_(random.chance(1, 2)),
        names_last_(random.chance(1, 4)),
        longest_piece_(3 + random.below(40)),
        names_({R"("id":)" + quoted(how.id, false) +
                R"(,"object":"chat.completion.chunk","model":)" + quoted(how.model, false)}) {}

  void opening(uint16_t choice);
  // The lane's next piece, from `from` on. True if the choice has ended with it, which it only may
  // with its last lane's last.
  bool piece(const Said& lane, size_t& from, bool may_end, bool with_usage);
  void finish(uint16_t choice, bool with_usage, const Said* piece = nullptr);
  void usage();
  void done();
  void ping();

 private:
  void event(std::string_view members, Frame&& frame);
  void choice(uint16_t index, std::string_view delta, std::string_view reason, Frame&& frame,
              std::string_view more = {});
  std::string delta_of(const Said& piece) const;
  std::string usage_member() const;

  const Spelling& how_;
  Random& random_;
  std::string& bytes_;
  std::vector<Frame>& frames_;
  std::string_view blank_line_;
  bool ascii_;
  bool names_last_;
  uint64_t longest_piece_;
  std::string names_;
};

void Speller::event(std::string_view data, Frame&& frame) {
  frame.at = {bytes_.size(), 0};
  bytes_.append("data: ").append(data).append(blank_line_);
  frame.at.length = bytes_.size() - frame.at.offset;
  frames_.push_back(std::move(frame));
}

void Speller::choice(uint16_t index, std::string_view delta, std::string_view reason, Frame&& frame,
                     std::string_view more) {
  std::string choices = R"("choices":[{"index":)" + std::to_string(index) + R"(,"delta":{)";
  choices.append(delta).append(R"(},"finish_reason":)").append(reason).append("}]").append(more);
  std::string json =
      names_last_ ? "{" + choices + "," + names_ + "}" : "{" + names_ + "," + choices + "}";
  event(json, std::move(frame));
}

void Speller::opening(uint16_t index) {
  choice(index, R"("role":"assistant","content":"")", "null", {});
}

std::string Speller::delta_of(const Said& piece) const {
  const std::string json = quoted(piece.text, ascii_);
  const std::string tool = std::to_string(piece.lane.tool);
  switch (piece.lane.part) {
    case Part::tool_name:
      return R"("tool_calls":[{"index":)" + tool + R"(,"id":"call_)" + tool +
             R"(","type":"function","function":{"name":)" + json + R"(,"arguments":""}}])";
    case Part::tool_arguments:
      return R"("tool_calls":[{"index":)" + tool + R"(,"function":{"arguments":)" + json + "}}]";
    case Part::reasoning:
      return R"("reasoning_content":)" + json;
    default:
      return R"("content":)" + json;
  }
}

bool Speller::piece(const Said& said, size_t& from, bool may_end, bool with_usage) {
  size_t end = std::min(said.text.size(), from + 1 + random_.below(longest_piece_));
  if (said.lane.part == Part::tool_name) end = said.text.size();
  while (end < said.text.size() && inside_character(said.text[end])) ++end;
  const Said piece{said.lane, said.text.substr(from, end - from)};
  from = end;
  if (may_end && end == said.text.size() && random_.chance(1, 8)) {
    finish(said.lane.choice, with_usage, &piece);
    return true;
  }
  choice(said.lane.choice, delta_of(piece), "null", {.kind = Kind::content, .pieces = {piece}});
  return false;
}

std::string Speller::usage_member() const {
  const Usage& u = how_.usage;
  return R"("usage":{"prompt_tokens":)" + std::to_string(u.in) + R"(,"completion_tokens":)" +
         std::to_string(u.out) + R"(,"total_tokens":)" + std::to_string(u.in + u.out) +
         R"(,"prompt_tokens_details":{"cached_tokens":)" + std::to_string(u.cached) + "}}";
}

void Speller::finish(uint16_t index, bool with_usage, const Said* piece) {
  Frame frame{.kind = Kind::finish, .finishes = index};
  if (piece) frame.pieces.push_back(*piece);
  choice(index, piece ? delta_of(*piece) : "", how_.filtered ? R"("content_filter")" : R"("stop")",
         std::move(frame), with_usage ? "," + usage_member() : "");
}

void Speller::usage() {
  event("{" + names_ + R"(,"choices":[],)" + usage_member() + "}", {.kind = Kind::usage});
}

void Speller::done() {
  event("[DONE]", {.kind = Kind::done});
}

void Speller::ping() {
  Frame frame;
  frame.at = {bytes_.size(), 0};
  bytes_.append(": ping").append(blank_line_);
  frame.at.length = bytes_.size() - frame.at.offset;
  frames_.push_back(std::move(frame));
}

}  // namespace

void say(std::vector<Said>& said, const Lane& lane, std::string_view text) {
  for (Said& known : said)
    if (known.lane == lane) {
      known.text += text;
      return;
    }
  said.push_back({lane, std::string(text)});
}

std::string_view said_in(const std::vector<Said>& said, const Lane& lane) {
  for (const Said& known : said)
    if (known.lane == lane) return known.text;
  return {};
}

std::string shown(std::string_view text) {
  return '"' + std::string(text.substr(0, 200)) + '"';
}

std::vector<Said> answer_of(uint64_t seed, int64_t choices, bool tools) {
  Random random(seed);
  std::vector<Said> out;
  for (int64_t i = 0; i < choices; ++i) {
    const auto choice = static_cast<uint16_t>(i);
    if (!tools) {
      if (random.chance(1, 10)) out.push_back({{choice, Part::reasoning}, words(random, 4)});
      out.push_back({{choice, Part::text}, words(random, random.chance(1, 30) ? 120 : 12)});
      continue;
    }
    for (uint16_t tool = 0, n = 1 + random.below(2); tool < n; ++tool) {
      out.push_back({{choice, Part::tool_name, tool}, random.chance(1, 2) ? "find" : "weather"});
      out.push_back({{choice, Part::tool_arguments, tool}, words(random, 8)});
    }
  }
  return out;
}

void spell(const std::vector<Said>& answer, const Spelling& how, Random& random, std::string& bytes,
           std::vector<Frame>& frames) {
  Speller speller(how, random, bytes, frames);
  struct Speaker {  // one choice: its lanes one after the other
    uint16_t choice;
    std::vector<const Said*> lanes;
    size_t lane = 0, from = 0;
  };
  std::vector<Speaker> speakers;
  for (const Said& said : answer) {
    if (speakers.empty() || speakers.back().choice != said.lane.choice)
      speakers.push_back({said.lane.choice, {}});
    if (!said.text.empty()) speakers.back().lanes.push_back(&said);
  }
  if (!random.chance(1, 6))
    for (const Speaker& speaker : speakers) speller.opening(speaker.choice);
  const bool usage_at_finish = how.says_usage && speakers.size() == 1 && random.chance(1, 6);
  while (!speakers.empty()) {
    if (random.chance(1, 40)) speller.ping();
    const size_t who = random.below(speakers.size());
    Speaker& speaker = speakers[who];
    bool ended = speaker.lane == speaker.lanes.size();
    if (ended) {
      speller.finish(speaker.choice, usage_at_finish);
    } else {
      const Said& said = *speaker.lanes[speaker.lane];
      ended = speller.piece(said, speaker.from, speaker.lane + 1 == speaker.lanes.size(),
                            usage_at_finish);
      if (speaker.from == said.text.size()) {
        speaker.from = 0;
        ++speaker.lane;
      }
    }
    if (ended) {
      if (how.finishes_twice && speakers.size() == 1)
        speller.finish(speaker.choice, usage_at_finish);
      speakers.erase(speakers.begin() + static_cast<std::ptrdiff_t>(who));
    }
  }
  if (how.says_usage && !usage_at_finish) speller.usage();
  speller.done();
}

}  // namespace keel::sim
