#include "sim/stream_books.hpp"

#include <algorithm>
#include <utility>

namespace keel::sim {

namespace {

using Kind = StreamEvent::Kind;
using Wrong = StreamBooks::Wrong;

Fault fault_of(StreamError error) {
  switch (error) {
    case StreamError::server:
      return Fault::error_inside;
    case StreamError::overloaded:
      return Fault::overloaded;
    case StreamError::rate_limited:
      return Fault::throttled_bare;
    case StreamError::quota:
      return Fault::quota;
    case StreamError::unnamed:
      break;
  }
  return Fault::reset;
}

bool same_so_far(std::string_view one, std::string_view other) {
  return one.substr(0, other.size()) == other.substr(0, one.size());
}

}  // namespace

void StreamBooks::asked(const relay::Request& request, const relay::HoldBack& kept) {
  if (!request.facts.stream) return;
  ++counts_.asked;
  Hearing& hearing = calls_[request.call];
  hearing.kept = kept;
  hearing.wants_usage = request.facts.include_usage;
  hearing.deterministic = request.facts.deterministic;
  hearing.choices = static_cast<size_t>(std::max<int64_t>(request.facts.choices, 1));
}

Wrong StreamBooks::sent(const relay::Send& send, const Exchange& exchange,
                        const relay::StreamConfig& settings) {
  auto found = calls_.find(send.call);
  if (found == calls_.end())
    return send.stream ? Wrong{"S1", "a stream for a call that wants none"} : Wrong{};
  if (!send.stream) return {"S1", "a plain reply is asked for, and a stream wanted"};
  Hearing& hearing = found->second;
  const bool beside = in_flight(hearing.speech);
  if (beside && (in_flight(hearing.rival) || hearing.content))
    return {"S1", "a hedge where there is one, or content"};
  if (hearing.speech.attempt != 0 && !beside && !hearing.content) ++counts_.moved;
  counts_.hedged += beside ? 1 : 0;
  attempts_.emplace(send.attempt, send.call);
  touched_.push_back(send.call);
  Speech& speech = beside ? hearing.rival : hearing.speech;
  speech = {};
  speech.attempt = send.attempt;
  speech.hedge = beside;
  speech.plan = exchange.stream;
  speech.resumes = hearing.content;
  speech.continues = hearing.content && !exchange.begun.empty() && !exchange.echoes;
  if (!exchange.begun.empty() && exchange.begun != said_in(hearing.heard, {}))
    return {"S2", "a model is asked to go on with " + shown(exchange.begun) +
                      ", and the caller has " + shown(said_in(hearing.heard, {}))};
  if (speech.continues) speech.said = hearing.heard;
  if (!hearing.content) return {};
  if (hearing.done || hearing.finished.size() >= hearing.choices)
    return {"S2", "a resume though the caller has an end"};
  const auto& ways = settings.resume;
  const auto way = exchange.begun.empty() ? relay::Resume::replay : relay::Resume::continuation;
  if (std::find(ways.begin(), ways.end(), way) == ways.end())
    return {"S2", "a resume that the route does not allow"};
  if (way == relay::Resume::replay && settings.replay_deterministic_only && !hearing.deterministic)
    return {"S2", "a replay of what is not deterministic"};
  return {};
}

Wrong StreamBooks::told(AttemptId attempt, const StreamEvent& event, Instant now) {
  auto owner = attempts_.find(attempt);
  if (owner == attempts_.end()) return {};
  Hearing& hearing = calls_.at(owner->second);
  Speech& speech = hearing.rival.attempt == attempt ? hearing.rival : hearing.speech;
  touched_.push_back(owner->second);
  if (speech.told >= speech.plan->frames.size())
    return {"S1", "more events were read than the provider sent"};
  const Frame& frame = speech.plan->frames[speech.told++];
  const std::string_view bytes =
      std::string_view(speech.plan->bytes).substr(frame.at.offset, frame.at.length);
  speech.told_now = true;
  speech.last = frame.kind;
  speech.bytes += bytes.size();
  if (speech.told == 1) speech.first_event = now;
  if (!frame.pieces.empty() && speech.contents++ == 0) speech.first_content = now;
  for (const Said& piece : frame.pieces) say(speech.said, piece.lane, piece.text);
  if (frame.kind == Kind::finish) speech.finished.insert(frame.finishes);
  if (event.kind != frame.kind || event.bytes != bytes)
    return {"S1", "read " + shown(event.bytes) + " where the provider sent " + shown(bytes)};
  if (in_flight(hearing.rival) && (speech.contents > 0 || !speech.finished.empty())) {
    counts_.overtaken += speech.hedge ? 1 : 0;
    turn_to(hearing, attempt);  // the first with content is heard
  }
  return {};
}

void StreamBooks::turn_to(Hearing& hearing, AttemptId attempt) {
  if (hearing.rival.attempt == attempt) std::swap(hearing.speech, hearing.rival);
}

bool StreamBooks::speaks(AttemptId attempt) const {
  auto owner = attempts_.find(attempt);
  if (owner == attempts_.end()) return false;
  const Speech& speech = calls_.at(owner->second).speech;
  return speech.attempt == attempt && (speech.contents > 0 || !speech.finished.empty());
}

void StreamBooks::lost(AttemptId attempt) {
  auto owner = attempts_.find(attempt);
  if (owner == attempts_.end()) return;
  Hearing& hearing = calls_.at(owner->second);
  attempts_.erase(owner);
  if (in_flight(hearing.rival)) std::swap(hearing.speech, hearing.rival);
  if (hearing.rival.attempt == attempt) hearing.rival = {};
}

// Every choice that spoke has ended, and they are all; or the framing says so: nobody can tell a
// choice that never spoke from a provider that gives fewer than were asked for.
bool StreamBooks::complete(const Speech& speech) {
  if (!speech.plan || speech.finished.empty()) return false;
  if (std::any_of(speech.said.begin(), speech.said.end(), [&](const Said& said) {
        return !said.text.empty() && !speech.finished.count(said.lane.choice);
      }))
    return false;
  const bool whole = speech.plan->over && !speech.plan->broken &&
                     speech.told == speech.plan->frames.size() && speech.last != Kind::error &&
                     speech.last != Kind::unparsable;
  return speech.finished.size() >= speech.plan->choices || whole;
}

// All that the caller has is part of what this attempt said.
bool StreamBooks::covers(const Hearing& hearing) {
  return std::all_of(hearing.heard.begin(), hearing.heard.end(), [&](const Said& heard) {
    return said_in(hearing.speech.said, heard.lane).starts_with(heard.text);
  });
}

// It says something else than the caller has, or more where the caller has an end.
bool StreamBooks::differs(const Hearing& hearing) {
  const auto& said = hearing.speech.said;
  return std::any_of(hearing.heard.begin(), hearing.heard.end(),
                     [&](const Said& heard) {
                       return !same_so_far(heard.text, said_in(said, heard.lane));
                     }) ||
         std::any_of(said.begin(), said.end(), [&](const Said& now) {
           return hearing.finished.count(now.lane.choice) &&
                  now.text.size() > said_in(hearing.heard, now.lane).size();
         });
}

void StreamBooks::full(CallId call, bool is_full) {
  auto found = calls_.find(call);
  if (found == calls_.end()) return;
  found->second.full = is_full;
  found->second.while_full = 0;
  counts_.paused += is_full ? 1 : 0;
  touched_.push_back(call);
}

void StreamBooks::paused(AttemptId attempt, bool is_paused) {
  auto owner = attempts_.find(attempt);
  if (owner == attempts_.end()) return;
  Hearing& hearing = calls_.at(owner->second);
  (hearing.rival.attempt == attempt ? hearing.rival : hearing.speech).paused = is_paused;
}

Wrong StreamBooks::after_event() {
  Wrong wrong;
  for (CallId call : touched_) {
    auto found = calls_.find(call);
    if (found == calls_.end()) continue;
    for (Speech* speech : {&found->second.speech, &found->second.rival}) {
      speech->told_now = false;
      if (in_flight(*speech) && speech->paused != found->second.full)
        wrong = {"S1", found->second.full ? "the reader is full and its provider is not held"
                                          : "the reader has room and its provider is held"};
    }
  }
  touched_.clear();
  return wrong;
}

Fault StreamBooks::ended(AttemptId attempt, const Exchange& exchange, bool given_up, bool in_time,
                         Wrong& wrong) {
  auto owner = attempts_.find(attempt);
  if (owner == attempts_.end()) return exchange.fault;
  Hearing& hearing = calls_.at(owner->second);
  attempts_.erase(owner);
  turn_to(hearing, attempt);
  const Fault fault = end_of(hearing, exchange, given_up, in_time, wrong);
  if (in_flight(hearing.rival)) {  // it goes on alone
    hearing.speech = std::move(hearing.rival);
    hearing.rival = {};
  }
  return fault;
}

Fault StreamBooks::end_of(const Hearing& hearing, const Exchange& exchange, bool given_up,
                          bool in_time, Wrong& wrong) {
  const Speech& speech = hearing.speech;
  if (!speech.plan) return given_up ? Fault::silence : exchange.fault;
  if (complete(speech) && covers(hearing)) return exchange.fault;
  if (speech.last == Kind::error && speech.told > 0) return fault_of(speech.plan->error);
  if (!given_up || speech.last == Kind::unparsable || speech.last == Kind::done)
    return Fault::reset;
  if (!speech.told_now) {
    if (hearing.full && in_time && speech.told > 0)
      wrong = {"S1", "a provider is given up while its reader holds it back"};
    return Fault::silence;
  }
  ++counts_.diverged;
  if (in_time && !differs(hearing) && speech.last == Kind::content)
    wrong = {"S2", "a replay is given up that says the same as " +
                       shown(hearing.heard.empty() ? "" : hearing.heard.back().text)};
  return Fault::reset;
}

Wrong StreamBooks::answered(CallId call, const relay::Answer& answer) {
  auto found = calls_.find(call);
  if (found == calls_.end()) return {};
  Hearing hearing = std::move(found->second);
  calls_.erase(found);
  attempts_.erase(hearing.speech.attempt);
  attempts_.erase(hearing.rival.attempt);
  using relay::AnswerKind;
  const bool ok = answer.kind == AnswerKind::ok;
  const bool begun = hearing.content || !hearing.finished.empty();
  counts_.whole += ok ? 1 : 0;
  counts_.cached += hearing.cached ? 1 : 0;
  counts_.replayed += ok && hearing.replayed ? 1 : 0;
  counts_.continued += ok && hearing.continued ? 1 : 0;
  counts_.interrupted += answer.kind == AnswerKind::stream_interrupted ? 1 : 0;
  counts_.left += begun && answer.kind == AnswerKind::cancelled ? 1 : 0;
  counts_.late += begun && answer.kind == AnswerKind::deadline_exceeded ? 1 : 0;
  if (answer.streamed != hearing.head)
    return {"S1", "an answer that does not know whether pieces were delivered"};
  if (ok != hearing.done && answer.kind != AnswerKind::cancelled)
    return {"S1", ok ? "a success without an end marker" : "an end marker, and then an error"};
  const bool own_word =
      ok || answer.kind == AnswerKind::cancelled || answer.kind == AnswerKind::deadline_exceeded;
  if (own_word || begun == (answer.kind == AnswerKind::stream_interrupted)) return {};
  return {"S1", begun ? "a broken stream that is not called one"
                      : "interrupted, and nothing was delivered"};
}

bool StreamBooks::has_content(CallId call) const {
  auto found = calls_.find(call);
  return found != calls_.end() && found->second.content;
}

std::vector<std::string> StreamBooks::pieces_of(CallId call, std::string_view whole) const {
  std::vector<std::string> out;
  auto found = calls_.find(call);
  if (found != calls_.end() && found->second.speech.plan) {
    const StreamPlan& plan = *found->second.speech.plan;
    for (const Frame& frame : plan.frames) {
      const std::string_view bytes =
          std::string_view(plan.bytes).substr(frame.at.offset, frame.at.length);
      if (bytes.empty() || !whole.starts_with(bytes)) continue;  // not passed on
      out.emplace_back(bytes);
      whole.remove_prefix(bytes.size());
    }
  }
  if (!whole.empty()) out.emplace_back(whole);
  return out;
}

std::string_view StreamBooks::bytes_of(CallId call) const {
  auto found = calls_.find(call);
  return found == calls_.end() ? std::string_view() : std::string_view(found->second.bytes);
}

}  // namespace keel::sim
