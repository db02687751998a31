#include "binding/streaming.hpp"

#include "binding/host.hpp"
#include "binding/refusal.hpp"
#include "wire/exchange.hpp"

#include <chrono>
#include <string_view>
#include <utility>

namespace keel::binding {

namespace {

// The text that a caller of a single choice reads on.
std::string text_in(const StreamEvent& event) {
  std::string text;
  for (const StreamEvent::Piece& piece : event.pieces) {
    if (piece.lane == Lane{}) text += piece.text;
  }
  return text;
}

// A comment keeps a connection alive and says nothing.
bool has_data(std::string_view bytes) {
  return bytes.starts_with("data:") || bytes.find("\ndata:") != bytes.npos ||
         bytes.find("\rdata:") != bytes.npos;
}

}  // namespace

Streaming::Streaming(Host& host, Operation operation, Reader reader)
    : host_(host),
      reader_(std::move(reader)),
      events_(wire::dialect_named("openai")->stream_reader(operation)) {}

std::shared_ptr<Streaming> Streaming::begin(Host& host, relay::Request request, Reader reader) {
  std::shared_ptr<Streaming> streaming(
      new Streaming(host, request.facts.operation, std::move(reader)));
  streaming->call_ = host.submit(std::move(request), streaming);
  return streaming;
}

void Streaming::on_piece(relay::Deliver&& piece) {
  bool tell = false;
  {
    std::lock_guard lock(mutex_);
    bytes_ += piece.bytes.size();
    pieces_.push_back(std::move(piece.bytes));
    if (bytes_ >= kBytesHigh && !std::exchange(pressed_, true))
      host_.backpressure(piece.call, true);
    tell = std::exchange(wanted_, false);
  }
  changed_.notify_one();
  if (tell) reader_.mailbox->put({reader_.token, std::nullopt});
}

void Streaming::on_answer(relay::Answer&& answer) {
  bool tell = false;
  {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    tell = std::exchange(wanted_, false);
  }
  changed_.notify_all();
  if (tell) reader_.mailbox->put({reader_.token, std::nullopt});
}

Streaming::Taken Streaming::take(Duration limit) {
  if (host_.forked()) throw Refusal({"forked", "", "this stream is read by the parent process"});
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(limit.ns), [this] { return has_something(); });
  lock.unlock();
  return take_some();
}

Streaming::Taken Streaming::take_now() {
  if (host_.forked()) throw Refusal({"forked", "", "this stream is read by the parent process"});
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      wanted_ = !has_something();
      if (wanted_) return {};
    }
    Taken taken = take_some();
    if (!taken.empty()) return taken;  // else it said nothing: comments, the end marker
  }
}

void Streaming::cancel() {
  host_.cancel(call_);
}

Streaming::Taken Streaming::take_some() {
  Taken taken;
  std::lock_guard turn(taking_);
  std::deque<std::string> pieces;
  {
    std::lock_guard lock(mutex_);
    for (size_t size = 0; !pieces_.empty() && size < kBytesLow; pieces_.pop_front()) {
      size += pieces_.front().size();
      bytes_ -= pieces_.front().size();
      pieces.push_back(std::move(pieces_.front()));
    }
    if (pieces_.empty()) taken.answer = answer_;
    if (bytes_ <= kBytesLow && std::exchange(pressed_, false)) host_.backpressure(call_, false);
  }
  read_.clear();
  for (const std::string& piece : pieces) events_->feed(piece, read_);
  if (taken.answer && !std::exchange(ended_, true)) events_->end(read_);
  hand_over(taken.chunks);
  return taken;
}

void Streaming::hand_over(std::vector<Chunk>& chunks) {
  for (StreamEvent& event : read_) {
    if (event.kind == StreamEvent::Kind::done || !has_data(event.bytes)) continue;
    chunks.push_back(
        {std::move(event.bytes), text_in(event), event.kind == StreamEvent::Kind::finish});
  }
}

}  // namespace keel::binding
