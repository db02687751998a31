#include "server/session.hpp"

#include "io/clock.hpp"
#include "server/error_body.hpp"
#include "server/reply_head.hpp"

#include <optional>
#include <utility>

namespace keel::server {

namespace {

constexpr size_t kUsualFields = 24;  // of a reply

// Shared with the relay's side, which may answer before anybody waits.
struct Waiting {
  explicit Waiting(http::Responder& with) : responder(&with) {}

  http::Responder* responder;
  std::optional<relay::Answer> answer;
};

}  // namespace

http::Reply with_id(http::Reply reply, const std::string& id) {
  reply.fields.emplace_back("x-request-id", id);
  return reply;
}

http::Task<> reply_whole(Exchange& on, const relay::Answer& answer) {
  const Instant now = io::now();
  Generation& generation = *on.generation;
  http::Reply head;
  head.status = answer.status;
  head.fields.reserve(kUsualFields);
  head.fields.emplace_back("x-request-id", on.id);
  const Duration overhead =
      answer.trace ? overhead_of(*answer.trace, on.came, now) : elapsed(on.came, now);
  generation.note_overhead(overhead);
  add_answer_fields(generation.config(), answer, overhead, head.fields);
  add_limits(generation.relay().engines(), on.tenant, now, head.fields);
  if (answer.kind == relay::AnswerKind::ok || (answer.status < 400 && answer.body)) {
    co_await on.responder.reply(head, answer.body.view());
  } else {
    head.body = error_body(answer);
    co_await on.responder.reply(head);
  }
}

http::Task<> ask_plain(Exchange& on, relay::Request&& request, Logbook& log) {
  const int64_t began_unix_ns = io::wall_unix_ns();
  net::Conductor& conductor = on.generation->conductor();
  auto waiting = std::make_shared<Waiting>(on.responder);
  const CallId call = request.call;
  conductor.submit(std::move(request), net::Completion([waiting](relay::Answer&& answer) {
                     waiting->answer = std::move(answer);
                     waiting->responder->wake();
                   }));
  bool left = false;
  while (!waiting->answer) {
    if (on.responder.gone() && !std::exchange(left, true)) {
      conductor.cancel(call);
      continue;
    }
    co_await on.responder.wait();
  }
  const relay::Answer& answer = *waiting->answer;
  if (left) {
    on.responder.close();
  } else if (answer.kind == relay::AnswerKind::cancelled) {
    relay::Answer told = answer;
    say_shutting_down(told, false);
    co_await reply_whole(on, told);
  } else {
    co_await reply_whole(on, answer);
  }
  log.answered(answer, began_unix_ns);
}

}  // namespace keel::server
