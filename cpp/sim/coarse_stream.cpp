#include "sim/coarse_stream.hpp"

#include <algorithm>
#include <utility>

namespace keel::sim {

namespace {

using Kind = StreamEvent::Kind;

constexpr Duration kPieceEvery = seconds(4);  // well below the 15 s after which a stream is stalled

class Writer {
 public:
  Writer(const CoarseStream& stream, StreamPlan& plan) : stream_(stream), plan_(plan) {}

  void content(std::string_view text, Duration after) {
    StreamEvent event = begin(Kind::content);
    event.bytes += R"({"index":0,"delta":{"content":)";
    StreamEvent::Piece piece{{}, std::string(text), {event.bytes.size(), text.size() + 2}, {}};
    event.bytes.append("\"").append(text).append("\"").append(R"(},"finish_reason":null}]})");
    event.pieces.push_back(std::move(piece));
    add(std::move(event), after, {{Lane{}, std::string(text)}});
  }

  void finish(Duration after) {
    StreamEvent event = begin(Kind::finish);
    const Usage& usage = stream_.usage;
    event.bytes += R"({"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":)" +
                   std::to_string(usage.in) + R"(,"completion_tokens":)" +
                   std::to_string(usage.out) + "}}";
    event.ends.push_back(0);
    event.usage = usage;
    add(std::move(event), after, {}, 0);
  }

  void done(Duration after) {
    StreamEvent event;
    event.kind = Kind::done;
    event.bytes = "data: [DONE]";
    add(std::move(event), after);
  }

  void error(Duration after) {
    StreamEvent event;
    event.kind = Kind::error;
    event.bytes = R"(data: {"error":{"message":"it broke","type":"server_error"}})";
    event.outcome.ended = Ended::unusable;
    event.outcome.status = 200;
    event.outcome.code = ErrorCode::server_error;
    event.outcome.error_type = "server_error";
    plan_.error = StreamError::server;
    add(std::move(event), after);
  }

  void garbage(Duration after) {
    StreamEvent event;
    event.kind = Kind::unparsable;
    event.bytes = "data: nonsense";
    event.outcome.ended = Ended::unusable;
    event.outcome.status = 200;
    event.outcome.message = "not what the dialect allows";
    add(std::move(event), after);
  }

  void arrive(Duration after) {  // of everything so far
    if (!plan_.arrivals.empty() && plan_.arrivals.back().after == after)
      plan_.arrivals.back().end = plan_.bytes.size();
    else
      plan_.arrivals.push_back({after, plan_.bytes.size()});
  }

 private:
  StreamEvent begin(Kind kind) {
    StreamEvent event;
    event.kind = kind;
    event.bytes = R"(data: {"id":)";
    event.id = {event.bytes.size(), plan_.id.size() + 2};
    event.bytes += "\"" + plan_.id + R"(","model":)";
    event.model = {event.bytes.size(), plan_.model.size() + 2};
    event.bytes += "\"" + plan_.model + R"(","choices":[)";
    return event;
  }

  void add(StreamEvent&& event, Duration after, std::vector<Said> pieces = {}, int finishes = -1) {
    event.bytes += "\n\n";
    plan_.frames.push_back({.at = {plan_.bytes.size(), event.bytes.size()},
                            .kind = event.kind,
                            .pieces = std::move(pieces),
                            .finishes = finishes});
    plan_.bytes += event.bytes;
    plan_.events.push_back(std::move(event));
    arrive(after);
  }

  const CoarseStream& stream_;
  StreamPlan& plan_;
};

}  // namespace

StreamPlan plan_coarsely(const CoarseStream& stream) {
  StreamPlan plan;
  plan.id = "c-" + std::to_string(stream.attempt);
  plan.model = stream.model;
  plan.answer = {{Lane{}, stream.text}};
  Writer writer(stream, plan);
  const bool whole = stream.ending == Ending::whole || stream.ending == Ending::no_end_marker ||
                     stream.ending == Ending::no_finish;
  const Duration end = whole ? Duration::max() : stream.ends_after;
  const auto size = static_cast<int64_t>(stream.text.size());
  const int64_t pieces = std::clamp<int64_t>(stream.rest.ns / kPieceEvery.ns + 1, 1, size);
  for (int64_t i = 0; i < pieces; ++i) {
    const Duration at = stream.first + Duration{stream.rest.ns / pieces} * i;
    if (at >= end) break;
    const auto from = static_cast<size_t>(i * size / pieces);
    const auto to = static_cast<size_t>((i + 1) * size / pieces);
    writer.content(std::string_view(stream.text).substr(from, to - from), at);
  }
  const Duration last = stream.first + stream.rest;
  switch (stream.ending) {
    case Ending::whole:
      writer.finish(last);
      writer.done(last);
      break;
    case Ending::no_end_marker:
      writer.finish(last);
      break;
    case Ending::no_finish:
      writer.arrive(last);
      break;
    case Ending::cut:
      plan.broken = true;
      writer.arrive(end);
      break;
    case Ending::stall:
      plan.over = false;
      writer.arrive(end);
      break;
    case Ending::error_event:
      writer.error(end);
      break;
    case Ending::garbage:
      writer.garbage(end);
      break;
  }
  return plan;
}

}  // namespace keel::sim
