#include "wire/openai_stream.hpp"

#include "wire/openai_chunk.hpp"

#include <string>
#include <utility>

namespace keel::wire {

void OpenAiStreamReader::feed(std::string_view bytes, std::vector<StreamEvent>& out) {
  if (over_) return;
  framer_.push(bytes);
  take_events(out);
}

void OpenAiStreamReader::end(std::vector<StreamEvent>& out) {
  if (over_) return;
  framer_.end();
  take_events(out);
  over_ = true;
}

void OpenAiStreamReader::take_events(std::vector<StreamEvent>& out) {
  using Kind = StreamEvent::Kind;
  SseFrame frame;
  while (!over_ && framer_.next(frame)) {
    StreamEvent event = read_openai_event(operation_, frame);
    finished_ |= event.kind == Kind::finish;
    if (event.kind != Kind::usage && !finished_) event.usage.reset();
    over_ = event.kind == Kind::done || event.kind == Kind::unparsable;
    out.push_back(std::move(event));
  }
  if (over_ || !framer_.overflowed()) return;
  over_ = true;
  StreamEvent event;
  event.kind = Kind::unparsable;
  event.outcome.ended = Ended::unusable;
  event.outcome.status = 200;
  event.outcome.message =
      "an event of the stream is longer than " + std::to_string(kStreamEventBytesMax) + " bytes";
  out.push_back(std::move(event));
}

}  // namespace keel::wire
