#include "server/reply_head.hpp"

#include "base/decimal.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace keel::server {

namespace {

std::string milliseconds_text(Duration d) {
  std::string text;
  append_decimal(text, (std::max<int64_t>(d.ns, 0) + 500) / 1'000, 3);
  return text;
}

void add_target(const relay::Config& config, TargetIndex target, int sends, http::Fields& out) {
  if (target < config.targets.size())
    out.emplace_back("x-keel-target", config.targets[target].name);
  out.emplace_back("x-keel-attempts", std::to_string(sends));
}

void add_cache(std::string_view cache, Duration age, http::Fields& out) {
  if (!cache.empty()) out.emplace_back("x-keel-cache", cache);
  if (cache == "hit" || cache == "stale")
    out.emplace_back("age", std::to_string(age.ns / seconds(1).ns));
}

void add_changes(const std::string& downgraded, std::optional<int64_t> clamped, http::Fields& out) {
  if (!downgraded.empty()) out.emplace_back("x-keel-downgraded", downgraded);
  if (clamped) out.emplace_back("x-keel-clamped", std::to_string(*clamped));
}

// What is left of one limit. Units of the limit; `reset` until all of it is free.
struct Left {
  int64_t limit = 0;
  double share = 1;
  int64_t remaining = 0;
  Duration reset;
};

Left left_of(const engine::RateLimiter& limiter, Instant now) {
  const engine::Quota& quota = limiter.quota();
  const double room = static_cast<double>(quota.burst) + 1;
  Left left;
  left.limit = quota.limit;
  left.share = limiter.share_left(now);
  left.remaining = static_cast<int64_t>(std::floor(left.share * room));
  left.reset = scaled(quota.period, (1 - left.share) * room / static_cast<double>(quota.limit));
  return left;
}

void keep_tightest(std::optional<Left>& tightest,
                   const std::shared_ptr<engine::RateLimiter>& limiter, Instant now) {
  if (!limiter) return;
  Left left = left_of(*limiter, now);
  if (!tightest || left.share < tightest->share) tightest = left;
}

// Ours take the place of a provider's.
struct LimitNames {
  std::string_view end, limit, remaining, reset;
};
constexpr LimitNames kRequests{"-requests", "x-ratelimit-limit-requests",
                               "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"};
constexpr LimitNames kTokens{"-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                             "x-ratelimit-reset-tokens"};

void add_limit(const LimitNames& names, const Left& left, http::Fields& out) {
  std::erase_if(out, [&](const auto& field) {
    return field.first.starts_with("x-ratelimit-") && field.first.ends_with(names.end);
  });
  out.emplace_back(names.limit, std::to_string(left.limit));
  out.emplace_back(names.remaining, std::to_string(left.remaining));
  out.emplace_back(names.reset, std::to_string((left.reset.ns + 999'999) / 1'000'000) + "ms");
}

}  // namespace

std::string retry_after_text(Duration delay) {
  const int64_t second = seconds(1).ns;
  const int64_t whole = delay.ns / second + (delay.ns % second > 0 ? 1 : 0);
  return std::to_string(std::max<int64_t>(whole, 0));
}

Duration overhead_of(const relay::Trace& trace, Instant came, Instant now) {
  if (trace.attempts.empty()) return elapsed(came, now) - trace.waited;
  Instant first = trace.attempts.front().started;  // settled first; a hedge may have begun later
  for (const relay::AttemptRecord& attempt : trace.attempts)
    first = std::min(first, attempt.started);
  return elapsed(came, first) - trace.waited + elapsed(trace.attempts.back().ended, now);
}

void add_answer_fields(const relay::Config& config, const relay::Answer& answer, Duration overhead,
                       http::Fields& out) {
  if (answer.from_target) {
    add_target(config, answer.target, answer.sends, out);
  } else {
    out.emplace_back("x-keel-attempts", std::to_string(answer.sends));
  }
  add_cache(answer.trace ? std::string_view(answer.trace->cache) : "", answer.age, out);
  if (answer.cost.value > 0 || answer.kind == relay::AnswerKind::ok)
    out.emplace_back("x-keel-cost-usd", to_usd_text(answer.cost));
  add_changes(answer.downgraded, answer.clamped, out);
  out.emplace_back("x-keel-overhead-ms", milliseconds_text(overhead));
  if (answer.retry_after) out.emplace_back("retry-after", retry_after_text(*answer.retry_after));
  if (answer.should_retry)
    out.emplace_back("x-should-retry", *answer.should_retry ? "true" : "false");
  out.insert(out.end(), answer.fields.begin(), answer.fields.end());
}

void add_stream_fields(const relay::Config& config, const relay::StreamHead& head,
                       http::Fields& out) {
  add_target(config, head.target, head.sends, out);
  add_cache(head.cache, head.age, out);
  add_changes(head.downgraded, head.clamped, out);
  out.insert(out.end(), head.fields.begin(), head.fields.end());
}

void add_limits(const relay::Engines& engines, const std::string& tenant, Instant now,
                http::Fields& out) {
  AccountIndex account = 0;
  if (auto found = engines.account_by_name.find(tenant);
      !tenant.empty() && found != engines.account_by_name.end())
    account = found->second;
  std::optional<Left> requests, tokens;
  for (;;) {
    keep_tightest(requests, engines.accounts[account].limits.requests, now);
    keep_tightest(tokens, engines.accounts[account].limits.tokens, now);
    if (account == 0) break;
    account = engines.config->accounts[account].parent.value_or(0);
  }
  if (requests) add_limit(kRequests, *requests, out);
  if (tokens) add_limit(kTokens, *tokens, out);
}

}  // namespace keel::server
