#include "sim/results.hpp"

#include "relay/metrics.hpp"

#include <algorithm>
#include <limits>

namespace keel::sim {

namespace {

constexpr std::array<std::string_view, kOutcomeCount> kOutcomes = {
    "ok",       "cached",         "rejected", "rate_limited", "budget",         "no_target",
    "deadline", "upstream_error", "cut",      "cancelled",    "client_timeout", "left"};
constexpr size_t kHappeningsKept = 5'000;

double seconds_of(std::optional<Instant> at) {
  return at ? static_cast<double>(at->ns) / 1e9 : std::numeric_limits<double>::quiet_NaN();
}

bool is_good(UserOutcome outcome) {
  return outcome == UserOutcome::ok || outcome == UserOutcome::cached;
}

std::vector<std::string> sorted_by_code(const std::unordered_map<std::string, int32_t>& codes) {
  std::vector<std::string> out(codes.size());
  for (const auto& [name, code] : codes) out[static_cast<size_t>(code)] = name;
  return out;
}

}  // namespace

std::string_view name_of(UserOutcome outcome) {
  return kOutcomes[static_cast<size_t>(outcome)];
}

UserOutcome user_outcome_of(const relay::Answer& answer) {
  const std::string_view name = relay::outcome_of(answer);
  const auto found = std::find(kOutcomes.begin(), kOutcomes.end(), name);
  return static_cast<UserOutcome>(found - kOutcomes.begin());
}

Results::Results(std::shared_ptr<const relay::Config> config, bool tables)
    : config_(std::move(config)), tables_(tables), targets_(config_->targets.size()) {}

void Results::asked(Instant now) {
  ++asked_;
  ++series_.at(now).asked;
}

void Results::called(bool is_retry, Instant now) {
  Bucket& bucket = series_.at(now);
  ++calls_;
  ++bucket.calls;
  client_retries_ += is_retry ? 1 : 0;
  bucket.client_retries += is_retry ? 1 : 0;
}

void Results::told(const Told& told, const Arrival& asks, const relay::Answer& answer,
                   Instant now) {
  ++call_outcomes_[static_cast<size_t>(told.outcome)];
  spent(answer, told.true_bill, now);
  series_.at(now).cached += answer.cached ? 1 : 0;
  const std::string& look = answer.trace->cache;
  looked_up_ += look == "hit" || look == "miss" || look == "joined" || look == "stale" ? 1 : 0;
  hits_ += answer.cached && look == "hit" ? 1 : 0;
  joined_ += answer.cached && look == "joined" ? 1 : 0;
  stale_ += answer.cached && look == "stale" ? 1 : 0;
  downgraded_ += answer.downgraded.empty() ? 0 : 1;
  clamped_ += answer.clamped ? 1 : 0;
  if (answer.trace->first_token)
    first_token_.add(elapsed(told.first_arrived, *answer.trace->first_token));
  if (told.last) concluded(told.outcome, told.first_arrived, now);
  if (tables_) add_rows(told, asks, answer, now);
}

void Results::refreshed(const relay::Answer& answer, NanoUsd true_bill, Instant now) {
  ++refreshes_;
  spent(answer, true_bill, now);
}

void Results::spent(const relay::Answer& answer, NanoUsd true_bill, Instant now) {
  Bucket& bucket = series_.at(now);
  sends_ += static_cast<uint64_t>(answer.sends);
  tries_ += static_cast<uint64_t>(answer.tries);
  bucket.sends += static_cast<uint64_t>(answer.sends);
  bucket.posted += answer.cost;
  bucket.true_bill += true_bill;
  posted_ += answer.cost;
  if (true_bill > answer.cost) unposted_ += true_bill - answer.cost;
  count_attempts(answer);
}

void Results::count_attempts(const relay::Answer& answer) {
  const relay::AttemptRecord* before = nullptr;
  for (const relay::AttemptRecord& record : answer.trace->attempts) {
    PerTarget& target = targets_[record.target];
    ++target.attempts;
    target.sends += record.sent ? 1 : 0;
    ++target.classes[static_cast<size_t>(record.cls)];
    target.posted += record.posted;
    if (record.usage) {
      target.tokens_in += record.usage->in;
      target.tokens_out += record.usage->out;
    }
    if (record.cls == Class::ok) {
      ++target.answers;
      target.took.add(elapsed(record.started, record.ended));
    }
    if (record.posted > record.held) overrun_ += record.posted - record.held;
    estimated_ += record.estimated ? 1 : 0;
    if (before) ++(before->target == record.target ? retries_ : failovers_);
    before = &record;
  }
}

void Results::concluded(UserOutcome outcome, Instant first_arrived, Instant now) {
  Bucket& bucket = series_.at(now);
  ++concluded_;
  ++outcomes_[static_cast<size_t>(outcome)];
  if (outcome == UserOutcome::left) {
    ++bucket.left;
  } else if (!is_good(outcome)) {
    ++bucket.failed;
  } else {
    const Duration took = elapsed(first_arrived, now);
    ++bucket.answered;
    bucket.add_latency(took);
    latency_.add(took);
  }
}

void Results::noticed(const relay::Notice& notice, Instant now) {
  ++happened_[static_cast<size_t>(notice.kind)];
  if (happenings_.size() < kHappeningsKept) happenings_.push_back({now, notice});
}

int32_t Results::code(std::unordered_map<std::string, int32_t>& codes, const std::string& name) {
  if (name.empty()) return -1;
  return codes.emplace(name, static_cast<int32_t>(codes.size())).first->second;
}

void Results::add_rows(const Told& told, const Arrival& asks, const relay::Answer& answer,
                       Instant now) {
  RequestTable& to = requests_;
  const relay::Trace& trace = *answer.trace;
  to.call.push_back(static_cast<int64_t>(told.call));
  to.request.push_back(static_cast<int64_t>(told.request));
  to.client_try.push_back(told.client_try);
  to.arrived.push_back(seconds_of(told.arrived));
  to.first_token.push_back(seconds_of(trace.first_token));
  to.ended.push_back(seconds_of(now));
  to.outcome.push_back(static_cast<uint8_t>(told.outcome));
  to.status.push_back(answer.status);
  to.route.push_back(code(route_codes_, trace.route));
  to.target.push_back(answer.from_target ? static_cast<int32_t>(answer.target) : -1);
  to.model.push_back(code(model_codes_, asks.model));
  to.tenant.push_back(code(tenant_codes_, asks.tenant));
  to.sends.push_back(answer.sends);
  to.tries.push_back(answer.tries);
  const bool counted = !trace.attempts.empty() && trace.attempts.back().usage && !answer.cached;
  to.tokens_in.push_back(counted ? trace.attempts.back().usage->in : -1);
  to.tokens_out.push_back(counted ? trace.attempts.back().usage->out : -1);
  to.cost.push_back(answer.cost.value);
  to.true_bill.push_back(told.true_bill.value);
  to.stream.push_back(asks.stream ? 1 : 0);
  to.cached.push_back(answer.cached ? 1 : 0);
  to.downgraded.push_back(answer.downgraded.empty() ? 0 : 1);
  to.last.push_back(told.last ? 1 : 0);
  to.identity.push_back(static_cast<int64_t>(asks.identity));
  for (const relay::AttemptRecord& record : trace.attempts) {
    attempts_.call.push_back(static_cast<int64_t>(told.call));
    attempts_.attempt.push_back(static_cast<int64_t>(record.id));
    attempts_.target.push_back(static_cast<int32_t>(record.target));
    attempts_.started.push_back(seconds_of(record.started));
    attempts_.sent.push_back(seconds_of(record.sent));
    attempts_.first_token.push_back(seconds_of(record.first_token));
    attempts_.ended.push_back(seconds_of(record.ended));
    attempts_.verdict.push_back(static_cast<uint8_t>(record.cls));
    attempts_.status.push_back(record.status);
    attempts_.billed.push_back(static_cast<uint8_t>(record.billed));
    attempts_.tokens_in.push_back(record.usage ? record.usage->in : -1);
    attempts_.tokens_out.push_back(record.usage ? record.usage->out : -1);
    attempts_.held.push_back(record.held.value);
    attempts_.posted.push_back(record.posted.value);
    attempts_.estimated.push_back(record.estimated ? 1 : 0);
    attempts_.free.push_back(record.free ? 1 : 0);
  }
}

Names Results::names() const {
  Names out;
  out.outcomes.assign(kOutcomes.begin(), kOutcomes.end());
  for (int i = 0; i < kClassCount; ++i)
    out.verdicts.emplace_back(keel::name_of(static_cast<Class>(i)));
  for (Billed billed : {Billed::no, Billed::yes, Billed::maybe})
    out.billed.emplace_back(keel::name_of(billed));
  for (const relay::TargetConfig& target : config_->targets) out.targets.push_back(target.name);
  out.routes = sorted_by_code(route_codes_);
  out.models = sorted_by_code(model_codes_);
  out.tenants = sorted_by_code(tenant_codes_);
  return out;
}

}  // namespace keel::sim
