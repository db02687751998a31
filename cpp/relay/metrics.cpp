#include "relay/metrics.hpp"

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "relay/gauges.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace keel::relay {

namespace {

template <size_t N>
size_t place_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
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
      return "upstream_error";
    case AnswerKind::stream_interrupted:
      return "cut";
    case AnswerKind::cancelled:
      return "cancelled";
  }
  return "rejected";
}

Metrics::Metrics(const Config& config) : counters_(std::make_shared<Counters>()) {
  find_places(config);
}

void Metrics::join(const Metrics& before, const Config& config) {
  counters_ = before.counters_;
  find_places(config);
}

void Metrics::find_places(const Config& config) {
  routes_.clear(), targets_.clear(), accounts_.clear();
  for (const RouteConfig& route : config.routes) {
    routes_.push_back(counters_->route(route.name));
    counters_->routes[routes_.back()].hedging |= route.hedge.has_value();
    counters_->caches |= route.cache.has_value();
    counters_->refreshing |= route.cache && route.cache->stale_while_revalidate > Duration::zero();
  }
  for (const TargetConfig& target : config.targets) {
    const ProviderConfig& provider = config.providers[target.provider];
    targets_.push_back(counters_->target(provider.name, provider.models[target.model].name));
  }
  for (const AccountConfig& account : config.accounts) {
    accounts_.push_back(counters_->account(account.name));
    counters_->accounts[accounts_.back()].limited |= account.limits.any();
  }
}

void Metrics::request(RouteIndex route, const Answer& answer, Duration took) {
  const Counters::Place place = route == kNoRoute ? counters_->route("") : routes_[route];
  Counters::Route& counted = counters_->routes[place];
  ++counted.outcomes[place_of(Counters::kOutcomes, outcome_of(answer))];
  if (answer.kind == AnswerKind::ok && !answer.downgraded.empty()) ++counted.downgrades;
  counted.duration.add(took);
}

void Metrics::attempt(const AttemptRecord& record) {
  Counters::Target& target = of(record.target);
  ++target.verdicts[static_cast<size_t>(record.cls)];
  target.duration.add(elapsed(record.started, record.ended));
  if (record.sent) ++counters_->postings;
  counters_->cost += record.posted;
  if (!record.usage) return;
  counters_->tokens_in += std::max<int64_t>(record.usage->in, 0);
  counters_->tokens_out += std::max<int64_t>(record.usage->out, 0);
}

void Metrics::cache(std::string_view result) {
  const size_t place = place_of(Counters::kCacheResults, result);
  if (place < counters_->cache.size()) ++counters_->cache[place];
}

uint64_t Metrics::violations() const {
  return std::accumulate(counters_->violations.begin(), counters_->violations.end(), uint64_t{0});
}

void Metrics::policy_error(std::string_view id) {
  auto found = counters_->policy_errors.find(id);
  if (found == counters_->policy_errors.end())
    found = counters_->policy_errors.emplace(id, 0).first;
  ++found->second;
}

std::function<void(Duration)> Metrics::decisions_of(std::string_view id) {
  return [counters = counters_, place = counters_->policy(id)](Duration took) {
    counters->policies[place].decision.add(took);
  };
}

std::string Metrics::render(const Engines& engines, Instant now) const {
  Exposition out;
  out.family("keel_build_info", "gauge", "1; the version is the label.");
  out.sample({{"version", KEEL_VERSION}}, uint64_t{1});
  counters_->render(out);
  render_gauges(out, engines, now);
  return out.take();
}

}  // namespace keel::relay
