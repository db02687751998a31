// One inference request, from its body to its answer.

#include "io/clock.hpp"
#include "mock/asked.hpp"
#include "mock/service.hpp"

#include <cmath>
#include <optional>

namespace keel::mock {

using http::Reply;
using http::Request;
using http::Responder;
using http::Task;
using nlohmann::json;

namespace {

// Closes the books of a request on every way out.
struct Books {
  Tally& tally;
  uint64_t number;
  bool delivered = false;

  Books(Tally& t, uint64_t n) : tally(t), number(n) {}
  ~Books() { tally.done(number, delivered); }
  void answered(const std::string& status) { tally.answered(number, status); }
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;
};

struct Seat {
  CapacityMeter& meter;
  std::string who;

  Seat(CapacityMeter& m, std::string w) : meter(m), who(std::move(w)) {}
  ~Seat() { meter.leave(who); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
};

// The honest 429 of a provider that is full.
ErrorReply over_capacity(Duration wait) {
  ErrorReply error;
  error.status = 429;
  error.message = "rate limit reached";
  error.type = "requests";
  error.code = "rate_limit_exceeded";
  error.retry_after = static_cast<double>((wait.ns + 999'999) / 1'000'000) / 1e3;
  return error;
}

Record names_of(const Prompt& prompt, const Request& request, std::string label, Endpoint on) {
  Record names;
  names.id = request.head.value_of("x-request-id");
  names.model = prompt.base_model;
  names.key = std::move(label);
  names.on = name_of(on);
  names.nonce = prompt.nonce;
  names.stream = prompt.stream;
  return names;
}

void wear_out(const Behaviour& behaviour, http::Peer& peer, Responder& responder) {
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(behaviour.reuse_limit, 1));
  peer.tag = behaviour.close_on_reuse == Reuse::first_byte ? limit : 0;
  if (behaviour.close_on_reuse == Reuse::idle && peer.requests >= limit) {
    responder.close_silently_after(from_seconds(behaviour.reuse_idle_ms / 1e3));
  }
}

}  // namespace

Result<Behaviour> Service::behaviour_for(const Asked& asked, const json& model_patch,
                                         const http::Head& head) {
  json merged;
  auto lay_over = [&](const json& patch) {
    if (merged.is_null()) merged = script_.base;
    merged.update(patch);
  };
  const double t = script_time();
  for (size_t i = 0; i < script_.rules.size(); ++i) {
    const Rule& rule = script_.rules[i];
    if (!script_.applies(rule, asked, t) || !random_.chance(rule.chance, rule.of)) continue;
    tally_.rule_applied(i);
    lay_over(rule.patch);
  }
  if (!model_patch.empty()) lay_over(model_patch);
  if (std::string_view words = head.value_of("x-mock"); !words.empty()) {
    auto patch = patch_of_words(words);
    if (!patch) return patch.error();
    lay_over(*patch);
  }
  if (std::string_view text = head.value_of("x-mock-behaviour"); !text.empty()) {
    const json patch = json::parse(text, nullptr, false);
    if (!patch.is_object()) return Error{"bad_script", "x-mock-behaviour", "wanted a JSON object"};
    lay_over(patch);
  }
  if (merged.is_null()) return script_.base_behaviour;
  return parse_behaviour(merged, "behaviour");
}

Exchange Service::exchange_for(const Prompt& prompt, const Behaviour& behaviour, Endpoint on,
                               const Request& request) {
  Exchange x{prompt, behaviour, on, {}, {}, {}, {}, {}, false};
  const std::string number = std::to_string(request.tag);
  x.names = {"chatcmpl-mock-" + number, io::wall_unix_ns() / 1'000'000'000};
  x.fields.emplace_back("x-request-id", "req_mock_" + number);
  if (!prompt.nonce.empty()) x.fields.emplace_back("x-mock-nonce", prompt.nonce);
  const Spread& wait =
      prompt.stream && behaviour.ttft_ms ? *behaviour.ttft_ms : behaviour.latency_ms;
  x.latency = from_seconds(wait.draw(random_) / 1e3);
  if (on == Endpoint::chat) {
    x.completion = complete(prompt, behaviour, std::llround(behaviour.out_tokens.draw(random_)));
  }
  x.bill = [this, &prompt, tag = request.tag, out = x.completion.out_tokens] {
    tally_.bill(tag, prompt.base_model, script_.price_of(prompt.base_model), prompt.in_tokens, out);
  };
  return x;
}

Task<> Service::infer(Request& request, Responder& responder, Endpoint on) {
  Books books(tally_, request.tag);
  Reply refused;
  const std::string_view key = key_of(request.head);
  const std::string label = label_of_key(key);
  auto prompt = read_prompt(request.body, on);
  if (!prompt) {
    books.answered("400");
    refused = refusal(400, prompt.error().text(), prompt.error().code.c_str());
    books.delivered = co_await responder.reply(refused);
    co_return;
  }
  tally_.named(request.tag, names_of(*prompt, request, label, on));
  auto behaviour = behaviour_for({prompt->base_model, key, label, on}, prompt->patch, request.head);
  if (!behaviour) {
    books.answered("400");
    refused = refusal(400, behaviour.error().text(), "bad_behaviour");
    books.delivered = co_await responder.reply(refused);
    co_return;
  }
  std::optional<Seat> seat;
  const std::string who = behaviour->capacity.per_key ? label : "";
  if (!behaviour->error) {
    if (auto wait = capacity_.enter(behaviour->capacity, who, io::now())) {
      behaviour->error = over_capacity(*wait);
      behaviour->latency_ms = {};
    } else {
      seat.emplace(capacity_, who);
    }
  }
  Exchange x = exchange_for(*prompt, *behaviour, on, request);
  if (behaviour->capacity.rpm > 0) {
    x.fields.emplace_back("x-ratelimit-limit-requests", std::to_string(behaviour->capacity.rpm));
    x.fields.emplace_back("x-ratelimit-remaining-requests",
                          std::to_string(capacity_.left(behaviour->capacity, who)));
  }
  wear_out(*behaviour, *request.peer, responder);
  const bool replayed =
      cassettes_.size() > 0 && !behaviour->error && behaviour->fault == Fault::none;
  if (replayed) {
    co_await replay(request, responder, x);
  } else {
    books.answered(status_of(*behaviour));
    co_await answer(x, responder);
  }
  books.delivered = x.delivered;
}

Task<> Service::replay(const Request& request, Responder& responder, Exchange& x) {
  const http::Head& head = request.head;
  const Recording* recording = cassettes_.find(head.method(), head.path(), request.body);
  Reply reply;
  if (!recording) {
    tally_.answered(request.tag, "404");
    reply = refusal(404, "no recorded exchange has this method, path and body", "no_recording");
    x.delivered = co_await responder.reply(reply);
    co_return;
  }
  tally_.answered(request.tag, std::to_string(recording->status));
  tally_.bill(request.tag, x.prompt.base_model, script_.price_of(x.prompt.base_model),
              recording->in_tokens, recording->out_tokens);
  co_await responder.sleep(x.latency);
  reply.status = recording->status;
  reply.content_type = recording->content_type;
  reply.fields = x.fields;
  if (recording->content_type.find("event-stream") == std::string::npos) {
    reply.body = recording->body;
    x.delivered = co_await responder.reply(reply);
    co_return;
  }
  co_await responder.begin(reply);
  co_await responder.write(recording->body);
  x.delivered = co_await responder.finish();
}

}  // namespace keel::mock
