// Clients try again as OpenAI's official SDK does.

#include "sim/clients.hpp"

#include "sim/simulated.hpp"

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

const ClientModel kSdk{.max_retries = 2, .timeout = std::nullopt};

relay::Answer failed(int status) {
  relay::Answer out;
  out.kind = relay::AnswerKind::upstream_error;
  out.status = status;
  return out;
}

TEST(Sdk, RetriesTheseStatusesAndNoOther) {
  for (int status : {408, 409, 429, 500, 503, 529})
    EXPECT_TRUE(sdk_retries_after(kSdk, failed(status), false, 0, 0)) << status;
  for (int status : {400, 401, 403, 404, 413, 422})
    EXPECT_FALSE(sdk_retries_after(kSdk, failed(status), false, 0, 0)) << status;
  EXPECT_TRUE(sdk_retries_after(kSdk, failed(400), true, 0, 0)) << "its own timeout";
  EXPECT_FALSE(sdk_retries_after(kSdk, relay::Answer{}, false, 0, 0)) << "a success";
}

TEST(Sdk, WaitsHalfASecondDoubledUpToEightLessAQuarter) {
  const ClientModel many{.max_retries = 100, .timeout = std::nullopt};
  EXPECT_EQ(sdk_retries_after(many, failed(500), false, 0, 0), milliseconds(500));
  EXPECT_EQ(sdk_retries_after(many, failed(500), false, 1, 0), seconds(1));
  EXPECT_EQ(sdk_retries_after(many, failed(500), false, 4, 0), seconds(8));
  EXPECT_EQ(sdk_retries_after(many, failed(500), false, 99, 0), seconds(8));
  EXPECT_EQ(sdk_retries_after(many, failed(500), false, 0, 0.5), microseconds(437'500));
}

TEST(Sdk, HonoursTheServersDelayUpToAMinuteAndItsLastWord) {
  relay::Answer answer = failed(429);
  answer.retry_after = seconds(7);
  EXPECT_EQ(sdk_retries_after(kSdk, answer, false, 0, 0.9), seconds(7));
  answer.retry_after = seconds(61);
  EXPECT_EQ(sdk_retries_after(kSdk, answer, false, 0, 0), milliseconds(500));
  answer.should_retry = false;
  EXPECT_FALSE(sdk_retries_after(kSdk, answer, false, 0, 0));
  answer = failed(400);
  answer.should_retry = true;
  EXPECT_TRUE(sdk_retries_after(kSdk, answer, false, 0, 0));
}

TEST(Sdk, GivesUpAfterItsRetriesAndInAStream) {
  EXPECT_TRUE(sdk_retries_after(kSdk, failed(500), false, 1, 0));
  EXPECT_FALSE(sdk_retries_after(kSdk, failed(500), false, 2, 0));
  relay::Answer cut = failed(502);
  cut.streamed = true;
  EXPECT_FALSE(sdk_retries_after(kSdk, cut, false, 0, 0)) << "its head was a 200";
}

// Every send is refused with a 400, which no client repeats; or with a 503, which each repeats.
TEST(Clients, RetryWhatTheSdkWouldAndCountIt) {
  const std::string load = "{kind: poisson, rate: 1, requests: 300}";
  Simulated never(kOne, "{providers: {north: {errors: {400: 1}}}, clients: {}}", load);
  EXPECT_EQ(never.summary["calls"]["client_retries"], 0);
  EXPECT_EQ(never.summary["requests"]["failed"], 300);
  Simulated each(kOne, "{providers: {north: {errors: {500: 1}}}, clients: {}}", load);
  // Not all of them twice: behind an open breaker the relay may say that it is of no use.
  const uint64_t retries = each.summary["calls"]["client_retries"];
  EXPECT_EQ(each.asked(), 300u);
  EXPECT_GT(retries, 300u);
  EXPECT_LE(retries, 600u);
  EXPECT_EQ(each.summary["calls"]["count"], 300 + retries);
  EXPECT_EQ(each.summary["requests"]["failed"], 300);
}

TEST(Clients, LeaveWhenTheirTimeIsUpAndAskAgain) {
  Simulated run(
      kOne, "{providers: {north: {errors: {silence: 1}}}, clients: {max_retries: 1, timeout: 2s}}",
      "{kind: poisson, rate: 0.1, requests: 50}", {.tables = true, .invariants = true});
  EXPECT_EQ(run.outcome("client_timeout"), 50u);
  EXPECT_EQ(run.summary["calls"]["client_retries"], 50);
  const RequestTable& rows = run.run.results().requests();
  ASSERT_EQ(rows.call.size(), 100u);
  for (size_t i = 0; i < rows.call.size(); ++i)
    EXPECT_NEAR(rows.ended[i] - rows.arrived[i], 2.0, 1e-9);
}

TEST(Clients, LosePatienceAsOftenAsTold) {
  Simulated run(kOne,
                "{providers: {north: {ttft_p50: 20s, ttft_spread: 0}}, "
                "clients: {abandon: {share: 0.5, after: 10ms}}}",
                "{kind: poisson, rate: 1, requests: 2000}");
  EXPECT_NEAR(static_cast<double>(run.outcome("left")), 1'000, 90);
  EXPECT_EQ(run.availability(), 1.0) << "who left was not failed";
}

}  // namespace
}  // namespace keel::sim
