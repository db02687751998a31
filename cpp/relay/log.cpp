#include "relay/log.hpp"

#include "relay/metrics.hpp"
#include "wire/canonical.hpp"
#include "wire/json_text.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

class Object {
 public:
  Object& raw(std::string_view name, std::string_view value) {
    if (out_.size() > 1) out_ += ',';
    out_.append("\"").append(name).append("\":").append(value);
    return *this;
  }
  Object& null(std::string_view name) { return raw(name, "null"); }
  Object& text(std::string_view name, std::string_view value) {
    return raw(name, wire::json_quote(value));
  }
  Object& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
  }
  Object& number(std::string_view name, int64_t value) { return raw(name, std::to_string(value)); }
  Object& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  // Milliseconds to the microsecond; never negative.
  Object& ms(std::string_view name, Duration value) {
    const int64_t us = std::max<int64_t>(value.ns, 0) / 1'000;
    std::string fraction = std::to_string(us % 1'000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return raw(name, std::to_string(us / 1'000) + "." + fraction);
  }
  std::string take() { return std::move(out_ += '}'); }

 private:
  std::string out_ = "{";
};

std::string tokens(const Usage& usage) {
  Object out;
  out.number("in", usage.in).number("cached", usage.cached);
  out.number("cache_write", usage.cache_write).number("out", usage.out);
  return out.number("reasoning", usage.reasoning).take();
}

std::string attempt(const AttemptRecord& record, size_t n, const Trace& trace) {
  Object out;
  out.number("n", static_cast<int64_t>(n));
  out.text("provider", record.provider).text("model", record.model);
  out.text_or_null("key", record.key);
  out.ms("started_ms", elapsed(trace.began, record.started));
  out.null("ttft_ms").ms("total_ms", elapsed(record.started, record.ended));
  out.text("class", name_of(record.cls));
  record.status > 0 ? out.number("status", record.status) : out.null("status");
  out.text("billed", name_of(record.billed));
  record.usage ? out.raw("tokens", tokens(*record.usage)) : out.null("tokens");
  out.number("cost_nano_usd", record.posted.value);
  return out.flag("estimated", record.estimated).take();
}

std::string attempts(const Trace& trace) {
  std::string out = "[";
  for (size_t i = 0; i < trace.attempts.size(); ++i) {
    if (i > 0) out += ',';
    out += attempt(trace.attempts[i], i + 1, trace);
  }
  return out + ']';
}

}  // namespace

std::string request_log_line(const Answer& answer, const Trace& trace, int64_t began_unix_ns) {
  Object out;
  out.number("v", 1).text("id", trace.id).number("time", began_unix_ns);
  out.text_or_null("route", trace.route).text_or_null("tenant", trace.tenant);
  out.text("dialect", trace.dialect).flag("stream", trace.stream);
  out.text("model_asked", trace.model_asked).number("tokens_in_est", trace.tokens_in_estimate);
  trace.max_tokens ? out.number("max_tokens", *trace.max_tokens) : out.null("max_tokens");
  trace.allowed ? out.ms("deadline_ms", *trace.allowed) : out.null("deadline_ms");
  out.text_or_null("cache", trace.cache).text("outcome", outcome_of(answer));
  out.number("http_status", answer.status).ms("total_ms", elapsed(trace.began, trace.ended));
  out.null("ttft_ms").number("cost_nano_usd", answer.cost.value);
  out.text_or_null("downgraded", answer.downgraded).text_or_null("identity", trace.identity);
  return out.raw("attempts", attempts(trace)).take();
}

std::string log_identity(const Request& request, const Body& canonical) {
  std::string made;
  std::string_view form = canonical.view();
  if (!canonical) {
    Result<std::string> result = wire::canonical_request(request.body);
    if (!result) return {};
    made = std::move(*result);
    form = made;
  }
  return wire::identity_of(request.tenant, request.facts.operation, request.facts.model, form)
      .hex()
      .substr(0, 32);
}

LogLevel level_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::budget_exhausted:
    case Notice::Kind::key_dead:
    case Notice::Kind::policy_failed:
      return LogLevel::error;
    case Notice::Kind::budget_alert:
    case Notice::Kind::breaker:
    case Notice::Kind::key_benched:
    case Notice::Kind::overrun:
      return LogLevel::warning;
    case Notice::Kind::key_back:
    case Notice::Kind::downgrade_began:
    case Notice::Kind::downgrade_ended:
      return LogLevel::info;
  }
  return LogLevel::error;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      return "off";
  }
  return "unknown";
}

std::string notice_line(const Notice& notice, LogLevel level, int64_t unix_ns) {
  Object out;
  out.number("v", 1).number("time", unix_ns).text("level", name_of(level));
  out.text("event", name_of(notice.kind)).text("subject", notice.subject);
  return out.text("text", notice.text).take();
}

}  // namespace keel::relay
