#include "wire/hints.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

constexpr int64_t kNow = 784'111'777'000'000'000;  // Sun, 06 Nov 1994 08:49:37 GMT

static std::optional<Duration> after(const Headers& headers,
                                     std::optional<Duration> body = std::nullopt) {
  return read_hint(headers, body, kNow).after;
}

TEST(Hints, NoneGivenIsNone) {
  EXPECT_EQ(after({}), std::nullopt);
  EXPECT_EQ(read_hint({}, std::nullopt, kNow).should_retry, std::nullopt);
}

TEST(Hints, OrderOfPrecedence) {
  Headers headers = {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "9s"}};
  EXPECT_EQ(after(headers), seconds(9));
  EXPECT_EQ(after(headers, seconds(8)), seconds(8));
  headers.emplace_back("retry-after", "7");
  EXPECT_EQ(after(headers, seconds(8)), seconds(7));
  headers.emplace_back("x-ms-retry-after-ms", "6000");
  EXPECT_EQ(after(headers, seconds(8)), seconds(6));
  headers.emplace_back("retry-after-ms", "5000.5");
  EXPECT_EQ(after(headers, seconds(8)), microseconds(5'000'500));
}

TEST(Hints, NonsenseCountsAsNotSaid) {
  for (const char* value : {"", "nan", "inf", "-inf", "-1", "-0", "1e400", "1e10", "soon", "5x",
                            "5 5", "0x10", "+5", "9223372036854775808"}) {
    EXPECT_EQ(after({{"retry-after", value}}), std::nullopt) << value;
    EXPECT_EQ(after({{"retry-after-ms", value}, {"retry-after", "2"}}),
              std::string(value) == "1e10" ? milliseconds(10'000'000'000) : seconds(2))
        << value;
  }
  EXPECT_EQ(after({{"retry-after", " 1.5 "}}), milliseconds(1500));
  EXPECT_EQ(after({{"retry-after", "0"}}), Duration::zero());
  EXPECT_EQ(after({}, nanoseconds(-1)), std::nullopt);
}

TEST(Hints, HttpDatesInThreeForms) {
  for (const char* date : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(date), kNow) << date;
    EXPECT_EQ(after({{"retry-after", date}}), Duration::zero()) << date;
  }
  EXPECT_EQ(after({{"retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"}}), seconds(60));
  EXPECT_EQ(after({{"retry-after", "Sun, 06 Nov 1994 08:49:36 GMT"}}), std::nullopt);  // past
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT"), 1'709'251'200'000'000'000);
  for (const char* date : {"", "Sun", "Sun,", "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994 x", "Sun, 06 Nov 9999 08:49:37 GMT"}) {
    EXPECT_EQ(parse_http_date(date), std::nullopt) << date;
  }
}

TEST(Hints, GoDurations) {
  EXPECT_EQ(parse_go_duration("6m0s"), minutes(6));
  EXPECT_EQ(parse_go_duration("120ms"), milliseconds(120));
  EXPECT_EQ(parse_go_duration("1h2m3.5s"), hours(1) + minutes(2) + milliseconds(3500));
  EXPECT_EQ(parse_go_duration("45.837906927s"), nanoseconds(45'837'906'927));
  EXPECT_EQ(parse_go_duration("7us"), microseconds(7));
  EXPECT_EQ(parse_go_duration("7\u00b5s"), microseconds(7));
  EXPECT_EQ(parse_go_duration("0s"), Duration::zero());
  EXPECT_EQ(parse_go_duration("0"), Duration::zero());
  for (const char* text :
       {"", "s", "1", "-1s", "1s-", "1d", "1 s", "nans", "infs", "1e3s", "9999999999h", ".s"}) {
    EXPECT_EQ(parse_go_duration(text), std::nullopt) << text;
  }
}

TEST(Hints, Rfc3339) {
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37Z"), kNow);
  EXPECT_EQ(parse_rfc3339("1994-11-06T09:49:37+01:00"), kNow);
  EXPECT_EQ(parse_rfc3339("1994-11-06T03:19:37-05:30"), kNow);
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37.5Z"), kNow + 500'000'000);
  for (const char* text :
       {"", "1994-11-06", "1994-11-06T08:49:37", "1994-11-06T08:49Z", "1994-13-06T08:49:37Z",
        "1994-11-06T08:49:37+1:00", "1994-11-06T08:49:37Zx", "94-11-06T08:49:37Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Hints, OfExhaustedLimitsTheLongest) {
  EXPECT_EQ(after({{"x-ratelimit-remaining-requests", "0"},
                   {"x-ratelimit-reset-requests", "1s"},
                   {"x-ratelimit-remaining-tokens", "0"},
                   {"x-ratelimit-reset-tokens", "6m0s"}}),
            minutes(6));
  EXPECT_EQ(after({{"x-ratelimit-remaining-requests", "0"},
                   {"x-ratelimit-reset-requests", "1s"},
                   {"x-ratelimit-remaining-tokens", "5"},
                   {"x-ratelimit-reset-tokens", "6m0s"}}),
            seconds(1));
  EXPECT_EQ(after({{"x-ratelimit-reset-requests", "1s"}}), std::nullopt);
  EXPECT_EQ(after({{"x-ratelimit-remaining-requests", ""}, {"x-ratelimit-reset-requests", "1s"}}),
            std::nullopt);
  EXPECT_EQ(after({{"anthropic-ratelimit-requests-remaining", "0"},
                   {"anthropic-ratelimit-requests-reset", "1994-11-06T08:49:57Z"},
                   {"anthropic-ratelimit-tokens-remaining", "10"},
                   {"anthropic-ratelimit-tokens-reset", "1994-11-06T09:49:57Z"},
                   {"x-ratelimit-remaining-tokens", "0"},
                   {"x-ratelimit-reset-tokens", "3s"}}),
            seconds(20));
  EXPECT_EQ(after({{"anthropic-ratelimit-requests-remaining", "0"},
                   {"anthropic-ratelimit-requests-reset", "1994-11-06T08:49:30Z"}}),
            std::nullopt);
}

TEST(Hints, ShouldRetry) {
  auto should = [](const char* value) {
    return read_hint({{"x-should-retry", value}}, std::nullopt, kNow).should_retry;
  };
  EXPECT_EQ(should("true"), true);
  EXPECT_EQ(should("false"), false);
  EXPECT_EQ(should("no"), std::nullopt);
  EXPECT_EQ(should(""), std::nullopt);
}

TEST(Hints, DamagedValuesNeverGiveANegativeDelay) {
  Random random(11);
  const std::string seeds[] = {"1.5", "Sun, 06 Nov 1994 08:50:37 GMT", "6m0.5s",
                               "1994-11-06T08:49:57.25+01:00"};
  const std::string alphabet = "0123456789-+.:eTZ msh,GnaifN";
  for (int round = 0; round < 50000; ++round) {
    std::string value = seeds[random.below(4)];
    for (uint64_t n = random.below(4); n > 0; --n) {
      size_t at = random.below(value.size());
      value[at] = alphabet[random.below(alphabet.size())];
    }
    Headers headers = {{"retry-after", value},
                       {"x-ratelimit-remaining-a", "0"},
                       {"x-ratelimit-reset-a", value},
                       {"anthropic-ratelimit-b-remaining", "0"},
                       {"anthropic-ratelimit-b-reset", value}};
    std::optional<Duration> delay = after(headers);
    ASSERT_TRUE(!delay || delay->ns >= 0) << value;
  }
}

}  // namespace keel::wire
