// Every kind of workload: its rate, its end, its seed; and the traces, whose errors have a line.

#include "sim/workload.hpp"

#include "sim/simulated.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

std::vector<Arrival> all_of(Workload& workload) {
  std::vector<Arrival> out;
  Instant before{};
  for (;;) {
    const Instant at = workload.next_at();
    auto arrival = workload.next();
    if (!arrival) break;
    EXPECT_EQ(arrival->at, at);
    EXPECT_GE(at, before);
    before = at;
    out.push_back(std::move(*arrival));
  }
  EXPECT_EQ(workload.next_at(), Instant::never());
  return out;
}

std::vector<Arrival> all_of(const std::string& text, uint64_t seed = 1) {
  return all_of(*make_workload(workload_of(text, *config_of(kTwo)), {}, seed));
}

std::string problems(const std::string& text) {
  return lines_of(read_workload(text, *config_of(kTwo)).problems);
}

size_t within(const std::vector<Arrival>& arrivals, Duration from, Duration to) {
  size_t out = 0;
  for (const Arrival& arrival : arrivals)
    out += arrival.at >= Instant{} + from && arrival.at < Instant{} + to ? 1 : 0;
  return out;
}

TEST(Workload, PoissonKeepsItsRateAndItsEnd) {
  const auto arrivals = all_of("{kind: poisson, rate: 50, duration: 400s}");
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 20'000, 450);
  EXPECT_LT(arrivals.back().at, Instant{} + seconds(400));
  EXPECT_EQ(arrivals.front().model, "chat");
  EXPECT_EQ(all_of("{kind: poisson, rate: 50, requests: 17}").size(), 17u);
}

TEST(Workload, TheSameSeedAsksTheSame) {
  const std::string text =
      "{kind: poisson, rate: 5, requests: 200, stream_share: 0.5, "
      "repeat_share: 0.5, tokens_out: {p50: 90}}";
  const auto one = all_of(text, 9), same = all_of(text, 9), other = all_of(text, 10);
  bool differs = false;
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].at, same[i].at);
    EXPECT_EQ(one[i].tokens_in, same[i].tokens_in);
    EXPECT_EQ(one[i].tokens_out, same[i].tokens_out);
    EXPECT_EQ(one[i].identity, same[i].identity);
    differs |= one[i].at != other[i].at;
  }
  EXPECT_TRUE(differs);
}

