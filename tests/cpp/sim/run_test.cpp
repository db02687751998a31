// Whole runs: the same Relay, a scenario, a workload, results.

#include "sim/run.hpp"

#include "sim/simulated.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

using Json = nlohmann::json;

const RunSettings kWatched{.seed = 1, .tables = true, .invariants = true};

TEST(Run, NothingAskedIsNothingDone) {
  Simulated run(kTwo, "", "{kind: poisson, rate: 0.001, duration: 1ms}", kWatched);
  EXPECT_EQ(run.asked(), 0u);
  EXPECT_TRUE(run.summary["requests"]["availability"].is_null());
  EXPECT_EQ(run.run.held(), 0u);
}

TEST(Run, ACalmDayIsAnsweredInTheTimeTheProvidersTake) {
  Simulated run(
      kTwo, "defaults: {connect: 10ms, ttft_p50: 300ms, ttft_spread: 0, tokens_per_second: 100}",
      "{kind: poisson, rate: 20, requests: 5000, tokens_in: 100, tokens_out: 50}", kWatched);
  EXPECT_EQ(run.asked(), 5'000u);
  EXPECT_EQ(run.availability(), 1.0);
  EXPECT_NEAR(run.summary["latency_s"]["p50"].get<double>(), 0.81, 0.01);
  EXPECT_NEAR(run.summary["latency_s"]["p99"].get<double>(), 0.81, 0.01);
  // 100 in at 1 USD and 50 out at 2 USD a million.
  EXPECT_EQ(run.summary["money"]["posted_nano_usd"], 5'000 * 200'000);
  EXPECT_EQ(run.summary["money"]["true_bill_nano_usd"], 5'000 * 200'000);
  EXPECT_EQ(run.summary["money"]["unposted_nano_usd"], 0);
  EXPECT_EQ(run.summary["sends"]["per_request"], 1.0);
  EXPECT_EQ(run.summary["targets"][0]["share"], 1.0) << "the second tier is not needed";
}

TEST(Run, TheSameSeedGivesTheSameBytes) {
  const std::string scenario =
      "{defaults: {errors: {503: 0.05, reset: 0.02, cut: 0.05, stall: 0.01}}, "
      "random_outages: {mean_between: 5m, mean_length: 20s, correlated: 0.3, kind: silence}, "
      "clients: {timeout: 20s, abandon: {share: 0.1, after: 5s}}}";
  const std::string workload =
      "{kind: poisson, rate: 5, requests: 3000, stream_share: 0.5, repeat_share: 0.3}";
  Simulated one(kTwo, scenario, workload, {.seed = 4}), same(kTwo, scenario, workload, {.seed = 4});
  Simulated other(kTwo, scenario, workload, {.seed = 5});
  EXPECT_EQ(one.text, same.text);
  EXPECT_NE(one.text, other.text);
  Simulated watched(kTwo, scenario, workload, {.seed = 4, .tables = true, .invariants = true});
  EXPECT_EQ(one.summary["fingerprint"], watched.summary["fingerprint"])
      << "looking at it changes nothing";
}

TEST(Run, AnOutageIsObeyedAndSurvived) {
  const std::string outage =
      "{providers: {north: {outages: [{from: 100s, to: 200s, kind: refused}]}}}";
  Simulated run(kTwo, outage, "{kind: poisson, rate: 10, duration: 300s}", kWatched);
  EXPECT_EQ(run.availability(), 1.0);
  const AttemptTable& rows = run.run.results().attempts();
  size_t north_within = 0;
  for (size_t i = 0; i < rows.call.size(); ++i) {
    const bool within = rows.started[i] >= 100 && rows.started[i] < 200;
    if (rows.target[i] != 0 || !within) continue;
    ++north_within;
    EXPECT_TRUE(std::isnan(rows.sent[i])) << "nothing can leave";
  }
  EXPECT_LT(north_within, 100u) << "its breaker opens";
  EXPECT_GT(run.summary["told_counts"]["breaker"], 1);
  Simulated alone(kOne, outage, "{kind: poisson, rate: 10, duration: 300s}", kWatched);
  EXPECT_LT(alone.availability(), 0.75);
  EXPECT_GT(alone.availability(), 0.6);
}

TEST(Run, AnOutageBreaksWhatIsUnderWay) {
  Simulated run(kOne,
                "{providers: {north: {ttft_p50: 20s, ttft_spread: 0, "
                "outages: [{from: 10s, to: 11s, kind: refused}]}}}",
                "{kind: closed_loop, clients: 4, think: 1ms, requests: 4}", kWatched);
  const AttemptTable& rows = run.run.results().attempts();
  size_t broken = 0;
  for (size_t i = 0; i < rows.call.size(); ++i)
    broken += std::abs(rows.ended[i] - 10) < 1e-6 ? 1 : 0;
  EXPECT_EQ(broken, 4u);
}

TEST(Run, CorrelatedOutagesTakeAllOfThemAtOnce) {
  const std::string load = "{kind: poisson, rate: 10, duration: 200s}";
  Simulated run(kTwo, "correlated: [{providers: [north, south], from: 50s, to: 150s, kind: 503}]",
                load, kWatched);
  EXPECT_LT(run.availability(), 0.6);
  const AttemptTable& rows = run.run.results().attempts();
  for (size_t i = 0; i < rows.call.size(); ++i) {
    if (rows.started[i] < 50 || rows.started[i] >= 150) continue;
    EXPECT_EQ(rows.status[i], 503);
  }
}

TEST(Run, CapacityIsRefusedHonestly) {
  Simulated run(kOne, "{providers: {north: {capacity: {requests_per_minute: 60}}}}",
                "{kind: poisson, rate: 10, duration: 60s}", kWatched);
  const AttemptTable& rows = run.run.results().attempts();
  size_t taken = 0, refused = 0;
  for (size_t i = 0; i < rows.call.size(); ++i) {
    taken += rows.status[i] == 200 ? 1 : 0;
    refused += rows.status[i] == 429 ? 1 : 0;
  }
  EXPECT_GE(taken, 60u);
  EXPECT_LE(taken, 60u + 95u) << "a minute's worth at once, and one a second while it lasts";
  EXPECT_GT(refused, 0u);
  for (int64_t posted : rows.posted) EXPECT_GE(posted, 0);
}

TEST(Run, NeverMoreAtOnceThanThereIsRoomFor) {
  Simulated run(kOne, "{providers: {north: {capacity: {concurrent: 3}, ttft_p50: 1s, connect: 0}}}",
                "{kind: poisson, rate: 20, duration: 60s}", kWatched);
  const AttemptTable& rows = run.run.results().attempts();
  std::vector<std::pair<double, int>> edges;
  for (size_t i = 0; i < rows.call.size(); ++i) {
    if (rows.status[i] != 200) continue;
    edges.emplace_back(rows.started[i], 1);
    edges.emplace_back(rows.ended[i], -1);
  }
  std::sort(edges.begin(), edges.end());
  int now = 0, most = 0;
  for (const auto& [at, step] : edges) most = std::max(most, now += step);
  EXPECT_EQ(most, 3);
}

TEST(Run, BrownoutsAndDrainsAreSlow) {
  const std::string load =
      "{kind: poisson, rate: 5, duration: 100s, tokens_in: 100, tokens_out: 80}";
  const std::string usual = "ttft_p50: 500ms, ttft_spread: 0, connect: 0, tokens_per_second: 160";
  Simulated brown(kOne,
                  "{providers: {north: {" + usual + ", brownouts: [{to: 200s, slowness: 4}]}}}",
                  load, kWatched);
  EXPECT_NEAR(brown.summary["latency_s"]["p50"].get<double>(), 4, 0.05);
  Simulated drain(
      kOne,
      "{providers: {north: {" + usual + ", slow_drain: [{to: 200s, tokens_per_second: 16}]}}}",
      load, kWatched);
  EXPECT_NEAR(drain.summary["latency_s"]["p50"].get<double>(), 5.5, 0.07);
}

TEST(Run, StreamsBeginAndEndWhenTheProvidersDo) {
  Simulated run(
      kTwo, "defaults: {connect: 0, ttft_p50: 400ms, ttft_spread: 0, tokens_per_second: 10}",
      "{kind: poisson, rate: 2, requests: 500, stream_share: 1, tokens_out: 400}", kWatched);
  EXPECT_EQ(run.availability(), 1.0) << "forty seconds of a stream are no stall";
  EXPECT_NEAR(run.summary["first_token_s"]["p50"].get<double>(), 0.4, 0.01);
  EXPECT_NEAR(run.summary["latency_s"]["p50"].get<double>(), 40.4, 0.7);
}

TEST(Run, StreamsThatBreakInEveryWayBreakNoInvariant) {
  Simulated run(kTwo,
                "{defaults: {errors: {cut: 0.04, stall: 0.01, error_event: 0.02, garbage: 0.02, "
                "no_finish: 0.02, no_end_marker: 0.02, no_usage: 0.02, reset: 0.02, 503: 0.02}}, "
                "clients: {timeout: 60s, abandon: {share: 0.1}}}",
                "{kind: poisson, rate: 5, requests: 3000, stream_share: 0.7, repeat_share: 0.4, "
                "deterministic_share: 0.5}",
                kWatched);
  EXPECT_GT(run.outcome("ok"), 2'000u);
  EXPECT_EQ(run.summary["money"]["unposted_nano_usd"], 0);
}

TEST(Run, RepeatedQuestionsAreAnsweredFromTheCache) {
  std::string config = kTwo;
  config.replace(config.find("timeout: 120s"), 13, "timeout: 120s, cache: {ttl: 1h}");
  Simulated run(config, "",
                "{kind: poisson, rate: 5, requests: 4000, repeat_share: 0.5, repeat_pool: 10, "
                "deterministic_share: 1, stream_share: 0.3}",
                kWatched);
  EXPECT_NEAR(run.summary["cache"]["hit_rate"].get<double>(), 0.5, 0.04);
  EXPECT_GT(run.outcome("cached"), 1'800u);
  EXPECT_EQ(run.availability(), 1.0);
}

TEST(Run, MoneyEndsWhereTheBudgetDoesAndTheClockMayStep) {
  Simulated run(kTwo + "budgets: {relay: {usd: 0.01, window: hour}}\n",
                "clock_steps: [{at: 30s, by: -10s}, {at: 60s, by: 2s}]",
                "{kind: poisson, rate: 10, duration: 120s, tokens_in: 100, tokens_out: 50, "
                "max_tokens: 50}",
                kWatched);
  EXPECT_GT(run.outcome("budget"), 100u);
  EXPECT_EQ(run.summary["money"]["overspend_nano_usd"], 0);
  EXPECT_LE(run.summary["money"]["posted_nano_usd"].get<int64_t>(), 10'000'000);
}

TEST(Run, HoldsNoMoreHoweverLongItGoesOn) {
  const std::string scenario =
      "{defaults: {errors: {503: 0.02, silence: 0.001}}, clients: {timeout: 600s}}";
  auto most_held = [&](const char* requests) {
    auto config = config_of(kTwo);
    sim::Run run(config, policies_of(*config), scenario_of(scenario, *config),
                 workload_of(std::string("{kind: poisson, rate: 20, requests: ") + requests +
                                 ", stream_share: 0.2}",
                             *config),
                 {}, {});
    size_t most = 0;
    EXPECT_TRUE(run.go([&](const Progress&) {
      most = std::max(most, run.held());
      return true;
    }));
    EXPECT_EQ(run.held(), 0u) << "and nothing when it is over";
    return most;
  };
  const size_t some = most_held("20000"), many = most_held("100000");
  EXPECT_GT(some, 0u);
  EXPECT_LT(many, some * 2);
}

TEST(Run, CanBeStopped) {
  auto config = config_of(kTwo);
  sim::Run endless(config, policies_of(*config), scenario_of("", *config),
                   workload_of("{kind: poisson, rate: 10, requests: 1000000000}", *config), {}, {});
  int looks = 0;
  double last = 0;
  EXPECT_FALSE(endless.go([&](const Progress& now) {
    EXPECT_GT(now.virtual_s, last);
    last = now.virtual_s;
    return ++looks < 3;
  }));
  EXPECT_EQ(Json::parse(endless.summary())["complete"], false);
}

TEST(Run, TheSeriesAddsUpToTheWhole) {
  Simulated run(kTwo, "{defaults: {errors: {500: 0.2}}, clients: {}}",
                "{kind: poisson, rate: 1, duration: 2h}", kWatched);
  const Json& series = run.summary["series"];
  EXPECT_LE(series["asked"].size(), Series::kBuckets);
  auto sum = [&](const char* name) {
    uint64_t out = 0;
    for (const Json& value : series[name]) out += value.get<uint64_t>();
    return out;
  };
  EXPECT_EQ(sum("asked"), run.asked());
  EXPECT_EQ(sum("answered"), run.summary["requests"]["answered"]);
  EXPECT_EQ(sum("failed"), run.summary["requests"]["failed"]);
  EXPECT_EQ(sum("calls"), run.summary["calls"]["count"]);
  EXPECT_EQ(sum("sends"), run.summary["sends"]["count"]);
  EXPECT_EQ(sum("posted_nano_usd"), run.summary["money"]["posted_nano_usd"]);
}

TEST(Run, TheTablesAgreeWithTheSummary) {
  Simulated run(kTwo, "{defaults: {errors: {500: 0.1}}, clients: {}}",
                "{kind: poisson, rate: 5, requests: 2000}", kWatched);
  Results& results = run.run.results();
  const Names names = results.names();
  uint64_t ok = 0;
  int64_t posted = 0;
  for (size_t i = 0; i < results.requests().call.size(); ++i)
    ok += names.outcomes[results.requests().outcome[i]] == "ok" ? 1 : 0;
  for (int64_t one : results.attempts().posted) posted += one;
  EXPECT_EQ(ok, run.outcome("ok"));
  EXPECT_EQ(posted, run.summary["money"]["posted_nano_usd"]);
  EXPECT_EQ(names.targets.at(0), "north/m");
  for (auto& [name, column] : results.requests().take())
    std::visit([&](auto& c) { EXPECT_EQ(c.size(), run.summary["calls"]["count"]) << name; },
               column);
}

TEST(Run, WhatTheRelayAsksForItselfIsInTheSums) {
  std::string config = kTwo;
  config.replace(config.find("timeout: 120s"), 13,
                 "timeout: 120s, cache: {ttl: 60s, stale_while_revalidate: 10m}");
  Simulated run(config, "{defaults: {errors: {503: 0.05}}}",
                "{kind: poisson, rate: 1, requests: 2000, repeat_share: 0.8, repeat_pool: 5, "
                "deterministic_share: 1}",
                kWatched);
  const auto& cache = run.summary["cache"];
  EXPECT_GT(cache["stale"], 20);
  EXPECT_GT(cache["refreshes"], 20);
  EXPECT_LE(cache["refreshes"], cache["stale"]);
  const auto& money = run.summary["money"];
  EXPECT_EQ(money["posted_nano_usd"], money["true_bill_nano_usd"]) << "all usage was told";
  EXPECT_EQ(money["unposted_nano_usd"], 0);
  int64_t sends = 0;
  for (const auto& target : run.summary["targets"]) sends += target["sends"].get<int64_t>();
  EXPECT_EQ(sends, run.summary["sends"]["count"]);
  EXPECT_GT(cache["hit_rate"], 0.6);
}

TEST(Run, AnAzureTraceIsAskedAsItStands) {
  std::string trace = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  for (int i = 0; i < 60; ++i)
    trace += "2023-11-16 18:15:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ",100,50\n";
  Simulated run(kTwo, "", "{kind: azure_trace, model: chat}", kWatched, trace);
  EXPECT_EQ(run.asked(), 60u);
  EXPECT_EQ(run.summary["money"]["true_bill_nano_usd"], 60 * 200'000);
  EXPECT_EQ(run.summary["unknown"].size(), 3u);
}

}  // namespace
}  // namespace keel::sim
