#include "sim/questions.hpp"

#include "wire/json_text.hpp"

#include <algorithm>

namespace keel::sim {

namespace {

constexpr std::string_view kIdentity = "i0000000000000000";
constexpr int64_t kBytesPerToken = 4;   // what a bound that needs no tokenizer sees of a token
constexpr int64_t kBytesOfPrompt = 16;  // beside its text

void write_identity(uint64_t value, char kind, char* to) {
  constexpr char kHex[] = "0123456789abcdef";
  *to++ = kind;
  for (int shift = 60; shift >= 0; shift -= 4) *to++ = kHex[(value >> shift) & 15];
}

}  // namespace

Questions::Questions(const relay::Config& config)
    : caches_(
          std::any_of(config.routes.begin(), config.routes.end(),
                      [](const relay::RouteConfig& route) { return route.cache.has_value(); })) {}

const Questions::Form& Questions::form_of(const std::string& model, bool stream) {
  auto& forms = stream ? streamed_ : plain_;
  auto found = forms.find(model);
  if (found != forms.end()) return found->second;
  Form form;
  form.text = R"({"model":)" + wire::json_quote(model) + (stream ? R"(,"stream":true)" : "") +
              R"(,"messages":[{"role":"user","content":")" + std::string(kIdentity) + R"("}]})";
  form.identity_at = form.text.find(kIdentity, form.text.rfind("content"));
  // A name that no request can have is refused by the relay, as it would be.
  if (auto facts = wire::read_facts(Operation::chat, Body::copy_of(form.text)))
    form.facts = std::move(*facts);
  form.facts.model = model;
  form.facts.stream = stream;
  return forms.emplace(model, std::move(form)).first->second;
}

relay::Request Questions::make(const Arrival& arrival, CallId call) {
  relay::Request out;
  out.call = call;
  out.id = "r" + std::to_string(call);
  out.tenant = arrival.tenant;
  if (arrival.timeout) out.timeout = *arrival.timeout;
  const Form& form = form_of(arrival.model, arrival.stream);
  if (caches_ || arrival.stream) {
    out.facts = form.facts;
    std::string text;
    text.reserve(form.text.size() + Body::kPadding);
    text = form.text;
    if (arrival.identity != 0)
      write_identity(arrival.identity, 'i', text.data() + form.identity_at);
    else
      write_identity(call, 'c', text.data() + form.identity_at);
    out.body = Body::take(std::move(text));
  } else {
    out.facts.model = arrival.model;
    out.facts.stream = arrival.stream;
  }
  out.facts.input_tokens_estimate = arrival.tokens_in;
  out.facts.input_tokens_bound = arrival.tokens_in * kBytesPerToken + kBytesOfPrompt;
  out.facts.max_output_tokens = arrival.max_tokens;
  out.facts.deterministic = arrival.deterministic;
  return out;
}

}  // namespace keel::sim
