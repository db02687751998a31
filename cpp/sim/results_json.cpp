// The summary of a run as JSON: names, numbers, and arrays for what is plotted.

#include "sim/results.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

namespace keel::sim {

namespace {

using Json = nlohmann::ordered_json;

double ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json quantiles_of(const DurationQuantiles& from) {
  return {{"count", from.count()},          {"mean", from.mean_s()},
          {"p50", from.quantile_s(0.5)},    {"p90", from.quantile_s(0.9)},
          {"p95", from.quantile_s(0.95)},   {"p99", from.quantile_s(0.99)},
          {"p999", from.quantile_s(0.999)}, {"max", from.most().seconds()}};
}

Json counts_of(const std::array<uint64_t, kOutcomeCount>& counts) {
  Json out = Json::object();
  for (size_t i = 0; i < counts.size(); ++i)
    out[std::string(name_of(static_cast<UserOutcome>(i)))] = counts[i];
  return out;
}

Json series_of(const Series& series) {
  Json out = {{"bucket_s", series.width().seconds()}};
  auto column = [&](const char* name, auto value) {
    Json& list = out[name] = Json::array();
    for (const Bucket& bucket : series.buckets()) list.push_back(value(bucket));
  };
  column("asked", [](const Bucket& b) { return b.asked; });
  column("answered", [](const Bucket& b) { return b.answered; });
  column("failed", [](const Bucket& b) { return b.failed; });
  column("left", [](const Bucket& b) { return b.left; });
  column("calls", [](const Bucket& b) { return b.calls; });
  column("sends", [](const Bucket& b) { return b.sends; });
  column("client_retries", [](const Bucket& b) { return b.client_retries; });
  column("cached", [](const Bucket& b) { return b.cached; });
  column("posted_nano_usd", [](const Bucket& b) { return b.posted.value; });
  column("true_bill_nano_usd", [](const Bucket& b) { return b.true_bill.value; });
  column("latency_mean_s", [](const Bucket& b) {
    return b.answered == 0 ? 0 : b.latency_sum_s / static_cast<double>(b.answered);
  });
  column("latency_p50_s", [](const Bucket& b) { return b.latency_quantile_s(0.5); });
  column("latency_p99_s", [](const Bucket& b) { return b.latency_quantile_s(0.99); });
  return out;
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

Json Results::targets_json(const Ending& ending) const {
  uint64_t all_answers = 0;
  for (const PerTarget& target : targets_) all_answers += target.answers;
  Json targets = Json::array();
  for (size_t i = 0; i < targets_.size(); ++i) {
    const PerTarget& target = targets_[i];
    const relay::TargetConfig& config = config_->targets[i];
    Json verdicts = Json::object();
    for (int c = 0; c < kClassCount; ++c)
      if (target.classes[static_cast<size_t>(c)] > 0)
        verdicts[std::string(keel::name_of(static_cast<Class>(c)))] =
            target.classes[static_cast<size_t>(c)];
    const relay::ProviderConfig& provider = config_->providers[config.provider];
    targets.push_back({{"target", config.name},
                       {"provider", provider.name},
                       {"model", provider.models[config.model].name},
                       {"attempts", target.attempts},
                       {"sends", target.sends},
                       {"answers", target.answers},
                       {"share", ratio(target.answers, all_answers)},
                       {"verdicts", verdicts},
                       {"took_s", quantiles_of(target.took)},
                       {"tokens_in", target.tokens_in},
                       {"tokens_out", target.tokens_out},
                       {"posted_nano_usd", target.posted.value},
                       {"true_bill_nano_usd", ending.true_bills[i].value}});
  }
  return targets;
}

void Results::add_told(Json& out) const {
  Json& told = out["told"] = Json::array();
  for (const Happening& one : happenings_)
    told.push_back({{"at_s", static_cast<double>(one.at.ns) / 1e9},
                    {"kind", std::string(relay::name_of(one.notice.kind))},
                    {"subject", one.notice.subject},
                    {"text", one.notice.text}});
  Json& told_counts = out["told_counts"] = Json::object();
  for (size_t i = 0; i < happened_.size(); ++i)
    if (happened_[i] > 0)
      told_counts[std::string(relay::name_of(static_cast<relay::Notice::Kind>(i)))] = happened_[i];
}

std::string Results::json(const Ending& ending) const {
  const auto count = [&](UserOutcome outcome) { return outcomes_[static_cast<size_t>(outcome)]; };
  const uint64_t good = count(UserOutcome::ok) + count(UserOutcome::cached);
  const uint64_t judged = concluded_ - count(UserOutcome::left);
  const double length_s = static_cast<double>(ending.end.ns) / 1e9;
  Json out = {{"v", 1},
              {"seed", ending.seed},
              {"virtual_s", length_s},
              {"complete", !ending.cancelled},
              {"events", ending.events},
              {"fingerprint", hex(ending.fingerprint)}};
  out["requests"] = {{"asked", asked_},
                     {"answered", good},
                     {"failed", judged - good},
                     {"left", count(UserOutcome::left)},
                     {"availability", judged == 0 ? Json() : Json(ratio(good, judged))},
                     {"goodput_per_s", length_s > 0 ? static_cast<double>(good) / length_s : 0},
                     {"outcomes", counts_of(outcomes_)}};
  out["calls"] = {{"count", calls_},
                  {"client_retries", client_retries_},
                  {"outcomes", counts_of(call_outcomes_)}};
  out["sends"] = {{"count", sends_},
                  {"tries", tries_},
                  {"per_request", ratio(sends_, asked_)},
                  {"per_call", ratio(sends_, calls_)},
                  {"retries", retries_},
                  {"failovers", failovers_}};
  out["latency_s"] = quantiles_of(latency_);
  out["first_token_s"] = quantiles_of(first_token_);
  out["cache"] = {
      {"looked_up", looked_up_}, {"hits", hits_},
      {"joined", joined_},       {"stale", stale_},
      {"refreshes", refreshes_}, {"hit_rate", ratio(hits_ + joined_ + stale_, looked_up_)}};
  out["downgraded"] = downgraded_;
  out["clamped"] = clamped_;
  NanoUsd billed;
  for (NanoUsd one : ending.true_bills) billed += one;
  out["money"] = {{"posted_nano_usd", posted_.value},     {"true_bill_nano_usd", billed.value},
                  {"estimated_postings", estimated_},     {"overrun_nano_usd", overrun_.value},
                  {"unposted_nano_usd", unposted_.value}, {"overspend_nano_usd", overspend_.value}};
  out["targets"] = targets_json(ending);
  out["series"] = series_of(series_);
  add_told(out);
  out["unknown"] = ending.unknown;
  out["invariants"] = nullptr;
  if (ending.checks)
    out["invariants"] = {{"checks", *ending.checks}, {"violations", ending.violations}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace keel::sim
