// Replies: a head (where the input begins with one) and a body become an outcome that makes sense,
// whatever they are, and a usable answer is the same answer as a stream.

#include "events.hpp"
#include "net/reply_reader.hpp"
#include "wire/canonical.hpp"
#include "wire/errors.hpp"

namespace keel::wire {
namespace {

using Kind = StreamEvent::Kind;

// Lines go to the reader as libcurl gives them; what follows the blank line is the body.
net::HttpReply received(std::string_view text) {
  net::HttpReply reply;
  reply.status = 200;
  if (!text.starts_with("HTTP/")) {
    reply.body = text;
    return reply;
  }
  net::ReplyLimits limits;
  limits.head_bytes = 1000;
  limits.head_fields = 8;
  limits.body_bytes = 3000;
  net::ReplyReader reader(limits);
  while (!text.empty() && !reader.head_complete()) {
    size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (!reader.on_line(text.substr(0, end))) {
      KEEL_HOLDS(!reader.refusal().empty());
      return reply;
    }
    text.remove_prefix(end);
  }
  Random random(fuzz::hash_of(text));
  for (std::string_view piece : fuzz::cut(text, random, 200)) {
    if (reader.on_body(piece)) continue;
    KEEL_HOLDS(text.size() > limits.body_bytes && !reader.refusal().empty());
    break;
  }
  reader.take(reply);
  KEEL_HOLDS(reply.headers.size() <= limits.head_fields);
  for (const auto& [name, value] : reply.headers) {
    KEEL_HOLDS((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  return reply;
}

void outcome_makes_sense(const Outcome& outcome, int status) {
  bool success = status >= 200 && status < 300;
  KEEL_HOLDS(outcome.status == status);
  KEEL_HOLDS(outcome.ended == Ended::replied || (success && outcome.ended == Ended::unusable));
  KEEL_HOLDS(outcome.ended == Ended::replied || !outcome.message.empty());
  KEEL_HOLDS(!outcome.hint.after || outcome.hint.after->ns >= 0);
  KEEL_HOLDS(success || !outcome.usage);
  fuzz::usage_makes_sense(outcome.usage);
  for (const std::string* words : {&outcome.error_type, &outcome.error_code, &outcome.message}) {
    KEEL_HOLDS(words->size() <= kMessageBytesMax && json::valid_utf8(*words), *words);
  }
}

// The stream says what the reply said: its text, its usage, and an end.
void streams_alike(Operation operation, const Body& body, const Decoded& decoded) {
  const Dialect& dialect = *dialect_named("openai");
  std::vector<StreamEvent> events = dialect.events_of_plain(operation, body);
  KEEL_HOLDS(!events.empty());
  if (decoded.outcome.ended != Ended::replied) {
    KEEL_HOLDS(events.size() == 1 && events[0].bytes.empty(), fuzz::told(events));
    KEEL_HOLDS(events[0].kind == Kind::error || events[0].kind == Kind::unparsable);
    return;
  }
  bool repeats_keys = !canonical_request(body).ok();
  if (repeats_keys || operation == Operation::embeddings) return;
  if (events.back().kind == Kind::unparsable) return;  // an index that is none
  KEEL_HOLDS(events.back().kind == Kind::done, fuzz::told(events));
  std::string text;
  std::optional<Usage> usage;
  int finished = 0;
  for (const StreamEvent& event : events) {
    if (event.usage) usage = event.usage;
    if (event.kind == Kind::finish) ++finished;
    for (const StreamEvent::Piece& piece : event.pieces) {
      if (piece.lane.part == Lane::Part::text) text += piece.text;
    }
  }
  KEEL_HOLDS(usage == decoded.outcome.usage, fuzz::told(events));
  std::string plain = dialect.text_of(body);
  KEEL_HOLDS(finished != 1 || plain == text, plain + " instead of\n" + fuzz::told(events));
}

void judge(const net::HttpReply& reply, Operation operation, int status) {
  Body body = Body::copy_of(reply.body);
  Decoded decoded =
      dialect_named("openai")->decode_reply(operation, status, reply.headers, body, 1'700'000'000);
  outcome_makes_sense(decoded.outcome, status);
  KEEL_HOLDS(is_header_value(decoded.upstream_request_id));
  KEEL_HOLDS(json::valid_utf8(decoded.finish_reason) && json::valid_utf8(decoded.model_served));
  if (status == 200) streams_alike(operation, body, decoded);
}

}  // namespace
}  // namespace keel::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using keel::Operation;
  keel::net::HttpReply reply = keel::wire::received(keel::fuzz::text_of(data, size));
  for (Operation operation : {Operation::chat, Operation::completions, Operation::embeddings}) {
    keel::wire::judge(reply, operation, 200);
  }
  for (int status : {reply.status, 400, 429, 500}) {
    keel::wire::judge(reply, Operation::chat, status);
  }
  return 0;
}
