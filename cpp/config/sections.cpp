#include "config/listen.hpp"
#include "config/parts.hpp"
#include "config/url.hpp"
#include "config/values.hpp"

namespace keel::relay {

namespace {

constexpr Duration kTick = milliseconds(1);
constexpr Duration kDay = hours(24);

// A share of 0 to 1, or `off`: above 1 no share reaches it.
void read_share(Section& section, std::string_view name, double& out) {
  auto value = section.get(name);
  if (!value) return;
  if (value->is_text() && value->node().Scalar() == "off") {
    out = 2.0;
  } else {
    out = value->number(0.01, 1).value_or(out);
  }
}

void read_retry_budget(Section& section, std::string_view name, engine::RetryBudgetSettings& out) {
  auto value = section.get(name);
  if (!value) return;
  Section budget(*value);
  budget.read("ratio", out.ratio, 0, 100);
  budget.read("floor", out.floor, 0, 1'000'000);
  budget.read("window", out.window, seconds(1), hours(1));
  budget.finish();
}

}  // namespace

void read_limits(const Value& value, Limits& limits) {
  Section section(value);
  section.read("requests_per_minute", limits.requests_per_minute, 0, kMostTokens);
  section.read("tokens_per_minute", limits.tokens_per_minute, 0, kMostTokens);
  section.read("concurrency", limits.concurrency, 0, 1'000'000);
  section.finish();
}

void read_breaker(const Value& value, Config& config) {
  engine::BreakerSettings& breaker = config.breaker;
  Section section(value);
  config.breaker_consecutive_named = section.get("consecutive").has_value();
  section.read("consecutive", breaker.consecutive, 0, 10'000);
  read_share(section, "failure_rate", breaker.failure_rate);
  read_share(section, "slow_rate", breaker.slow_rate);
  section.read("min_requests", breaker.min_requests, 1, 1'000'000);
  section.read("window", breaker.window, seconds(1), hours(1));
  section.read("open", breaker.open, kTick, kDay);
  section.read("open_max", breaker.open_max, kTick, kDay);
  section.read("jitter", breaker.jitter, 0, 1);
  section.read("close_after", breaker.close_after, 1, 1'000);
  section.read("ramp", breaker.ramp);
  section.read("half_open_in_flight", breaker.half_open_in_flight, 1, 1'000);
  section.finish();
  if (breaker.open_max < breaker.open) {
    value.problem("open_max is shorter than open, wanted it as long or longer");
  }
}

void read_health_check(const Value& value, HealthCheckConfig& health_check) {
  Section section(value);
  section.read("interval", health_check.interval, Duration::zero(), kDay);
  section.read("timeout", health_check.timeout, kTick, minutes(1));
  section.finish();
}

void read_cache(const Value& value, engine::CacheSettings& cache) {
  constexpr int64_t kTerabyte = int64_t{1} << 40;
  Section section(value);
  section.read_size("max_bytes", cache.max_bytes, 0, kTerabyte);
  section.read_size("max_entry_bytes", cache.max_entry_bytes, 0, kTerabyte);
  section.finish();
}

void read_retry(const Value& value, RetryConfig& retry) {
  Section section(value);
  section.read("max_attempts", retry.max_attempts, 1, 100);
  section.read("scale", retry.backoff.scale, Duration::zero(), kLongestWait);
  section.read("throttled_scale", retry.backoff.throttled_scale, Duration::zero(), kLongestWait);
  section.read("cap", retry.backoff.cap, Duration::zero(), kLongestWait);
  section.read("jitter", retry.backoff.jitter);
  section.read("retry_silent", retry.retry_silent);
  read_retry_budget(section, "budget", retry.retry_budget);
  read_retry_budget(section, "extra_sends", retry.extra_sends);
  section.finish();
}

std::optional<LogLevel> read_log_level(const Value& value) {
  auto level = value.choice({"debug", "info", "warning", "error", "off"});
  if (!level) return std::nullopt;
  return static_cast<LogLevel>(*level);
}

void read_metrics_endpoint(const Value& value, Config& config) {
  auto text = value.text();
  if (!text) return;
  auto url = check_base_url(*text, true);
  if (!url) {
    value.wanted("a URL such as http://localhost:9090/metrics");
    return;
  }
  config.metrics_endpoint = *url;
  if (!metrics_listener(config)) {
    value.reading().note(value.path() +
                         ": no http:// URL on this machine with a port, so metrics are on the "
                         "client port only");
  }
}

void read_observability(const Value& value, Config& config) {
  Section section(value);
  if (auto level = section.get("log_level")) {
    config.log_level = read_log_level(*level).value_or(config.log_level);
  }
  if (auto endpoint = section.get_unless_null("metrics_endpoint")) {
    read_metrics_endpoint(*endpoint, config);
  }
  int64_t traces = static_cast<int64_t>(config.traces_kept);
  section.read("traces_kept", traces, 0, 10'000'000);
  config.traces_kept = static_cast<size_t>(traces);
  section.finish();
}

void read_request_log(const Value& value, Config& config) {
  Section section(value);
  if (auto path = section.get_unless_null("path")) {
    config.request_log_path = path->text().value_or("");
  }
  bool bodies = false;
  section.read("bodies", bodies);
  if (bodies) {
    value.reading().note(path_below(value.path(), "bodies") +
                         ": read, not used by this version (no bodies are logged)");
  }
  section.finish();
}

}  // namespace keel::relay
