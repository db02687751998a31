#include "relay/delivery.hpp"

#include "wire/stream.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

using Kind = StreamEvent::Kind;

namespace {

bool contains(const std::vector<uint16_t>& choices, uint16_t choice) {
  return std::find(choices.begin(), choices.end(), choice) != choices.end();
}

}  // namespace

void Delivery::expect_stream(const HoldBack& hold_back, bool hide_usage) {
  hold_back_ = hold_back;
  hide_usage_ = hide_usage;
}

void Delivery::begin(Speech speech) {
  speech_ = speech;
  own_frames_ = !begun_;
  speaks_ = false;
  ends_ = ended_before_ = ended_;
  resumed_ |= committed_;
  kept_.clear();
  kept_bytes_ = 0;
  kept_content_ = 0;
  for (Said& said : said_) said.matched = speech == Speech::replay ? 0 : said.text.size();
}

Delivery::Took Delivery::take(StreamEvent&& event, std::vector<std::string>& out) {
  if (done_ || (event.kind == Kind::usage && hide_usage_)) return Took::passed;
  const bool is_content = !event.pieces.empty() || event.kind == Kind::content;
  if (event.kind == Kind::lifecycle) {
    // Another stream's opening has nothing to say to a caller who has seen one.
    if (event.bytes.empty() || (!own_frames_ && !speaks_)) return Took::passed;
    if (may_pass() && (committed_ || released_))
      hand_over(event, {}, out);
    else
      keep(std::move(event), {});
    return Took::passed;
  }
  std::vector<size_t> skip;
  if (!match(event, skip)) return Took::diverged;
  const bool anything_new =
      !is_content || event.pieces.empty() ||
      std::any_of(event.pieces.begin(), event.pieces.end(), [&, i = size_t{0}](auto& p) mutable {
        return skip.empty() || skip[i++] < p.text.size();
      });
  if (event.kind == Kind::finish) {
    if (ends_too_soon(event)) return Took::diverged;
    if (!ends_anything(event) && (!is_content || !anything_new)) return Took::passed;
  } else if (!caught_up() && (event.kind != Kind::content || event.pieces.empty())) {
    return Took::diverged;  // it says what cannot be compared before it has caught up
  }
  if (!anything_new && event.kind == Kind::content) return Took::passed;
  if (is_content) ++kept_content_;
  keep(std::move(event), std::move(skip));
  if (may_pass()) release(out);
  return Took::passed;
}

// Holds each piece against what was delivered in its lane; `skip` says how much of it is known.
bool Delivery::match(const StreamEvent& event, std::vector<size_t>& skip) {
  bool any = false;
  for (const StreamEvent::Piece& piece : event.pieces) {
    Said& said = lane(piece.lane);
    const size_t known = std::min(piece.text.size(), said.text.size() - said.matched);
    if (said.text.compare(said.matched, known, piece.text, 0, known) != 0) return false;
    if (known < piece.text.size() && contains(ended_before_, piece.lane.choice)) return false;
    said.matched += known;
    skip.push_back(known);
    any |= known > 0;
  }
  if (!any) skip.clear();
  return true;
}

bool Delivery::caught_up() const {
  return std::all_of(said_.begin(), said_.end(),
                     [](const Said& said) { return said.matched == said.text.size(); });
}

// A choice comes to an end of which the caller has more already.
bool Delivery::ends_too_soon(const StreamEvent& event) const {
  return std::any_of(said_.begin(), said_.end(), [&](const Said& said) {
    return said.matched < said.text.size() && contains(event.ends, said.lane.choice);
  });
}

// False for an end that was there before, of this attempt or as the caller has it.
bool Delivery::ends_anything(const StreamEvent& event) {
  const size_t before = ends_.size();
  for (uint16_t choice : event.ends)
    if (!contains(ends_, choice)) ends_.push_back(choice);
  return ends_.size() > before;
}

Delivery::Said& Delivery::lane(const Lane& wanted) {
  for (Said& said : said_)
    if (said.lane == wanted) return said;
  return said_.emplace_back(Said{wanted, {}, 0});
}

void Delivery::keep(StreamEvent&& event, std::vector<size_t> skip) {
  kept_bytes_ += event.bytes.size();
  kept_.push_back({std::move(event), std::move(skip)});
}

// May what is kept back go, the newest event included?
bool Delivery::may_pass() const {
  if (!caught_up()) return false;
  if (released_ || committed_ || kept_bytes_ > kRememberedMax) return true;
  if (hold_back_.complete) return false;
  if (hold_back_.tokens > 0) return kept_content_ >= hold_back_.tokens;
  return hold_back_.time <= Duration::zero();
}

void Delivery::release(std::vector<std::string>& out) {
  if (!caught_up()) return;
  released_ = true;
  std::vector<Kept> kept = std::exchange(kept_, {});
  kept_bytes_ = 0;
  kept_content_ = 0;
  for (Kept& entry : kept) hand_over(entry.event, entry.skip, out);
}

void Delivery::hand_over(StreamEvent& event, const std::vector<size_t>& skip,
                         std::vector<std::string>& out) {
  const bool is_content = !event.pieces.empty() || event.kind == Kind::content;
  for (size_t i = 0; i < event.pieces.size(); ++i) {
    const StreamEvent::Piece& piece = event.pieces[i];
    const size_t known = skip.empty() ? 0 : skip[i];
    remembered_ += piece.text.size() - known;
    if (remembered_ > kRememberedMax) {
      forget_what_was_said();
      continue;
    }
    Said& said = lane(piece.lane);
    said.text.append(piece.text, known);
    said.matched = said.text.size();
  }
  opaque_ |= event.kind == Kind::content && event.pieces.empty();
  if (event.kind == Kind::done) done_ = true;
  for (uint16_t choice : event.ends)
    if (!contains(ended_, choice)) ended_.push_back(choice);
  committed_ |= is_content || event.kind == Kind::finish;
  speaks_ |= is_content;
  if (event.bytes.empty()) return;
  if (!begun_) own_frames_ = true;
  const std::string_view bytes = event.bytes;
  if (id_.empty()) id_ = bytes.substr(event.id.offset, event.id.length);
  if (model_.empty()) model_ = bytes.substr(event.model.offset, event.model.length);
  begun_ = true;
  if (own_frames_ && skip.empty())
    out.push_back(std::move(event.bytes));
  else
    out.push_back(wire::restyle(event, id_, model_, skip));
}

// It can no longer be held against a replay or be gone on with.
void Delivery::forget_what_was_said() {
  for (Said& said : said_) {
    said.text = {};
    said.text.shrink_to_fit();
    said.matched = 0;
  }
}

bool Delivery::only_text() const {
  return std::all_of(said_.begin(), said_.end(), [](const Said& said) {
    return said.text.empty() || (said.lane.part == Lane::Part::text && said.lane.choice == 0);
  });
}

std::string_view Delivery::text() const {
  for (const Said& said : said_)
    if (said.lane == Lane{}) return said.text;
  return {};
}

}  // namespace keel::relay
