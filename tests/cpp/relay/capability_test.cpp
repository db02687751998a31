// What a request needs decides who may take it: tools, a schema, images, audio, context.

#include "relay/driven.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTools = R"("tools":[{"type":"function","function":{"name":"f"}}],)"
                                    R"("messages":[{"role":"user","content":"x"}])";
constexpr std::string_view kSchema =
    R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}},)"
    R"("messages":[{"role":"user","content":"x"}])";
constexpr std::string_view kImage =
    R"("messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},)"
    R"({"type":"image_url","image_url":{"url":"https://a.test/cat.png"}}]}])";
constexpr std::string_view kAudio =
    R"("messages":[{"role":"user","content":[{"type":"input_audio",)"
    R"("input_audio":{"data":"AAAA","format":"wav"}}]}])";

Request asking(std::string_view members) {
  return Driven::with_body(R"({"model":"main","max_tokens":100,)" + std::string(members) + "}");
}

struct Case {
  const char* what;
  std::string_view members;
  Lacks lacks;
};

const Case kCases[] = {{"tools", kTools, {.tools = true}},
                       {"schema", kSchema, {.schema = true}},
                       {"images", kImage, {.images = true}},
                       {"audio", kAudio, {.audio = true}}};

Config with_lacks(Lacks near, Lacks far) {
  Config config = small_config();
  config.providers[0].models[0].lacks = near;
  config.providers[1].models[0].lacks = far;
  return config;
}

TEST(Capability, GoesOnlyToWhoCan) {
  for (const Case& one : kCases) {
    for (TargetIndex able : {0u, 1u}) {
      Driven d(able == 0 ? with_lacks({}, one.lacks) : with_lacks(one.lacks, {}));
      d.ask(asking(one.members));
      EXPECT_EQ(d.send().target, able) << one.what;
      d.succeed();
      EXPECT_EQ(d.answer->status, 200) << one.what;
      EXPECT_TRUE(d.at_rest());
    }
  }
}

TEST(Capability, AFailureDoesNotLeadToWhoCannot) {
  for (const Case& one : kCases) {
    Driven d(with_lacks({}, one.lacks));
    d.ask(asking(one.members));
    while (!d.answer) d.fail(503);
    for (const Driven::Try& attempt : d.tries) EXPECT_EQ(attempt.target, 0u) << one.what;
    EXPECT_EQ(d.answer->status, 503);
    EXPECT_TRUE(d.at_rest());
  }
}

TEST(Capability, NobodyCanIsSaidAtOnceAndNotToBeAskedAgain) {
  for (const Case& one : kCases) {
    Driven d(with_lacks(one.lacks, one.lacks));
    d.ask(asking(one.members));
    ASSERT_TRUE(d.answer) << one.what;
    EXPECT_TRUE(d.tries.empty());
    EXPECT_EQ(d.answer->kind, AnswerKind::no_target);
    EXPECT_EQ(d.answer->code, "no_target_available");
    EXPECT_EQ(d.answer->message,
              "no target can take this request now (near/near-model: cannot do what is asked; "
              "far/far-model: cannot do what is asked)");
    EXPECT_EQ(d.answer->should_retry, false);
    EXPECT_FALSE(d.answer->retry_after);
    EXPECT_EQ(d.spent().value, 0);
    EXPECT_TRUE(d.at_rest());
  }
}

TEST(Capability, WhatIsNotAskedForIsNotMissed) {
  Driven d(with_lacks({true, true, true, true}, {true, true, true, true}));
  d.ask();
  d.succeed();
  EXPECT_EQ(d.answer->status, 200);
}

TEST(Capability, ALongQuestionGoesToTheLongerContext) {
  Config config = small_config();
  config.providers[0].models[0].context_tokens = 1'000;
  Driven d(config);
  d.ask("main", "", "short");
  EXPECT_EQ(d.send().target, 0u);
  d.succeed();
  d.ask("main", "", std::string(40'000, 'x'));
  EXPECT_EQ(d.send().target, 1u);
  d.succeed();
  EXPECT_EQ(d.answer->status, 200);
  EXPECT_TRUE(d.at_rest());
}

TEST(Capability, AnUnknownContextIsTried) {
  Config config = small_config();
  config.providers[0].models[0].context_tokens = 0;
  Driven d(config);
  d.ask("main", "", std::string(40'000, 'x'));
  EXPECT_EQ(d.send().target, 0u);
  d.succeed();
}

TEST(Capability, AQuestionTooLongForAllIsSaid) {
  Config config = small_config();
  for (ProviderConfig& provider : config.providers) provider.models[0].context_tokens = 1'000;
  Driven d(config);
  d.ask("main", "", std::string(40'000, 'x'));
  ASSERT_TRUE(d.answer);
  EXPECT_THAT(d.answer->message, HasSubstr("far/far-model: context too small"));
  EXPECT_EQ(d.answer->should_retry, false);
  EXPECT_TRUE(d.tries.empty());
}

TEST(Capability, WhoCannotNowButCouldLaterIsWorthAskingAgain) {
  Config config = with_lacks({}, {.tools = true});
  config.providers[0].limits.concurrency = 1;
  Driven d(config);
  d.ask(asking(kTools));
  ASSERT_TRUE(d.last_send);  // under way
  d.ask(asking(kTools));
  d.wait(seconds(10));
  ASSERT_TRUE(d.answer);
  EXPECT_NE(d.answer->status, 200);
  EXPECT_NE(d.answer->should_retry, false);
  EXPECT_THAT(d.answer->message, HasSubstr("far/far-model: cannot do what is asked"));
}

TEST(Capability, ADowngradeCanDoWhatIsAskedToo) {
  Config config = with_lacks({}, {.images = true});
  config.routes[0].targets[1].downgrade_only = true;
  config.routes[0].cost = {.id = "downgrade"};
  config.mapping["near/near-model"] = "far/far-model";
  Driven d(config);
  d.ask(asking(kImage));
  EXPECT_EQ(d.send().target, 0u);
  d.succeed();
}

// ---- what bounds the output
// -----------------------------------------------------------------------

TEST(Capability, AClampIsSaidInTheProvidersOwnField) {
  for (const char* field : {"max_completion_tokens", "max_tokens"}) {
    Config config = small_config();
    config.providers[0].max_tokens_field = field;
    config.providers[0].models[0].output_tokens = 0;  // nobody knows: a limit is spliced in
    Driven d(config);
    d.ask(Driven::with_body(R"({"model":"main","messages":[{"role":"user","content":"x"}]})"));
    ASSERT_EQ(d.send().target, 0u);
    EXPECT_THAT(d.send().body.flatten(), HasSubstr("\"" + std::string(field) + "\":4096")) << field;
    d.succeed();
  }
}

}  // namespace
}  // namespace keel::relay
