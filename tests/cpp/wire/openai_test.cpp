#include "wire/openai.hpp"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace keel::wire {

static const Dialect& openai() {
  return *dialect_named("openai");
}

static Decoded decode(const std::string& body, int status = 200, const Headers& headers = {},
                      Operation operation = Operation::chat) {
  return openai().decode_reply(operation, status, headers, Body::copy_of(body), 0);
}

static std::string reply_sample(const std::string& name) {
  std::ifstream file(std::string(KEEL_SOURCE_DIR) + "/tests/data/openai_replies/" + name + ".json");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

static std::string chat_reply(const std::string& usage) {
  return R"({"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":)" + usage +
         "}";
}

static std::optional<Usage> usage_in(const std::string& usage) {
  Decoded out = decode(chat_reply(usage));
  EXPECT_EQ(out.outcome.ended, Ended::replied) << usage;
  return out.outcome.usage;
}

TEST(OpenAi, Dialects) {
  EXPECT_EQ(openai().name(), "openai");
  EXPECT_EQ(dialect_named(""), nullptr);
  EXPECT_EQ(dialect_named("OpenAI"), nullptr);
}

TEST(OpenAi, Heads) {
  HttpRequest chat = openai().head(Operation::chat, Secret("sk-1"), "openai-python/2.0");
  EXPECT_EQ(chat.method, "POST");
  EXPECT_EQ(chat.path, "/chat/completions");
  EXPECT_EQ(find_header(chat.headers, "authorization"), "Bearer sk-1");
  EXPECT_EQ(find_header(chat.headers, "content-type"), "application/json");
  EXPECT_EQ(find_header(chat.headers, "user-agent"), "keel openai-python/2.0");
  HttpRequest embed = openai().head(Operation::embeddings, Secret(), "bad\r\nx-evil: 1");
  EXPECT_EQ(embed.path, "/embeddings");
  EXPECT_EQ(find_header(embed.headers, "authorization"), std::nullopt);
  EXPECT_EQ(find_header(embed.headers, "user-agent"), "keel");
  HttpRequest probe = openai().probe(Secret("sk\r\nx: y"));
  EXPECT_EQ(probe.method + " " + probe.path, "GET /models");
  EXPECT_EQ(find_header(probe.headers, "authorization"), std::nullopt);
}

TEST(OpenAi, RecordedReplies) {
  Decoded basic = decode(reply_sample("chat-basic"), 200, {{"x-request-id", "req_1"}});
  EXPECT_EQ(basic.outcome.ended, Ended::replied);
  EXPECT_EQ(basic.outcome.status, 200);
  EXPECT_EQ(basic.outcome.usage, (Usage{8, 0, 0, 377, 320}));
  EXPECT_EQ(basic.model_served, "gpt-5-nano-2025-08-07");
  EXPECT_EQ(basic.finish_reason, "stop");
  EXPECT_EQ(basic.upstream_request_id, "req_1");
  EXPECT_EQ(openai().text_of(Body::copy_of(reply_sample("chat-basic"))).substr(0, 9), "Hi there!");

  Decoded tools = decode(reply_sample("chat-tools"));
  EXPECT_EQ(tools.outcome.usage, (Usage{162, 0, 0, 287, 256}));
  EXPECT_EQ(tools.finish_reason, "tool_calls");
  EXPECT_EQ(openai().text_of(Body::copy_of(reply_sample("chat-tools"))), "");

  EXPECT_TRUE(decode(reply_sample("azure-chat-basic")).outcome.usage.has_value());
  EXPECT_EQ(decode(reply_sample("azure-chat-basic")).outcome.ended, Ended::replied);
  EXPECT_EQ(decode(reply_sample("chat-json-mode")).outcome.ended, Ended::replied);

  Decoded unknown = decode(reply_sample("chat-unknown-model"), 404);
  EXPECT_EQ(unknown.outcome.ended, Ended::replied);
  EXPECT_EQ(unknown.outcome.code, ErrorCode::not_found);
  EXPECT_EQ(unknown.outcome.error_code, "model_not_found");
  EXPECT_EQ(unknown.outcome.error_type, "invalid_request_error");
  EXPECT_FALSE(unknown.outcome.message.empty());
  EXPECT_EQ(decode(reply_sample("chat-bad-request"), 400).outcome.code, ErrorCode::invalid_request);
}

TEST(OpenAi, Embeddings) {
  auto embed = [](const std::string& body) {
    return decode(body, 200, {}, Operation::embeddings).outcome;
  };
  Outcome list = embed(R"({"data":[{"embedding":[0.1,-2e-3],"index":0}],
      "model":"text-embedding-3-small","usage":{"prompt_tokens":7,"total_tokens":7}})");
  EXPECT_EQ(list.ended, Ended::replied);
  EXPECT_EQ(list.usage, (Usage{7, 0, 0, 0, 0}));
  EXPECT_EQ(embed(R"({"data":[{"embedding":"AAAA"}]})").ended, Ended::replied);
  EXPECT_EQ(embed(R"({"data":[]})").ended, Ended::unusable);
  EXPECT_EQ(embed(R"({"data":[{"index":0}]})").ended, Ended::unusable);
  EXPECT_EQ(embed(reply_sample("chat-basic")).ended, Ended::unusable);
}

