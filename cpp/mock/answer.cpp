#include "mock/answer.hpp"

#include "io/clock.hpp"

#include <algorithm>

namespace keel::mock {

namespace {

using http::Reply;
using http::Responder;
using http::Task;

// Lets what was written arrive before a reset destroys it in the client's receive queue.
constexpr Duration kSettle = milliseconds(20);
constexpr size_t kGather = 16 * 1024;

Duration generation_time(const Exchange& x) {
  if (x.behaviour.tokens_per_second <= 0) return Duration::zero();
  return from_seconds(static_cast<double>(x.completion.out_tokens) / x.behaviour.tokens_per_second);
}

ErrorReply inner_error() {
  ErrorReply error;
  error.message = "the server had an error while processing the request";
  error.type = "server_error";
  return error;
}

std::string body_of(const Exchange& x) {
  switch (x.behaviour.fault) {
    case Fault::empty:
      return {};
    case Fault::error_inside:
      return error_body(inner_error());
    default:
      break;
  }
  std::string body = x.on == Endpoint::embeddings
                         ? embeddings_body(x.prompt, x.behaviour)
                         : chat_body(x.prompt, x.completion, x.behaviour, x.names);
  if (x.behaviour.fault == Fault::unparsable) body.resize(body.size() / 2);
  return body;
}

// The faults that need a head and a part of a body on the wire first.
Task<> break_plain(Exchange& x, Responder& responder, const Reply& reply) {
  const Fault fault = x.behaviour.fault;
  Reply head = reply;
  head.body.clear();
  co_await responder.begin(head, reply.body.size());
  if (fault == Fault::reset_mid_body || fault == Fault::truncated) {
    co_await responder.write(std::string_view(reply.body).substr(0, reply.body.size() / 2));
  }
  if (fault == Fault::head_then_silence) {
    co_await responder.wait_gone();
  } else if (fault != Fault::truncated) {
    co_await responder.sleep(kSettle);
    responder.reset();
  }
  responder.close();
}

Task<> answer_plain(Exchange& x, Responder& responder) {
  co_await responder.sleep(x.latency + generation_time(x));
  Reply reply;
  reply.fields = x.fields;
  reply.body = body_of(x);
  switch (x.behaviour.fault) {
    case Fault::reset_after_head:
    case Fault::reset_mid_body:
    case Fault::truncated:
    case Fault::head_then_silence:
      co_await break_plain(x, responder, reply);
      break;
    default:
      x.delivered = co_await responder.reply(reply);
  }
}

// Where in a stream the fault strikes, in tokens.
size_t cut_of(const Exchange& x, size_t tokens) {
  if (x.behaviour.fault == Fault::none) return tokens + 1;
  if (x.behaviour.cut_after_tokens >= 0) return static_cast<size_t>(x.behaviour.cut_after_tokens);
  const bool in_the_middle =
      x.behaviour.fault == Fault::reset_mid_body || x.behaviour.fault == Fault::truncated;
  return in_the_middle ? tokens / 2 : 0;
}

// Ends a stream as its fault says.
Task<> break_stream(Exchange& x, Responder& responder) {
  std::string last;
  switch (x.behaviour.fault) {
    case Fault::head_then_silence:
      co_await responder.wait_gone();
      break;
    case Fault::truncated:
      break;
    case Fault::empty:
      x.delivered = co_await responder.finish();
      co_return;
    case Fault::error_inside:
      last = "data: " + error_body(inner_error()) + "\n\n";
      break;
    case Fault::unparsable:
      last = "data: {\"id\":\"chatcmpl-\",\"choi\n\n";
      break;
    case Fault::no_choices:
      last = R"(data: {"id":")" + x.names.id +
             "\",\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\ndata: [DONE]\n\n";
      break;
    default:
      co_await responder.sleep(kSettle);
      responder.reset();
      co_return;
  }
  if (last.empty()) {
    responder.close();
    co_return;
  }
  co_await responder.write(last);
  x.delivered = co_await responder.finish();
}

std::string ending(const Exchange& x, const ChunkWriter& writer) {
  std::string frames;
  for (size_t i = 0; i < x.completion.choices.size(); ++i) {
    frames += writer.finish(i, x.completion.finish_reason);
  }
  const UsageMode mode = x.behaviour.usage;
  const bool counted = mode == UsageMode::honest || mode == UsageMode::over;
  if (x.prompt.include_usage && counted) {
    frames += writer.usage(x.prompt.in_tokens, x.completion.out_tokens);
  } else if (x.prompt.include_usage && mode == UsageMode::zero) {
    frames += writer.usage(0, 0);
  }
  return frames + "data: [DONE]\n\n";
}

// Frames leave one by one at the scripted rate, or gathered when there is none. False: stop.
Task<bool> send_tokens(Exchange& x, Responder& responder, const ChunkWriter& writer, size_t count) {
  const double rate = x.behaviour.tokens_per_second;
  const Duration gap = rate > 0 ? from_seconds(1.0 / rate) : Duration::zero();
  std::string frames;
  for (size_t i = 0; i < x.completion.choices.size(); ++i) frames += writer.role(i);
  for (size_t t = 0; t < count; ++t) {
    for (size_t i = 0; i < x.completion.choices.size(); ++i) {
      frames += writer.piece(i, x.completion.choices[i][t]);
    }
    if (gap == Duration::zero() && frames.size() < kGather) continue;
    if (!co_await responder.write(frames)) co_return false;
    frames.clear();
    if (t + 1 < count) co_await responder.sleep(gap);
  }
  co_return co_await responder.write(frames);
}

Task<> answer_stream(Exchange& x, Responder& responder) {
  co_await responder.sleep(x.latency);
  Reply head;
  head.content_type = "text/event-stream; charset=utf-8";
  head.fields = x.fields;
  co_await responder.begin(head);
  const ChunkWriter writer(x.prompt, x.behaviour, x.names);
  const size_t tokens = x.completion.choices.at(0).size();
  const size_t cut = cut_of(x, tokens);
  if (cut > 0 && !co_await send_tokens(x, responder, writer, std::min(cut, tokens))) {
    responder.close();
    co_return;
  }
  if (cut <= tokens) {
    co_await break_stream(x, responder);
    co_return;
  }
  const std::string last = ending(x, writer);
  co_await responder.write(last);
  x.delivered = co_await responder.finish();
}

Task<> answer_error(Exchange& x, Responder& responder) {
  co_await responder.sleep(x.latency);
  Reply reply = error_reply(*x.behaviour.error, io::wall_unix_ns());
  reply.fields.insert(reply.fields.end(), x.fields.begin(), x.fields.end());
  x.delivered = co_await responder.reply(reply);
}

}  // namespace

