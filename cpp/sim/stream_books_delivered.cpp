// What a caller is given, piece by piece, held against what was said.

#include "sim/stream_books.hpp"
#include "sim/stream_frame.hpp"

#include <algorithm>

namespace keel::sim {

namespace {

using Kind = StreamEvent::Kind;
using Wrong = StreamBooks::Wrong;

constexpr Duration kOpeningKept = seconds(2);
constexpr size_t kSmall = 1024;  // an opening and an end marker are less

}  // namespace

Wrong StreamBooks::delivered(const relay::Deliver& piece, Instant now) {
  auto found = calls_.find(piece.call);
  if (found == calls_.end()) return {"S1", "a piece for a call without a stream"};
  Hearing& hearing = found->second;
  if ((piece.head != nullptr) == hearing.head) return {"S1", "the head comes with the first piece"};
  hearing.head = true;
  if (hearing.done) return {"S1", "a piece after the end marker: " + shown(piece.bytes)};
  hearing.bytes += piece.bytes;
  const std::string_view cache = piece.head ? piece.head->cache : "";
  if (cache == "hit" || cache == "stale" || cache == "joined") {
    hearing.cached = hearing.done = hearing.content = true;
    return {};  // judged by its bytes
  }
  if (hearing.full) hearing.while_full += piece.bytes.size();
  const relay::HoldBack& kept = hearing.kept;
  const bool keeps = kept.complete || kept.tokens > 0 || kept.time > Duration::zero();
  if (hearing.while_full > kSmall + (keeps ? hearing.speech.bytes : 0))
    return {"S1", "a reader that is full is given more and more"};

  Frame frame;
  std::string id, model;
  Speech& speech = hearing.speech;
  const Frame* own =
      speech.plan ? find_frame(*speech.plan, speech.handed, speech.told, piece.bytes) : nullptr;
  if (own) {
    frame = *own;
    speech.handed = static_cast<size_t>(own - speech.plan->frames.data()) + 1;
    if (piece.bytes.starts_with("data: {")) id = speech.plan->id, model = speech.plan->model;
  } else if (std::string wrong = read_frame(piece.bytes, frame, id, model); !wrong.empty()) {
    return {"S1", wrong + ": " + shown(piece.bytes)};
  }
  if (Wrong wrong = one_name(hearing, id, model)) return wrong;
  if (Wrong wrong = begins_rightly(hearing, frame, now)) return wrong;
  if (Wrong wrong = goes_on_rightly(hearing, frame)) return wrong;
  if (frame.kind != Kind::done) return {};
  hearing.done = true;
  return ends_rightly(hearing);
}

Wrong StreamBooks::one_name(Hearing& hearing, const std::string& id,
                            const std::string& model) const {
  if (hearing.id.empty()) hearing.id = id;
  if (hearing.model.empty()) hearing.model = model;
  if ((id.empty() || id == hearing.id) && (model.empty() || model == hearing.model)) return {};
  return {"S2", "the stream of " + hearing.id + " by " + hearing.model + " goes on as " + id +
                    " by " + model};
}

// Nothing leaves before content or two seconds, and no content before what the route keeps back.
Wrong StreamBooks::begins_rightly(const Hearing& hearing, const Frame& frame, Instant now) const {
  const Speech& speech = hearing.speech;
  if (hearing.content) return {};
  if (frame.kind == Kind::lifecycle && speech.contents == 0 && speech.finished.empty() &&
      elapsed(speech.first_event, now) < kOpeningKept)
    return {"S1", "the opening leaves before content and before its time"};
  if (frame.pieces.empty() || complete(speech)) return {};
  const relay::HoldBack& kept = hearing.kept;
  const bool early =
      kept.complete || (kept.tokens > 0 ? speech.contents < static_cast<size_t>(kept.tokens)
                                        : elapsed(speech.first_content, now) < kept.time);
  return early ? Wrong{"S1", "content leaves that the route wants kept back"} : Wrong{};
}

Wrong StreamBooks::goes_on_rightly(Hearing& hearing, const Frame& frame) const {
  Speech& speech = hearing.speech;
  if (frame.kind == Kind::usage && !hearing.wants_usage)
    return {"S1", "usage for a caller who did not ask"};
  for (const Said& piece : frame.pieces) {
    if (hearing.finished.count(piece.lane.choice))
      return {"S1", "content after the end of its choice: " + shown(piece.text)};
    const std::string_view truth = said_in(speech.said, piece.lane);
    const std::string_view before = said_in(hearing.heard, piece.lane);
    if (truth.substr(std::min(before.size(), truth.size()), piece.text.size()) != piece.text)
      return {speech.resumes ? "S2" : "S1", "behind " + shown(before) + " the caller is given " +
                                                shown(piece.text) + ", the provider's text is " +
                                                shown(truth)};
    say(hearing.heard, piece.lane, piece.text);
  }
  if (!frame.pieces.empty()) {
    hearing.content = true;
    hearing.replayed |= speech.resumes && !speech.continues;
    hearing.continued |= speech.continues;
  }
  if (!speech.compared && (frame.kind == Kind::content || frame.kind == Kind::finish)) {
    speech.compared = true;
    if (!covers(hearing))
      return {"S2", "an attempt is heard that does not say what the caller has"};
  }
  if (frame.kind != Kind::finish) return {};
  if (!speech.finished.count(frame.finishes))
    return {"S1", "an end of choice " + std::to_string(frame.finishes) + " that nobody said"};
  if (!hearing.finished.insert(frame.finishes).second)
    return {"S1", "choice " + std::to_string(frame.finishes) + " ends twice"};
  for (const Said& said : speech.said)
    if (said.lane.choice == frame.finishes &&
        said_in(hearing.heard, said.lane).size() != said.text.size())
      return {"S1", "choice " + std::to_string(frame.finishes) + " ends, and of " +
                        shown(said.text) + " the caller has " +
                        shown(said_in(hearing.heard, said.lane))};
  return {};
}

Wrong StreamBooks::ends_rightly(const Hearing& hearing) const {
  if (!complete(hearing.speech)) return {"S1", "an end marker on a stream that was cut"};
  if (hearing.finished != hearing.speech.finished)
    return {"S1", "an end marker, and a choice without its finish marker"};
  for (const Said& said : hearing.speech.said)
    if (said_in(hearing.heard, said.lane) != said.text)
      return {"S1", "an end marker, and of " + shown(said.text) + " the caller has " +
                        shown(said_in(hearing.heard, said.lane))};
  return covers(hearing) ? Wrong{} : Wrong{"S2", "an end marker of another answer"};
}

}  // namespace keel::sim
