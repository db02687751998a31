// Explain: every candidate of every choice with what spoke for and against it, as text for a tired
// person and as data.

#include "relay/choice.hpp"

#include "relay/driven.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::relay {
namespace {

TEST(Choice, IsTextWithWhoIsTriedFirstAbove) {
  const TargetNames names{"a/long-name", "b/m", "c/m"};
  Choice choice{.at = Instant{} + seconds(5), .taken = 1, .held = NanoUsd{2'000'000}};
  choice.considered = {
      {.target = 0, .removed = Removed::breaker_open, .until = Instant{} + seconds(8)},
      {.target = 1,
       .place = 1,
       .weight = 2,
       .health = 0.934,
       .estimated = NanoUsd{1'000'000},
       .worst_case = NanoUsd{2'000'000}},
      {.target = 2, .stand_in = true, .trial = true, .place = 2, .tier = 1, .weight = 1},
  };
  EXPECT_EQ(text_of(choice, names),
            "                         1. b/m          health 0.93, weight 2.00, about 0.001, at "
            "most 0.002 USD; taken, 0.002 USD held\n"
            "                         2. c/m          health 0.00, weight 1.00, tier 1, price "
            "unknown, a stand-in, on trial\n"
            "                            a/long-name  not: breaker open, for 3.000 s\n");
  const auto json = nlohmann::json::parse(json_of(choice, names, Instant{} + seconds(4)));
  EXPECT_EQ(json["at_ms"], 1000.0);
  EXPECT_EQ(json["taken"], "b/m");
  EXPECT_EQ(json["held_nano_usd"], 2'000'000);
  ASSERT_EQ(json["candidates"].size(), 3u);
  EXPECT_EQ(json["candidates"][0]["target"], "a/long-name");
  EXPECT_EQ(json["candidates"][0]["removed"], "breaker open");
  EXPECT_EQ(json["candidates"][0]["for_ms"], 3000.0);
  EXPECT_TRUE(json["candidates"][0]["place"].is_null());
  EXPECT_EQ(json["candidates"][1]["health_percent"], 93);
  EXPECT_EQ(json["candidates"][1]["estimated_nano_usd"], 1'000'000);
  EXPECT_TRUE(json["candidates"][1]["removed"].is_null());
  EXPECT_TRUE(json["candidates"][2]["worst_case_nano_usd"].is_null());
  EXPECT_TRUE(json["candidates"][2]["stand_in"]);
  EXPECT_EQ(text_of({}, {}), "");
}

TEST(Choice, OfEveryAttemptStandsInTheTrace) {
  Driven d;
  d.ask();
  d.fail(404, "no such model", ErrorCode::not_found);
  d.succeed();
  const std::string text = d.answer->trace->explain();
  EXPECT_NE(text.find("1. near/near-model  health"), std::string::npos) << text;
  EXPECT_NE(text.find("   near/near-model  not: no usable key (denied)"), std::string::npos)
      << text;
  EXPECT_NE(text.find("1. far/far-model"), std::string::npos) << text;
  EXPECT_NE(text.find("USD held"), std::string::npos) << text;
  EXPECT_NE(text.find("in all: 0.000 s between attempts; 2 tries, 2 sends; "), std::string::npos)
      << text;
  const auto json = nlohmann::json::parse(d.answer->trace->to_json());
  ASSERT_EQ(json["choices"].size(), 2u);
  EXPECT_EQ(json["choices"][0]["taken"], "near/near-model");
  EXPECT_EQ(json["choices"][1]["taken"], "far/far-model");
  EXPECT_GT(json["choices"][1]["held_nano_usd"], 0);
  EXPECT_EQ(json["paused_ms"], 0.0);
}

TEST(Choice, IsThereWhereNobodyCouldBeTaken) {
  Driven d;
  d.ask();
  d.fail(401);
  d.fail(401);
  d.ask();
  ASSERT_TRUE(d.answer);
  EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
  const auto json = nlohmann::json::parse(d.answer->trace->to_json());
  ASSERT_EQ(json["choices"].size(), 1u);
  EXPECT_TRUE(json["choices"][0]["taken"].is_null());
  const std::string text = d.answer->trace->explain();
  EXPECT_NE(text.find("far/far-model    not: no usable key (dead)"), std::string::npos) << text;
}

TEST(Choice, WaitsBetweenAttemptsAreSummedUp) {
  Driven d;
  d.ask();
  d.fail(500);
  d.fail(500);
  d.succeed();
  EXPECT_GT(d.answer->trace->paused, Duration::zero());
}

}  // namespace
}  // namespace keel::relay
