#include "net/heads.hpp"

#include "net/curl_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::net {
namespace {

using relay::Fields;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Heads, WhatIsForwardedReplacesNothingAndAddsNoLine) {
  Headers headers = {{"authorization", "Bearer k"}, {"user-agent", "keel"}};
  forward_fields({{"openai-beta", "x=v1"},
                  {"Authorization", "Bearer theirs"},
                  {"user-agent", "theirs/1"},
                  {"traceparent", "00-ab-cd-01"},
                  {"tracestate", "a\r\nInjected: 1"}},
                 headers);
  EXPECT_EQ(headers, (Headers{{"authorization", "Bearer k"},
                              {"user-agent", "keel"},
                              {"openai-beta", "x=v1"},
                              {"traceparent", "00-ab-cd-01"}}));
  EXPECT_EQ(user_agent_of({{"a", "b"}, {"user-agent", "theirs/1"}}), "theirs/1");
  EXPECT_EQ(user_agent_of({}), "");
}

TEST(Heads, TheClientSeesTheRequestIdAndRateLimitsOnly) {
  EXPECT_EQ(fields_for_client({{"content-type", "text/event-stream"},
                               {"x-ratelimit-limit-requests", "60"},
                               {"set-cookie", "a"},
                               {"retry-after", "3"},
                               {"x-request-id", " r1 "},
                               {"request-id", "r2"},
                               {"x-ratelimit-reset-tokens", "6m0s"},
                               {"x-ratelimit-odd", "\x01"},
                               {"x-ratelimit-long", std::string(257, 'x')}}),
            (Fields{{"x-keel-upstream-request-id", "r1"},
                    {"x-ratelimit-limit-requests", "60"},
                    {"x-ratelimit-reset-tokens", "6m0s"}}));
  EXPECT_EQ(fields_for_client({}), Fields{});
  Headers flood;
  for (int i = 0; i < 100; ++i) flood.emplace_back("x-ratelimit-" + std::to_string(i), "1");
  EXPECT_EQ(fields_for_client(flood).size(), 32u);
}

TEST(Heads, AnEventStreamIsKnownByItsTypeAlone) {
  for (const char* type : {"text/event-stream", "Text/Event-Stream;charset=utf-8",
                           " text/event-stream ; charset=utf-8", "TEXT/EVENT-STREAM"}) {
    EXPECT_TRUE(is_event_stream({{"content-type", type}})) << type;
  }
  for (const char* type : {"", "application/json", "text/event-stream2", "text/event", ";"}) {
    EXPECT_FALSE(is_event_stream({{"content-type", type}})) << type;
  }
  EXPECT_FALSE(is_event_stream({}));
}

TEST(CurlReport, WarnsOfVersionsWithKnownProblemsOnly) {
  EXPECT_TRUE(known_problem(0));
  EXPECT_TRUE(known_problem(0x075600));  // 7.86.0
  EXPECT_FALSE(known_problem(0x075700));
  EXPECT_FALSE(known_problem(0x075801));  // Debian 12's
  EXPECT_FALSE(known_problem(0x080C01));
  EXPECT_THAT(*known_problem(0x080D00), HasSubstr("CVE-2026-9080"));
  EXPECT_TRUE(known_problem(0x081400));
  EXPECT_TRUE(known_problem(0x081401));
  EXPECT_FALSE(known_problem(0x081500));
  EXPECT_THAT(upstream_report(), StartsWith("libcurl/"));
}

}  // namespace
}  // namespace keel::net
