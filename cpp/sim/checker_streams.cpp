// The checker's part in streams: what they truly did, by their books, and what that forbids.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keel::sim {

void Checker::check_stream(const StreamBooks::Wrong& wrong, CallId call, Instant now) {
  if (wrong) accused_ = call;
  check(
      !wrong, wrong.invariant,
      [&] { return wrong.what + (call == 0 ? "" : "; " + story_of(call)); }, now);
}

void Checker::told(AttemptId attempt, const StreamEvent& event, Instant now) {
  auto found = asks_.find(attempt);
  const CallId call = found == asks_.end() ? 0 : found->second.call;
  check_stream(streams_.told(attempt, event, now), call, now);
  auto watched = calls_.find(call);
  if (watched != calls_.end() && watched->second.in_flight > 1 && streams_.speaks(attempt))
    watched->second.decided = now;
}

void Checker::delivered(const relay::Deliver& piece, Instant now) {
  check_stream(streams_.delivered(piece, now), piece.call, now);
}

void Checker::paused(const relay::Pause& pause) {
  streams_.paused(pause.attempt, pause.pause);
}

void Checker::pressed(const relay::Backpressure& event) {
  streams_.full(event.call, event.full);
}

void Checker::left(CallId call) {
  auto found = calls_.find(call);
  if (found != calls_.end()) found->second.left = true;
}

void Checker::end_of_stream(AttemptId attempt, Ask& ask, Watched& call, bool given_up,
                            Instant now) {
  StreamBooks::Wrong wrong;
  const bool in_time = !call.left && now < call.deadline;
  ask.exchange.fault = streams_.ended(attempt, ask.exchange, given_up, in_time, wrong);
  check_stream(wrong, ask.call, now);
  learn(ask, call, now);
}

// Once content was delivered a refusal only says who will not go on with it; and what a model
// thinks of a begun answer says nothing of a whole one. The content policy alone ends it for all.
bool Checker::refuses_to_resume(Fault fault, const Ask& ask, Watched& call) const {
  if (!streams_.has_content(ask.call) || refuses_the_content(fault)) return false;
  const bool refuses = (ends_the_request(fault) && !answers(fault)) || fault == Fault::too_long ||
                       fault == Fault::unsupported;
  if (refuses && ask.exchange.begun.empty()) call.targets_over.insert(ask.target);
  return refuses;
}

// Of a stream the words are what was delivered; what streams say the first time is in their books.
void Checker::judge_words(const Watched& call, const relay::Answer& answer, Instant now) {
  const CallId id = call.request.call;
  std::string_view words = answer.body.view();
  if (call.request.facts.stream) {
    words = streams_.bytes_of(id);
    if (!answer.cached && answer.kind == relay::AnswerKind::ok)
      cache_.replied(words, call.request, call.route, answer.target, !answer.clamped, now);
  }
  const bool clients_fault = ends_the_request(call.last_fault) ||
                             refuses_the_content(call.last_fault) ||
                             call.last_fault == Fault::too_long;
  const bool failed = call.tries == 0 || now >= call.deadline || !clients_fault;
  const std::string wrong =
      cache_.judge(*config_, {call.request, call.first_route, failed}, answer, words, now);
  check(wrong.empty(), answer.cached ? "H1" : "S1", wrong, now);
  check_stream(streams_.answered(id, answer), id, now);
}

// What the relay asked for itself: sends, money and words as of any other call. A stream that
// nobody was given is looked at as if somebody had been, at its end.
void Checker::refreshed(const relay::Refreshed& event, Instant now) {
  relay::Answer answer = event.answer;
  auto found = calls_.find(event.call);
  const bool told = found != calls_.end() && found->second.request.facts.stream &&
                    answer.kind == relay::AnswerKind::ok;
  if (told) {
    auto head = std::make_shared<relay::StreamHead>();
    if (answer.cached) head->cache = answer.trace->cache;
    const std::string_view whole = answer.body.view();
    std::vector<std::string> pieces;
    if (answer.cached)
      pieces.emplace_back(whole);
    else
      pieces = streams_.pieces_of(event.call, whole);
    for (const std::string& piece : pieces)
      delivered({event.call, piece, std::exchange(head, nullptr)}, now);
  }
  answer.streamed = told;
  responded(event.call, answer, now);
}

}  // namespace keel::sim
