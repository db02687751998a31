// A streamed answer on its way to a client: pieces wait in one buffer, bounded by telling the relay
// when it is full; each write takes all that waits.

#include "io/clock.hpp"
#include "server/error_body.hpp"
#include "server/reply_head.hpp"
#include "server/session.hpp"

#include <optional>
#include <utility>

namespace keel::server {

namespace {

// What may wait for a slow reader, beside what the kernel holds and what was on its way when the
// provider was told to wait.
constexpr size_t kFullBytes = 64 * 1024;
constexpr size_t kRoomBytes = 16 * 1024;  // then it may go on

class StreamSession final : public net::StreamCaller {
 public:
  StreamSession(Exchange& on, CallId call) : on_(on), call_(call) {}

  http::Task<> run();
  const std::optional<relay::Answer>& answer() const { return answer_; }

  void on_piece(relay::Deliver&& piece) override;
  void on_answer(relay::Answer&& answer) override;

 private:
  net::Conductor& conductor() { return on_.generation->conductor(); }
  http::Task<> write_pending();
  http::Task<> conclude();

  Exchange& on_;
  const CallId call_;
  std::shared_ptr<const relay::StreamHead> head_;
  std::string pending_;
  std::string writing_;
  std::optional<relay::Answer> answer_;
  bool full_ = false;
  bool left_ = false;
};

void StreamSession::on_piece(relay::Deliver&& piece) {
  if (!head_) head_ = std::move(piece.head);
  if (pending_.empty()) {
    pending_ = std::move(piece.bytes);
  } else {
    pending_ += piece.bytes;
  }
  if (pending_.size() >= kFullBytes && !std::exchange(full_, true))
    conductor().backpressure(call_, true);
  on_.responder.wake();
}

void StreamSession::on_answer(relay::Answer&& answer) {
  answer_ = std::move(answer);
  on_.responder.wake();
}

http::Task<> StreamSession::run() {
  for (;;) {
    if (!left_ && on_.responder.gone()) {
      left_ = true;
      if (!answer_) conductor().cancel(call_);
    }
    if (left_) pending_.clear();
    if (!pending_.empty()) {
      co_await write_pending();
    } else if (answer_) {
      break;
    } else {
      co_await on_.responder.wait();
    }
  }
  co_await conclude();
}

http::Task<> StreamSession::write_pending() {
  writing_.clear();
  writing_.swap(pending_);
  if (on_.responder.begun()) {
    co_await on_.responder.write(writing_);
  } else {
    http::Reply head;
    head.content_type = "text/event-stream; charset=utf-8";
    head.fields.emplace_back("x-request-id", on_.id);
    head.fields.emplace_back("cache-control", "no-cache");
    head.fields.emplace_back("x-accel-buffering", "no");
    if (head_) add_stream_fields(on_.generation->config(), *head_, head.fields);
    add_limits(on_.generation->relay().engines(), on_.tenant, io::now(), head.fields);
    co_await on_.responder.begin(head, {}, writing_);
  }
  if (full_ && !answer_ && pending_.size() <= kRoomBytes) {
    full_ = false;
    conductor().backpressure(call_, false);
  }
}

http::Task<> StreamSession::conclude() {
  relay::Answer& answer = *answer_;
  if (left_) {
    on_.responder.close();
    co_return;
  }
  if (answer.kind == relay::AnswerKind::cancelled) say_shutting_down(answer, on_.responder.begun());
  if (!on_.responder.begun()) {
    co_await reply_whole(on_, answer);
    co_return;
  }
  if (answer.kind != relay::AnswerKind::ok) co_await on_.responder.write(error_event(answer));
  co_await on_.responder.finish();
}

}  // namespace

http::Task<> ask_stream(Exchange& on, relay::Request&& request, Logbook& log) {
  const int64_t began_unix_ns = io::wall_unix_ns();
  auto session = std::make_shared<StreamSession>(on, request.call);
  on.generation->conductor().submit(std::move(request), session);
  co_await session->run();
  log.answered(*session->answer(), began_unix_ns);
}

}  // namespace keel::server
