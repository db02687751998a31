// A trace as JSON: what GET /v1/requests/{id}/trace answers, and the attempts of a log line.

#include "relay/json_object.hpp"
#include "relay/trace.hpp"

namespace keel::relay {

namespace {

std::string tokens(const Usage& usage) {
  JsonObject out;
  out.number("in", usage.in).number("cached", usage.cached);
  out.number("cache_write", usage.cache_write).number("out", usage.out);
  return out.number("reasoning", usage.reasoning).take();
}

constexpr size_t kUsualAttempt = 400;

std::string attempt(const AttemptRecord& record, size_t n, const Trace& trace) {
  JsonObject out(kUsualAttempt);
  out.number("n", static_cast<int64_t>(n));
  out.text("provider", record.provider).text("model", record.model);
  out.text_or_null("key", record.key);
  out.ms("started_ms", elapsed(trace.began, record.started));
  out.ms_between("ttft_ms", record.started, record.first_token);
  out.ms("total_ms", elapsed(record.started, record.ended));
  out.text("class", name_of(record.cls));
  record.status > 0 ? out.number("status", record.status) : out.null("status");
  out.text("billed", name_of(record.billed));
  record.usage ? out.raw("tokens", tokens(*record.usage)) : out.null("tokens");
  out.number("cost_nano_usd", record.posted.value);
  out.flag("estimated", record.estimated);
  if (record.hedge) out.flag("hedge", true);
  if (record.free) out.flag("free", true);
  return out.take();
}

std::string lines_of(const Trace& trace) {
  std::string out = "[";
  for (const TraceLine& line : trace.lines) {
    if (out.size() > 1) out += ',';
    JsonObject one;
    one.ms("at_ms", elapsed(trace.began, line.at)).text("stage", name_of(line.stage));
    out += one.text("text", line.text).take();
  }
  return out + ']';
}

std::string choices_of(const Trace& trace) {
  std::string out = "[";
  for (const Choice& choice : trace.choices) {
    if (out.size() > 1) out += ',';
    out += json_of(choice, *trace.names, trace.began);
  }
  return out + ']';
}

}  // namespace

std::string Trace::attempts_json() const {
  std::string out = "[";
  for (size_t i = 0; i < attempts.size(); ++i) {
    if (i > 0) out += ',';
    out += attempt(attempts[i], i + 1, *this);
  }
  return out + ']';
}

std::string Trace::to_json() const {
  JsonObject out;
  out.text("id", id).text_or_null("route", route).text_or_null("tenant", tenant);
  out.text("model_asked", model_asked).text("dialect", dialect).flag("stream", stream);
  out.number("tokens_in_est", tokens_in_estimate).number_or_null("max_tokens", max_tokens);
  allowed ? out.ms("deadline_ms", *allowed) : out.null("deadline_ms");
  out.text_or_null("cache", cache).ms("total_ms", elapsed(began, ended));
  out.ms_between("ttft_ms", began, first_token);
  out.ms("waited_ms", waited).ms("paused_ms", paused);
  out.raw("lines", lines_of(*this)).raw("choices", choices_of(*this));
  return out.raw("attempts", attempts_json()).take();
}

}  // namespace keel::relay