TEST(OpenAi, UsageAsCounted) {
  EXPECT_EQ(usage_in(R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
      "prompt_tokens_details":{"cached_tokens":4},
      "completion_tokens_details":{"reasoning_tokens":3}})"),
            (Usage{10, 4, 0, 5, 3}));
  EXPECT_EQ(usage_in(R"({"prompt_tokens":10,"completion_tokens":0,"prompt_tokens_details":null,
      "completion_tokens_details":{"reasoning_tokens":null}})"),
            (Usage{10, 0, 0, 0, 0}));
  EXPECT_EQ(usage_in(R"({"prompt_tokens":1e1,"completion_tokens":5.0})"), (Usage{10, 0, 0, 5, 0}));
  // Reasoning outside completion_tokens is in the total, and billed.
  EXPECT_EQ(usage_in(R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,
      "completion_tokens_details":{"reasoning_tokens":100}})"),
            (Usage{10, 0, 0, 105, 100}));
}

TEST(OpenAi, DoubtfulUsageIsNone) {
  for (
      const char* usage :
      {"null", "{}", "[]", "\"5\"", "7", R"({"prompt_tokens":10})", R"({"completion_tokens":5})",
       R"({"prompt_tokens":0,"completion_tokens":5})",
       R"({"prompt_tokens":-10,"completion_tokens":5})",
       R"({"prompt_tokens":10,"completion_tokens":-5})",
       R"({"prompt_tokens":10,"completion_tokens":null})",
       R"({"prompt_tokens":"10","completion_tokens":5})",
       R"({"prompt_tokens":1.5,"completion_tokens":5})",
       R"({"prompt_tokens":10,"completion_tokens":1e18})",
       R"({"prompt_tokens":10,"completion_tokens":99999999999999999999999})",
       R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":-1})",
       R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":11}})",
       R"({"prompt_tokens":10,"completion_tokens":5,
            "completion_tokens_details":{"reasoning_tokens":6}})"}) {
    EXPECT_EQ(usage_in(usage), std::nullopt) << usage;
  }
  Decoded none = decode(R"({"choices":[{"message":{"content":"x"}}]})");
  EXPECT_EQ(none.outcome.ended, Ended::replied);
  EXPECT_EQ(none.outcome.usage, std::nullopt);
}

TEST(OpenAi, SuccessesThatAreNone) {
  for (const char* body : {"",
                           " \n",
                           "null",
                           "[]",
                           "{}",
                           "hello",
                           "<html></html>",
                           R"({"choices":[]})",
                           R"({"choices":null})",
                           R"({"choices":{}})",
                           R"({"choices":[{}]})",
                           R"({"choices":[null]})",
                           R"({"choices":[{"message":null}]})",
                           R"({"choices":[{"message":{}}],)",
                           R"({"choices":[{"message":{"content":"x"}}]} trailing)",
                           "{\"choices\":[{\"message\":{\"content\":\"\xFF\"}}]}",
                           R"({"error":{"message":"m"}})",
                           R"({"error":"m"})",
                           R"({"choices":[{"message":{"content":"x"}}],"error":{"message":"m"}})",
                           R"({"choices":[{"message":{"content":""},"finish_reason":"error",
            "error":{"code":502,"message":"m"}}]})"}) {
    Decoded out = decode(body);
    EXPECT_EQ(out.outcome.ended, Ended::unusable) << body;
    EXPECT_EQ(out.outcome.status, 200);
    EXPECT_FALSE(out.outcome.message.empty()) << body;
  }
  EXPECT_EQ(decode("", 204).outcome.ended, Ended::unusable);
  // A null or empty error is none.
  EXPECT_EQ(decode(R"({"choices":[{"message":{"content":"x"}}],"error":null})").outcome.ended,
            Ended::replied);
}

TEST(OpenAi, ErrorInsideASuccess) {
  Decoded out = decode(R"({"error":{"message":"slow","type":"rate_limit_error","code":429}})", 200,
                       {{"retry-after", "3"}});
  EXPECT_EQ(out.outcome.code, ErrorCode::rate_limited);
  EXPECT_EQ(out.outcome.error_type, "rate_limit_error");
  EXPECT_EQ(out.outcome.error_code, "429");
  EXPECT_EQ(out.outcome.message, "slow");
  EXPECT_EQ(out.outcome.hint.after, seconds(3));
  EXPECT_EQ(decode(R"({"object":"error","message":"m","type":"server_error"})").outcome.code,
            ErrorCode::server_error);
  EXPECT_EQ(decode(R"({"choices":[{"message":{},"finish_reason":"error",
      "error":{"code":529,"message":"m"}}]})")
                .outcome.code,
            ErrorCode::overloaded);
}

