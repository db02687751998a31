#include "wire/openai_plain.hpp"

#include "wire/streams.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

using Kind = StreamEvent::Kind;

static std::vector<StreamEvent> plain(const std::string& body,
                                      Operation operation = Operation::chat) {
  auto events = dialect_named("openai")->events_of_plain(operation, Body::copy_of(body));
  std::string bytes;
  for (const StreamEvent& event : events) bytes += event.bytes;
  if (!bytes.empty()) {
    EXPECT_EQ(told(events_of(bytes, operation)), told(events)) << bytes;
  }
  return events;
}

static std::string kinds(const std::vector<StreamEvent>& events) {
  std::string out;
  for (const StreamEvent& event : events) out += "lcfueUd"[static_cast<size_t>(event.kind)];
  return out;
}

static std::string sample(const std::string& name) {
  std::ifstream file(std::string(KEEL_SOURCE_DIR) + "/tests/data/openai_replies/" + name + ".json");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

TEST(OpenAiPlain, TheSameTextsIdsAndCounts) {
  std::string body = sample("chat-basic");
  auto events = plain(body);
  EXPECT_EQ(kinds(events), "lcfud");
  EXPECT_EQ(lane_text(events), dialect_named("openai")->text_of(Body::copy_of(body)));
  EXPECT_EQ(events[3].usage, (Usage{8, 0, 0, 377, 320}));
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    const StreamEvent& event = events[i];
    EXPECT_EQ(event.bytes.substr(event.model.offset, event.model.length),
              "\"gpt-5-nano-2025-08-07\"");
    EXPECT_FALSE(event.id.empty());
  }
}

TEST(OpenAiPlain, ToolCalls) {
  auto events = plain(sample("chat-tools"));
  EXPECT_EQ(kinds(events), "llcfud");  // its empty annotations, too
  EXPECT_EQ(lane_text(events, {0, Lane::Part::tool_name, 0}), "get_current_weather");
  EXPECT_FALSE(lane_text(events, {0, Lane::Part::tool_arguments, 0}).empty());
  events = plain(R"({"choices":[{"message":{"tool_calls":[
      {"index":7,"id":"a","type":"function","function":{"name":"f","arguments":{"x": [1,
 2]}}},{"id":"b","function":{"arguments":"{}","name":"g"}}]}}]})");
  EXPECT_EQ(kinds(events), "lccfd");
  EXPECT_EQ(lane_text(events, {0, Lane::Part::tool_arguments, 0}), R"({"x": [1,  2]})");
  EXPECT_EQ(lane_text(events, {0, Lane::Part::tool_name, 1}), "g");
  EXPECT_NE(events[3].bytes.find(R"("finish_reason":"tool_calls")"), std::string::npos);
}

TEST(OpenAiPlain, ExactBytes) {
  auto events = plain(R"({"id":"x","model":"m","usage":null,"created":1e0,"choices":[
      {"index":1,"finish_reason":"length","logprobs":{"a":1},"message":{"role":"assistant",
       "content":"a\u00e9","refusal":null,"reasoning":"r"}}],"x":{}})");
  const std::string head = R"(data: {"id":"x","model":"m","created":1e0,)"
                           R"("object":"chat.completion.chunk","choices":[{"index":1,)";
  ASSERT_EQ(kinds(events), "lcfd");
  EXPECT_EQ(
      events[0].bytes,
      head + R"("delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]})"
             "\n\n");
  EXPECT_EQ(events[1].bytes, head + R"("delta":{"content":"a\u00e9","reasoning":"r"},)"
                                    R"("logprobs":{"a":1},"finish_reason":null}]})"
                                    "\n\n");
  EXPECT_EQ(events[2].bytes, head + R"("delta":{},"logprobs":null,"finish_reason":"length"}]})"
                                    "\n\n");
  EXPECT_EQ(events[3].bytes, "data: [DONE]\n\n");
}

TEST(OpenAiPlain, SeveralChoicesAndEmptyOnes) {
  auto events = plain(R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"},)"
                      R"({"message":{"content":null},"finish_reason":"content_filter"},{}]})");
  EXPECT_EQ(kinds(events), "lcflflfd");
  EXPECT_TRUE(events[4].content_filtered);
  EXPECT_EQ(lane_text(events, {0, Lane::Part::text, 0}), "a");
}

TEST(OpenAiPlain, Completions) {
  auto events = plain(R"({"id":"c","choices":[{"text":"a\nb","index":0,)"
                      R"("logprobs":null,"finish_reason":"length"}],)"
                      R"("usage":{"prompt_tokens":5,"completion_tokens":7}})",
                      Operation::completions);
  EXPECT_EQ(kinds(events), "cfud");
  EXPECT_EQ(lane_text(events), "a\nb");
  EXPECT_EQ(events[0].bytes,
            "data: {\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":"
            "\"a\\nb\",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
}

TEST(OpenAiPlain, WhatIsNoAnswer) {
  for (const char* body : {"", "  ", "{", "<html>", "\xFF", "{} x"}) {
    auto events = plain(body);
    ASSERT_EQ(kinds(events), "U") << body;
    EXPECT_EQ(events[0].outcome.ended, Ended::unusable);
    EXPECT_FALSE(events[0].outcome.message.empty());
    EXPECT_TRUE(events[0].bytes.empty());
  }
  for (const char* body :
       {"{}", R"({"choices":[]})", R"({"error":{"message":"m"}})",
        R"({"choices":[{"message":{"content":"x"},"finish_reason":"error"}]})"}) {
    auto events = plain(body);
    ASSERT_EQ(kinds(events), "e") << body;
    EXPECT_EQ(events[0].outcome.ended, Ended::unusable);
    EXPECT_EQ(events[0].outcome.status, 200);
  }
  EXPECT_EQ(plain(R"({"error":{"type":"rate_limit_error"}})")[0].outcome.code,
            ErrorCode::rate_limited);
}

}  // namespace keel::wire