std::string status_of(const Behaviour& behaviour) {
  if (behaviour.error) return std::to_string(behaviour.error->status);
  switch (behaviour.fault) {
    case Fault::none:
      return "200";
    case Fault::close:
      return "close";
    case Fault::reset:
      return "reset";
    case Fault::reset_after_head:
      return "reset_after_head";
    case Fault::reset_mid_body:
      return "reset_mid_body";
    case Fault::truncated:
      return "truncated";
    case Fault::silence:
      return "silence";
    case Fault::head_then_silence:
      return "head_then_silence";
    case Fault::empty:
      return "empty";
    case Fault::no_choices:
      return "no_choices";
    case Fault::error_inside:
      return "error_inside";
    case Fault::unparsable:
      return "unparsable";
  }
  return "unknown";
}

Task<> answer(Exchange& x, Responder& responder) {
  const Behaviour& b = x.behaviour;
  if (b.error) {
    if (b.bills_errors) x.bill();
    co_await answer_error(x, responder);
    co_return;
  }
  // A provider makes the tokens whether or not anybody still listens, so the bill comes first.
  if (b.fault == Fault::none || b.bills_faults) x.bill();
  if (b.fault == Fault::silence) {
    co_await responder.wait_gone();
    responder.close();
  } else if (b.fault == Fault::reset || b.fault == Fault::close) {
    co_await responder.sleep(x.latency);
    b.fault == Fault::reset ? responder.reset() : responder.close();
  } else if (x.prompt.stream) {
    co_await answer_stream(x, responder);
  } else {
    co_await answer_plain(x, responder);
  }
}

}  // namespace keel::mock