TEST(OpenAi, ContentFilter) {
  Decoded out =
      decode(R"({"choices":[{"finish_reason":"content_filter","message":{"content":null}}],
      "usage":{"prompt_tokens":5,"completion_tokens":1}})");
  EXPECT_EQ(out.outcome.ended, Ended::replied);
  EXPECT_TRUE(out.outcome.content_filtered);
  EXPECT_EQ(out.finish_reason, "content_filter");
  EXPECT_TRUE(out.outcome.usage.has_value());
  EXPECT_TRUE(decode(R"({"choices":[{"finish_reason":"stop","message":{}},
      {"finish_reason":"content_filter","message":{}}]})")
                  .outcome.content_filtered);
  EXPECT_FALSE(decode(reply_sample("chat-basic")).outcome.content_filtered);
}

TEST(OpenAi, FailuresWithAnyBody) {
  for (int status : {301, 400, 401, 404, 408, 429, 500, 503, 529, 599}) {
    for (const char* body : {"", "null", "{", "<html>", "\xFF\xFE", "{}", R"({"choices":[]})"}) {
      Decoded out = decode(body, status);
      EXPECT_EQ(out.outcome.ended, Ended::replied);
      EXPECT_EQ(out.outcome.status, status);
      EXPECT_EQ(out.outcome.code, ErrorCode::none) << status << body;
      EXPECT_EQ(out.outcome.message, "null" == std::string(body) ? "null" : "") << body;
      EXPECT_EQ(out.outcome.usage, std::nullopt);
    }
  }
  EXPECT_EQ(decode("upstream connect error", 503).outcome.message, "upstream connect error");
  EXPECT_EQ(
      decode("", 429, {{"retry-after-ms", "250"}, {"x-should-retry", "false"}}).outcome.hint.after,
      milliseconds(250));
  EXPECT_EQ(decode("", 500, {{"x-should-retry", "false"}}).outcome.hint.should_retry, false);
}

TEST(OpenAi, RequestIdsAreTheProvidersWord) {
  auto id = [](const Headers& headers) { return decode("", 500, headers).upstream_request_id; };
  EXPECT_EQ(id({{"request-id", "a"}}), "a");
  EXPECT_EQ(id({{"request-id", "a"}, {"x-request-id", "b"}}), "b");
  EXPECT_EQ(id({{"x-request-id", "a\nb"}}), "");
  EXPECT_EQ(id({{"x-request-id", std::string(129, 'a')}}), "");
}

TEST(OpenAi, TextOfAReply) {
  auto text = [](const char* body) { return openai().text_of(Body::copy_of(body)); };
  EXPECT_EQ(text(R"({"choices":[{"message":{"content":"a\u00e9"}},{"message":{"content":"b"}}]})"),
            "a\u00e9");
  EXPECT_EQ(text(R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":[]},
      {"type":"text","text":"one "},{"type":"text","text":"two"}]}}]})"),
            "one two");
  EXPECT_EQ(text(R"({"choices":[{"message":{"content":null}}]})"), "");
  EXPECT_EQ(text(R"({"content":"x"})"), "");
  EXPECT_EQ(text(""), "");
}

TEST(OpenAi, CompletionsAreTheOlderForm) {
  HttpRequest head = openai().head(Operation::completions, Secret("sk-1"), "");
  EXPECT_EQ(head.path, "/completions");
  EXPECT_EQ(find_header(head.headers, "accept"), "application/json");
  auto read = [](const std::string& body) { return decode(body, 200, {}, Operation::completions); };
  Decoded out = read(R"({"id":"cmpl-1","object":"text_completion","model":"m","choices":[
      {"text":"","index":0,"logprobs":null,"finish_reason":"length"}],
      "usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})");
  EXPECT_EQ(out.outcome.ended, Ended::replied);
  EXPECT_EQ(out.outcome.usage, (Usage{5, 0, 0, 7, 0}));
  EXPECT_EQ(out.finish_reason, "length");
  EXPECT_EQ(out.model_served, "m");
  for (const char* body :
       {R"({"choices":[]})", R"({"choices":[{"text":null}]})", R"({"choices":[{"message":{}}]})"}) {
    EXPECT_EQ(read(body).outcome.ended, Ended::unusable) << body;
    EXPECT_EQ(read(body).outcome.message, "the reply has no choices");
  }
  EXPECT_EQ(openai().text_of(Body::copy_of(R"({"choices":[{"text":"a\n"},{"text":"b"}]})")), "a\n");
}

}  // namespace keel::wire