TEST(Workload, ASpikeIsThereAndThenOver) {
  const auto arrivals =
      all_of("{kind: spike, rate: 20, factor: 10, from: 100s, to: 130s, duration: 200s}");
  EXPECT_NEAR(static_cast<double>(within(arrivals, seconds(0), seconds(100))), 2'000, 180);
  EXPECT_NEAR(static_cast<double>(within(arrivals, seconds(100), seconds(130))), 6'000, 300);
  EXPECT_NEAR(static_cast<double>(within(arrivals, seconds(130), seconds(200))), 1'400, 150);
}

TEST(Workload, ADayHasItsPeakAndItsNight) {
  const auto arrivals = all_of("{kind: diurnal, rate: 1, swing: 0.8, peak_at: 14h, duration: 1d}");
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 86'400, 1'200);
  EXPECT_NEAR(static_cast<double>(within(arrivals, hours(13), hours(15))), 7'200 * 1.8, 400);
  EXPECT_NEAR(static_cast<double>(within(arrivals, hours(1), hours(3))), 7'200 * 0.2, 200);
}

TEST(Workload, AClosedLoopWaitsForItsAnswers) {
  auto settings =
      workload_of("{kind: closed_loop, clients: 3, think: 1s, requests: 5}", *config_of(kTwo));
  auto workload = make_workload(settings, {}, 1);
  std::map<uint32_t, int> clients;
  for (int i = 0; i < 3; ++i) ++clients[workload->next()->client];
  EXPECT_EQ(clients.size(), 3u);
  EXPECT_EQ(workload->next_at(), Instant::never());
  EXPECT_FALSE(workload->next());
  workload->answered(1, Instant{} + seconds(100));
  const auto fourth = workload->next();
  ASSERT_TRUE(fourth);
  EXPECT_EQ(fourth->client, 1u);
  EXPECT_GT(fourth->at, Instant{} + seconds(100));
  workload->answered(2, Instant{} + seconds(200));
  EXPECT_TRUE(workload->next());
  workload->answered(0, Instant{} + seconds(300));
  EXPECT_FALSE(workload->next()) << "five were wanted";
}

TEST(Workload, AgentsAskStepByStepWithAGrowingContext) {
  auto settings = workload_of(
      "{kind: agents, rate: 0.001, steps: 3, growth: 2, think: 1s, requests: 3, "
      "tokens_in: 100, repeat_share: 1, repeat_pool: 1}",
      *config_of(kTwo));
  auto workload = make_workload(settings, {}, 1);
  std::vector<Arrival> steps;
  for (int i = 0; i < 3; ++i) {
    steps.push_back(*workload->next());
    workload->answered(steps.back().client, steps.back().at + milliseconds(1));
  }
  EXPECT_EQ(steps[0].tokens_in, 100);
  EXPECT_EQ(steps[1].tokens_in, 200);
  EXPECT_EQ(steps[2].tokens_in, 400);
  EXPECT_NE(steps[0].identity, steps[1].identity);
  auto again = make_workload(settings, {}, 2);
  EXPECT_EQ(again->next()->identity, steps[0].identity) << "the same question from another agent";
}

TEST(Workload, RepeatsAreTheSameQuestionInEverything) {
  const auto arrivals = all_of(
      "{kind: poisson, rate: 5, requests: 4000, repeat_share: 0.5, repeat_pool: 20, "
      "stream_share: 0.3, deterministic_share: 0.6}");
  std::map<uint64_t, Arrival> seen;
  size_t repeats = 0, unique = 0;
  for (const Arrival& arrival : arrivals) {
    if (arrival.identity == 0) {
      ++unique;
      continue;
    }
    ++repeats;
    const Arrival& first = seen.emplace(arrival.identity, arrival).first->second;
    EXPECT_EQ(first.tokens_in, arrival.tokens_in);
    EXPECT_EQ(first.stream, arrival.stream);
    EXPECT_EQ(first.deterministic, arrival.deterministic);
  }
  EXPECT_NEAR(static_cast<double>(repeats), 2'000, 130);
  EXPECT_EQ(repeats + unique, arrivals.size());
  EXPECT_LE(seen.size(), 20u);
  EXPECT_GE(seen.size(), 15u);
}

TEST(Workload, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(problems("{kind: poison, requests: 1}"),
            "it:1: kind: found \"poison\", wanted poisson, diurnal, spike, closed_loop, agents, "
            "azure_trace or request_log; the nearest is \"poisson\"\n");
  EXPECT_EQ(problems("{kind: poisson}"),
            "it:1: found neither requests nor duration, wanted one of them: when does it end?\n");
  EXPECT_EQ(problems("{kind: poisson, requests: 1, model: chatt}"),
            "it:1: model: unknown model \"chatt\"; the nearest is \"chat\"\n");
  EXPECT_EQ(problems("{kind: poisson, requests: 1, rat: 3}"),
            "it:1: rat: unknown key \"rat\"; the nearest is \"rate\"\n");
  EXPECT_EQ(
      problems(""),
      "it: found nothing, wanted a workload such as {kind: poisson, rate: 10, duration: 10m}\n");
}

// ---- traces -------------------------------------------------------------------------------------

const std::string kHead = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

std::unique_ptr<Workload> azure(const std::string& trace, const std::string& more = "") {
  return make_workload(workload_of("{kind: azure_trace" + more + "}", *config_of(kTwo)), trace, 1);
}
std::string problem_of(const std::string& trace) {
  auto workload = azure(trace);
  all_of(*workload);
  return workload->problem() ? relay::format_problem("trace.csv", *workload->problem()) : "";
}

TEST(AzureTrace, GivesSizesAndGapsAsTheyStand) {
  const std::string trace = kHead +
                            "2023-11-16 18:15:46.6805900,374,44\r\n"
                            "2023-11-16 18:15:50.9951690,396,109\r\n"
                            "2023-11-17T00:00:00Z,1,0\n";
  auto workload = azure(trace);
  EXPECT_EQ(workload->wall_start_unix_ns(), 1'700'158'546'680'590'000);
  const auto arrivals = all_of(*workload);
  ASSERT_EQ(arrivals.size(), 3u);
  EXPECT_EQ(arrivals[0].at, Instant{});
  EXPECT_EQ(arrivals[0].tokens_in, 374);
  EXPECT_EQ(arrivals[0].tokens_out, 44);
  EXPECT_EQ(arrivals[1].at, Instant{4'314'579'000});
  EXPECT_FALSE(workload->problem());
  EXPECT_EQ(workload->progress(), 1);
  EXPECT_FALSE(workload->unknown().empty());
  auto fast = azure(trace, ", speed: 2, requests: 2");
  const auto hurried = all_of(*fast);
  ASSERT_EQ(hurried.size(), 2u);
  EXPECT_EQ(hurried[1].at, Instant{4'314'579'000 / 2});
}

TEST(AzureTrace, SaysWhatIsWrongAndInWhichLine) {
  EXPECT_EQ(problem_of(""),
            "trace.csv:1: found nothing, wanted the head TIMESTAMP,ContextTokens,GeneratedTokens");
  EXPECT_EQ(problem_of("ContextTokens,GeneratedTokens\n1,2\n"),
            "trace.csv:1: found \"ContextTokens,GeneratedTokens\", wanted the head "
            "TIMESTAMP,ContextTokens,GeneratedTokens");
  EXPECT_EQ(problem_of(kHead + "yesterday,1,2\n"),
            "trace.csv:2: TIMESTAMP: found \"yesterday\", wanted a time such as 2023-11-16 "
            "18:15:46.6805900");
  EXPECT_EQ(problem_of(kHead + "2023-11-16 18:15:46,1,2\n2023-11-16 18:15:45,1,2\n"),
            "trace.csv:3: TIMESTAMP: found \"2023-11-16 18:15:45\", wanted no time before the row "
            "above");
  EXPECT_EQ(problem_of(kHead + "2023-11-16 18:15:46,-1,2\n"),
            "trace.csv:2: ContextTokens: found \"-1\", wanted a whole number of tokens up to "
            "100000000");
  EXPECT_EQ(problem_of(kHead + "2023-11-16 18:15:46,1\n"),
            "trace.csv:2: found \"2023-11-16 18:15:46,1\", wanted three columns");
}

std::unique_ptr<Workload> log(const std::string& trace) {
  return make_workload(workload_of("{kind: request_log}", *config_of(kTwo)), trace, 1);
}

std::string log_line(int64_t time_s, const std::string& more = "") {
  return R"({"v":1,"id":"x","time":)" + std::to_string(time_s) +
         R"(000000000,"model_asked":"chat","stream":false,"tokens_in_est":20,"total_ms":500.0)" +
         more + "}\n";
}

TEST(RequestLog, IsAskedInTheOrderOfItsArrivals) {
  const std::string trace =
      log_line(103, R"(,"identity":"00000000000000ffabcdef0123456789","cache":"miss",)"
                    R"("attempts":[{"class":"ok","tokens":{"in":25,"out":7}}])") +
      log_line(101, R"(,"tenant":"shop","max_tokens":9,"deadline_ms":1500.0)") + "\n" +
      log_line(2'000);
  auto workload = log(trace);
  EXPECT_EQ(workload->wall_start_unix_ns(), 101'000'000'000);
  EXPECT_LE(workload->held(), 3u);
  const auto arrivals = all_of(*workload);
  ASSERT_EQ(arrivals.size(), 3u);
  EXPECT_EQ(arrivals[0].at, Instant{});
  EXPECT_EQ(arrivals[0].tenant, "shop");
  EXPECT_EQ(arrivals[0].max_tokens, 9);
  EXPECT_EQ(arrivals[0].timeout, milliseconds(1500));
  EXPECT_FALSE(arrivals[0].tokens_out);
  EXPECT_EQ(arrivals[1].at, Instant{} + seconds(2));
  EXPECT_EQ(arrivals[1].identity, 0xffu);
  EXPECT_EQ(arrivals[1].tokens_in, 25);
  EXPECT_EQ(arrivals[1].tokens_out, 7);
  EXPECT_TRUE(arrivals[1].deterministic);
  EXPECT_EQ(arrivals[2].at, Instant{} + seconds(1'899));
  const auto unknown = workload->unknown();
  EXPECT_EQ(unknown.at(4),
            "2 of 3 requests have no counted answer: its length is drawn as the scenario says");
}

TEST(RequestLog, HoldsNoMoreThanTheLongestRequestCanReorder) {
  std::string trace;
  for (int i = 0; i < 5'000; ++i) trace += log_line(1'000 + i);
  auto workload = log(trace);
  size_t most = 0;
  while (workload->next()) most = std::max(most, workload->held());
  EXPECT_LT(most, 620u);
}

TEST(RequestLog, SaysWhatIsWrongAndInWhichLine) {
  auto problem = [](const std::string& trace) {
    auto workload = log(trace);
    all_of(*workload);
    return workload->problem() ? relay::format_problem("log", *workload->problem()) : "";
  };
  EXPECT_EQ(problem(log_line(1) + "{\"v\":1,\n"),
            "log:2: found \"{\\\"v\\\":1,\", wanted a line of the request log");
  EXPECT_EQ(problem("{\"v\":2}"), "log:1: v: found 2, wanted 1");
  EXPECT_EQ(problem("{\"v\":1}"), "log:1: time: found no time, wanted unix nanoseconds");
  EXPECT_EQ(problem("{\"v\":1,\"time\":5}"),
            "log:1: model_asked: found no name, wanted the model that was asked for");
}

}  // namespace
}  // namespace keel::sim
