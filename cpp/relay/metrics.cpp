#include "relay/metrics.hpp"

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "relay/gauges.hpp"

#include <algorithm>
#include <initializer_list>

namespace keel::relay {

namespace {

// A series that may count is shown from the start at 0: a rate misses the first event otherwise.
constexpr std::array<std::string_view, 9> kOutcomes = {
    "ok",        "cached",   "rejected",       "rate_limited", "budget",
    "no_target", "deadline", "upstream_error", "cancelled"};
constexpr std::array<std::string_view, 3> kCacheResults = {"hit", "miss", "bypass"};

Labels labels_of(const Config& config, TargetIndex index) {
  const TargetConfig& target = config.targets[index];
  const ProviderConfig& provider = config.providers[target.provider];
  return {{"provider", provider.name}, {"model", provider.models[target.model].name}};
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

void render_counts(Exposition& out, std::string_view label,
                   const std::map<std::string, uint64_t>& counts) {
  for (const auto& [value, count] : counts) out.sample({{label, value}}, count);
}

}  // namespace

std::string_view outcome_of(const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::ok:
      return answer.cached ? "cached" : "ok";
    case AnswerKind::invalid_request:
    case AnswerKind::unknown_model:
    case AnswerKind::unknown_tenant:
    case AnswerKind::account_frozen:
    case AnswerKind::request_too_large:
    case AnswerKind::policy_refused:
      return "rejected";
    case AnswerKind::rate_limited:
      return "rate_limited";
    case AnswerKind::budget_exceeded:
      return "budget";
    case AnswerKind::no_target:
      return "no_target";
    case AnswerKind::deadline_exceeded:
      return "deadline";
    case AnswerKind::upstream_error:
    case AnswerKind::stream_interrupted:
      return "upstream_error";
    case AnswerKind::cancelled:
      return "cancelled";
  }
  return "rejected";
}

void Histogram::add(Duration value) {
  const double s = value.seconds();
  const auto edge = std::lower_bound(kEdges_s.begin(), kEdges_s.end(), s);
  ++counts_[static_cast<size_t>(edge - kEdges_s.begin())];
  sum_s_ += s;
}

void Histogram::render(Exposition& out, const Labels& labels) const {
  uint64_t so_far = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    so_far += counts_[i];
    const std::string edge = i < kEdges_s.size() ? decimal_text(kEdges_s[i]) : "+Inf";
    out.part("_bucket", with(labels, "le", edge), so_far);
  }
  out.part("_sum", labels, sum_s_);
  out.part("_count", labels, so_far);
}

Metrics::Metrics(const Config& config)
    : config_(config),
      verdicts_(config.targets.size()),
      attempt_duration_(config.targets.size()),
      retries_(config.targets.size()),
      transitions_(config.targets.size()) {
  for (const RouteConfig& route : config.routes) {
    Counted& counted = routes_[route.name];
    for (std::string_view outcome : kOutcomes) counted.by_outcome.emplace(outcome, 0);
    if (!route.cache) continue;
    for (std::string_view result : kCacheResults) cache_.emplace(result, 0);
  }
  for (const AccountConfig& account : config.accounts)
    if (account.limits.any()) rate_limited_.emplace(account.name, 0);
}

void Metrics::request(const std::string& route, const Answer& answer, Duration took) {
  Counted& counted = routes_[route];
  ++counted.by_outcome[std::string(outcome_of(answer))];
  counted.duration.add(took);
}

void Metrics::attempt(const AttemptRecord& record) {
  ++verdicts_[record.target][static_cast<size_t>(record.cls)];
  attempt_duration_[record.target].add(elapsed(record.started, record.ended));
  if (record.sent) ++postings_;
  cost_ += record.posted;
  if (!record.usage) return;
  tokens_in_ += std::max<int64_t>(record.usage->in, 0);
  tokens_out_ += std::max<int64_t>(record.usage->out, 0);
}

void Metrics::render_requests(Exposition& out) const {
  out.family("keel_requests_total", "counter",
             "Requests answered, by route (empty: refused before one was found) and outcome.");
  for (const auto& [route, counted] : routes_)
    for (const auto& [outcome, count] : counted.by_outcome)
      out.sample({{"route", route}, {"outcome", outcome}}, count);
  out.family("keel_request_duration_seconds", "histogram",
             "From a request's arrival to its answer.");
  for (const auto& [route, counted] : routes_) counted.duration.render(out, {{"route", route}});
}

void Metrics::render_attempts(Exposition& out) const {
  const auto targets = static_cast<TargetIndex>(config_.targets.size());
  out.family("keel_attempts_total", "counter", "Attempts ended, by target and what came of them.");
  for (TargetIndex i = 0; i < targets; ++i)
    for (int c = 0; c < kClassCount; ++c)
      out.sample(with(labels_of(config_, i), "verdict", name_of(static_cast<Class>(c))),
                 verdicts_[i][static_cast<size_t>(c)]);
  out.family("keel_attempt_duration_seconds", "histogram", "From an attempt's start to its end.");
  for (TargetIndex i = 0; i < targets; ++i) attempt_duration_[i].render(out, labels_of(config_, i));
  out.family("keel_retries_total", "counter",
             "Attempts at a target that the request tried before.");
  for (TargetIndex i = 0; i < targets; ++i) out.sample(labels_of(config_, i), retries_[i]);
  out.family("keel_failovers_total", "counter", "Attempts that went on from another target.");
  for (const auto& [pair, count] : failovers_)
    out.sample(
        {{"from", config_.targets[pair.first].name}, {"to", config_.targets[pair.second].name}},
        count);
  out.family("keel_breaker_transitions_total", "counter", "Changes of a target's breaker state.");
  for (TargetIndex i = 0; i < targets; ++i) out.sample(labels_of(config_, i), transitions_[i]);
}

void Metrics::render_totals(Exposition& out) const {
  out.family("keel_tokens_total", "counter", "Tokens as the providers counted them.");
  out.sample({{"direction", "in"}}, tokens_in_);
  out.sample({{"direction", "out"}}, tokens_out_);
  out.family("keel_cost_usd_total", "counter", "Money posted, in US dollars.");
  out.sample({}, to_usd_text(cost_));
  out.family("keel_cache_requests_total", "counter",
             "Look-ups in the exact cache, on routes that have one.");
  render_counts(out, "result", cache_);
  out.family("keel_rate_limited_total", "counter",
             "Requests refused by an account's limit (the relay's own account or a tenant's).");
  render_counts(out, "account", rate_limited_);
  out.family("keel_policy_errors_total", "counter",
             "Answers of a policy that could not be used, so that the default was.");
  render_counts(out, "policy", policy_errors_);
}

std::string Metrics::render(const Engines& engines, Instant now) const {
  Exposition out;
  out.family("keel_build_info", "gauge", "1; the version is the label.");
  out.sample({{"version", KEEL_VERSION}}, uint64_t{1});
  render_requests(out);
  render_attempts(out);
  render_totals(out);
  render_gauges(out, engines, now);
  return out.take();
}

}  // namespace keel::relay
