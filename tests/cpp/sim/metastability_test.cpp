// Does the house come back by itself (SEMANTICS R6)? Two providers of finite capacity, an open loop
// at 90 % of what both can do, clients that retry as the official SDKs do, and 60 s in which nobody
// answers.

#include "sim/simulated.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

constexpr double kOutageBegins_s = 60, kOutageEnds_s = 120, kEnd_s = 240;
constexpr size_t kWindow_s = 10;
constexpr size_t kWindows = static_cast<size_t>(kEnd_s) / kWindow_s;

const std::string kTwins = R"(
providers:
  north: {base_url: "https://north.example/v1", keys: [n], models: {m: {price: {in: 1, out: 2}}}}
  south: {base_url: "https://south.example/v1", keys: [s], models: {m: {price: {in: 1, out: 2}}}}
routes:
  chat: {targets: [north/m, south/m], timeout: 20s,
         routing: {id: weighted_health, settings: {spread: true}}}
)";

// Each serves 50 requests a second, in one second each.
std::string scenario(const std::string& capacity, const std::string& outage) {
  return R"(
defaults: {ttft_p50: 0.2, ttft_spread: 0, tokens_per_second: 100, connect: 1ms,
           output_tokens: {p50: 80, spread: 0}, capacity: )" +
         capacity + R"(}
correlated: [{providers: [north, south], from: 60s, to: 120s, kind: )" +
         outage + R"(}]
clients: {max_retries: 2, timeout: 20s}
)";
}

struct Course {
  std::vector<int64_t> asked = std::vector<int64_t>(kWindows), good = asked;
  std::vector<int64_t> calls = asked, sends = asked;  // a client's retries are calls of their own

  explicit Course(RequestTable& rows) {
    for (size_t i = 0; i < rows.call.size(); ++i) {
      const auto began = static_cast<size_t>(rows.arrived[i]) / kWindow_s;
      const auto ended = static_cast<size_t>(rows.ended[i]) / kWindow_s;
      if (began < kWindows) {
        asked[began] += rows.client_try[i] == 0 ? 1 : 0;
        ++calls[began];
        sends[began] += rows.sends[i];
      }
      if (ended < kWindows && rows.outcome[i] == static_cast<uint8_t>(UserOutcome::ok))
        ++good[ended];
    }
  }
  double good_per_s(double from_s, double to_s) const {
    int64_t sum = 0;
    for (auto w = static_cast<size_t>(from_s) / kWindow_s; w * kWindow_s < to_s; ++w)
      sum += good[w];
    return static_cast<double>(sum) / (to_s - from_s);
  }
  double most_sends_per_call() const {
    double most = 0;
    for (size_t w = 0; w < kWindows; ++w)
      if (calls[w] >= 200)
        most = std::max(most, static_cast<double>(sends[w]) / static_cast<double>(calls[w]));
    return most;
  }
};

class Metastability : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Metastability, TheHouseComesBackByItself) {
  const auto& [capacity, outage] = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Simulated run(kTwins, scenario(capacity, outage),
                  "{kind: poisson, rate: 90, duration: 240s, max_tokens: 100}",
                  {.seed = seed, .tables = true});
    const Course course(run.run.results().requests());
    const double before = course.good_per_s(10, kOutageBegins_s);
    EXPECT_GT(before, 85) << "it was well before";
    EXPECT_LT(course.good_per_s(kOutageBegins_s + 20, kOutageEnds_s), 1) << "a total outage";
    EXPECT_GE(course.good_per_s(kOutageEnds_s + 60, kEnd_s), 0.95 * before) << "seed " << seed;
    EXPECT_LE(course.most_sends_per_call(), 1.6) << "seed " << seed;
  }
}

// What a provider does with more than it can serve: a short line and an honest 429 behind it; a
// limit per minute; and a limit to which refusals count as well (OpenAI's documentation of rate
// limits says that they do), so that whoever only asks more often gets nothing at all.
INSTANTIATE_TEST_SUITE_P(
    Overload, Metastability,
    testing::Values(std::pair("{concurrent: 50, queue: 100}", "silence"),
                    std::pair("{concurrent: 50, queue: 100}", "'503'"),
                    std::pair("{requests_per_minute: 3000, burst: 1s}", "silence"),
                    std::pair("{requests_per_minute: 3000, burst: 2s, refusals_count: true}",
                              "silence")));

}  // namespace
}  // namespace keel::sim
