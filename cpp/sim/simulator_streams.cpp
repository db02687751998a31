// The driver's part in streams: arrivals of bytes through the real wire/ to the relay, one event at
// a time; providers that wait while they are held; callers who read slowly, or leave.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"
#include "wire/exchange.hpp"

#include <algorithm>
#include <functional>

#include <nlohmann/json.hpp>

namespace keel::sim {

std::string Simulator::begun_in(const relay::Send& send) {
  const bool maybe =
      std::any_of(send.body.splices.begin(), send.body.splices.end(), [](const Splice& splice) {
        return splice.text.find(R"("role":"assistant")") != std::string::npos;
      });
  if (!maybe) return {};
  const auto json = nlohmann::json::parse(send.body.flatten());
  const auto& last = json["messages"].back();
  return last["role"] == "assistant" ? last["content"].get<std::string>() : std::string();
}

void Simulator::begin_stream(AttemptId attempt, InFlight& exchange) {
  exchange.flow = std::make_unique<Flow>();
  if (exchange.exchange.stream->events.empty())
    exchange.flow->reader = wire::dialect_named("openai")->stream_reader(Operation::chat);
  await_bytes(attempt, exchange);
}

void Simulator::await_bytes(AttemptId attempt, InFlight& exchange) {
  const auto& arrival = exchange.exchange.stream->arrivals[exchange.flow->arrivals];
  exchange.flow->on_the_way = true;
  push(std::max(now_, *exchange.exchange.sent_at + arrival.after), Step::Kind::bytes, attempt);
}

void Simulator::read_on(AttemptId attempt, Instant seen) {
  auto found = in_flight_.find(attempt);
  if (found == in_flight_.end()) return;
  Flow& flow = *found->second.flow;
  flow.on_the_way = false;
  if (flow.paused && !found->second.aborted) {
    flow.held = true;
    return;
  }
  const std::shared_ptr<const StreamPlan> plan = found->second.exchange.stream;
  const size_t begin = flow.arrivals == 0 ? 0 : plan->arrivals[flow.arrivals - 1].end;
  const size_t end = plan->arrivals[flow.arrivals++].end;
  const bool last = flow.arrivals == plan->arrivals.size();
  std::vector<StreamEvent> events;
  if (flow.reader) {
    flow.reader->feed(std::string_view(plan->bytes).substr(begin, end - begin), events);
    if (last && plan->over) flow.reader->end(events);
  } else {
    for (size_t i = 0; i < plan->events.size(); ++i)
      if (plan->frames[i].at.offset >= begin && plan->frames[i].at.end() <= end)
        events.push_back(plan->events[i]);
  }
  if (found->second.aborted) in_flight_.erase(found);
  tell(attempt, events, seen);
  found = in_flight_.find(attempt);
  if (found == in_flight_.end()) return;
  if (!last) return await_bytes(attempt, found->second);
  if (plan->over) end_stream(attempt, seen);
}

// Over any of them the relay may give the attempt up; a driver that knows no better goes on.
void Simulator::tell(AttemptId attempt, std::vector<StreamEvent>& events, Instant seen) {
  for (StreamEvent& event : events) {
    const bool wanted = in_flight_.count(attempt) > 0;
    if (!wanted && !random_.chance(unkindness_.late_results_per_mille, 1000)) return;
    clock_ = std::max(clock_, seen);
    if (checker_ && wanted) checker_->told(attempt, event, clock_);
    feed(relay::Streamed{.attempt = attempt, .event = std::move(event)}, seen);
  }
}

void Simulator::end_stream(AttemptId attempt, Instant seen) {
  auto found = in_flight_.find(attempt);
  if (!found->second.scripted) providers_->end(found->second.target);
  relay::Finished finished{.attempt = attempt, .outcome = found->second.exchange.outcome};
  clock_ = std::max(clock_, seen);
  if (checker_) checker_->finished(attempt, found->second.exchange, {}, clock_);
  in_flight_.erase(found);
  feed(std::move(finished), seen);
}

void Simulator::carry_out(relay::Pause& pause) {
  fold(pause.attempt * 2 + (pause.pause ? 1 : 0));
  if (checker_) checker_->paused(pause);
  auto found = in_flight_.find(pause.attempt);
  if (found == in_flight_.end() || !found->second.flow) return;
  Flow& flow = *found->second.flow;
  flow.paused = pause.pause;
  if (flow.paused || !flow.held) return;
  flow.held = false;
  await_bytes(pause.attempt, found->second);
}

void Simulator::carry_out(relay::Deliver& piece) {
  fold(piece.call);
  fold(std::hash<std::string_view>{}(piece.bytes));
  if (checker_) checker_->delivered(piece, clock_);
  auto found = readers_.find(piece.call);
  if (found == readers_.end()) return;
  SlowReader& reader = found->second;
  reader.given(piece.bytes.size(), now_);
  if (reader.leaves()) push(now_, Step::Kind::cancel, piece.call);
  if (!reader.becomes_full()) return;
  push(now_, Step::Kind::full, piece.call);
  const Instant room = reader.has_room_at(now_);
  if (room != Instant::never()) push(room, Step::Kind::room, piece.call);
}

}  // namespace keel::sim
