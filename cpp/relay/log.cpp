#include "relay/log.hpp"

#include "relay/json_object.hpp"
#include "relay/metrics.hpp"
#include "wire/canonical.hpp"
#include "wire/tags.hpp"

namespace keel::relay {

namespace {

constexpr size_t kUsualLine = 1000;

}  // namespace

std::string request_log_line(const Answer& answer, const Trace& trace, int64_t began_unix_ns) {
  JsonObject out(kUsualLine);
  out.number("v", 1).text("id", trace.id).number("time", began_unix_ns);
  out.text_or_null("route", trace.route).text_or_null("tenant", trace.tenant);
  out.text("dialect", trace.dialect).flag("stream", trace.stream);
  out.text("model_asked", trace.model_asked).number("tokens_in_est", trace.tokens_in_estimate);
  out.number_or_null("max_tokens", trace.max_tokens);
  trace.allowed ? out.ms("deadline_ms", *trace.allowed) : out.null("deadline_ms");
  out.text_or_null("cache", trace.cache).text("outcome", outcome_of(answer));
  out.number("http_status", answer.status).ms("total_ms", elapsed(trace.began, trace.ended));
  out.ms_between("ttft_ms", trace.began, trace.first_token);
  out.number("cost_nano_usd", answer.cost.value).text_or_null("downgraded", answer.downgraded);
  out.text_or_null("identity", trace.identity);
  out.raw("tags", trace.tags.empty() ? "null" : std::string_view(trace.tags));
  return out.raw("attempts", trace.attempts_json()).take();
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
  return wire::fingerprint_of(request.tenant, request.facts.operation, request.facts.model, form);
}

std::string log_tags(const Request& request) {
  return wire::tags_json(request.tags, request.facts, request.body.view());
}

LogLevel level_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::budget_exhausted:
    case Notice::Kind::key_dead:
    case Notice::Kind::policy_failed:
      return LogLevel::error;
    case Notice::Kind::budget_alert:
    case Notice::Kind::cache_only_began:
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
  JsonObject out;
  out.number("v", 1).number("time", unix_ns).text("level", name_of(level));
  out.text("event", name_of(notice.kind)).text("subject", notice.subject);
  return out.text("text", notice.text).take();
}

}  // namespace keel::relay
