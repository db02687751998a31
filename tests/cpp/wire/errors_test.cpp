#include "wire/errors.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::wire {

struct ErrorCase {
  int status;
  const char* body;
  ErrorCode code;
};

static void expect_codes(std::initializer_list<ErrorCase> cases) {
  for (const ErrorCase& c : cases) {
    EXPECT_EQ(code_of(read_error_body(c.body), c.status), c.code) << c.status << " " << c.body;
  }
}

TEST(Errors, OpenAi) {
  expect_codes({
      {429,
       R"({"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
       ErrorCode::rate_limited},
      {429, R"({"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}})",
       ErrorCode::exhausted},
      {429, R"({"error":{"type":"insufficient_quota","code":"credit_balance_exhausted"}})",
       ErrorCode::exhausted},
      {429, R"({"error":{"code":"organization_spend_limit_exceeded"}})", ErrorCode::exhausted},
      {429, R"({"error":{"code":"project_spend_limit_exceeded"}})", ErrorCode::exhausted},
      {429, R"({"error":{"code":"organization_usage_limit_exceeded"}})", ErrorCode::exhausted},
      {503, R"({"error":{"message":"Slow Down","type":"server_error","code":"slow_down"}})",
       ErrorCode::slow_down},
      {429, R"({"error":{"code":"slow_down","type":"rate_limit_error"}})", ErrorCode::slow_down},
      {400, R"({"error":{"type":"invalid_request_error","code":"context_length_exceeded"}})",
       ErrorCode::context_length},
      {400, R"({"error":{"type":"invalid_request_error","code":"content_policy_violation"}})",
       ErrorCode::content_policy},
      {400,
       R"({"error":{"code":"content_filter",)"
       R"("innererror":{"code":"ResponsibleAIPolicyViolation"}}})",
       ErrorCode::content_policy},
      {401, R"({"error":{"type":"invalid_request_error","code":"invalid_api_key"}})",
       ErrorCode::authentication},
      {404, R"({"error":{"type":"invalid_request_error","code":"model_not_found"}})",
       ErrorCode::not_found},
      {400, R"({"error":{"type":"invalid_request_error","code":"unsupported_parameter"}})",
       ErrorCode::invalid_request},
      {500, R"({"error":{"type":"server_error","code":null}})", ErrorCode::server_error},
  });
}

TEST(Errors, GeneralWordsDoNotOverrideTheStatus) {
  expect_codes({
      {401, R"({"error":{"message":"no key","type":"invalid_request_error","code":null}})",
       ErrorCode::none},
      {429, R"({"error":{"type":"server_error"}})", ErrorCode::none},
      {503, R"({"error":{"type":"invalid_request_error"}})", ErrorCode::none},
      {429, R"({"error":{"type":"tokens","code":"something_new"}})", ErrorCode::none},
      {500, R"({"error":{"code":400,"message":"m"}})", ErrorCode::none},
      {402, "", ErrorCode::exhausted},
      {402, R"({"error":{"type":"billing_error"}})", ErrorCode::exhausted},
  });
}

TEST(Errors, Anthropic) {
  expect_codes({
      {429, R"({"type":"error","error":{"type":"rate_limit_error","message":"m"}})",
       ErrorCode::rate_limited},
      {429,
       R"({"type":"error","error":{"type":"rate_limit_error","message":"acceleration limit"}})",
       ErrorCode::slow_down},
      {429, R"({"type":"error","error":{"type":"rate_limit_error",
               "details":{"error_code":"enforced_spend_limit_reached"}}})",
       ErrorCode::exhausted},
      {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
       ErrorCode::overloaded},
      {400, R"({"type":"error","error":{"type":"invalid_request_error",
               "message":"prompt is too long: 215000 tokens > 200000 maximum"}})",
       ErrorCode::context_length},
      {400, R"({"type":"error","error":{"type":"invalid_request_error",
               "message":"Output blocked by content filtering policy"}})",
       ErrorCode::content_policy},
      {400, R"({"type":"error","error":{"type":"invalid_request_error",
               "message":"Your credit balance is too low to access the Anthropic API."}})",
       ErrorCode::exhausted},
      {504, R"({"type":"error","error":{"type":"timeout_error"}})", ErrorCode::timeout},
      {403, R"({"type":"error","error":{"type":"permission_error"}})", ErrorCode::permission},
      {404, R"({"type":"error","error":{"type":"not_found_error","message":"model: x"}})",
       ErrorCode::not_found},
      {500, R"({"type":"error","error":{"type":"api_error"}})", ErrorCode::server_error},
  });
}

TEST(Errors, Gemini) {
  const char* per_minute = R"([{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED",
      "details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
      {"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},
      {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"45.837906927s"}]}}])";
  ProviderError error = read_error_body(per_minute);
  EXPECT_EQ(code_of(error, 429), ErrorCode::rate_limited);
  EXPECT_EQ(error.retry_after, nanoseconds(45'837'906'927));
  expect_codes({
      {429, R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[
               {"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}})",
       ErrorCode::exhausted},
      {504, R"({"error":{"code":504,"status":"DEADLINE_EXCEEDED"}})", ErrorCode::timeout},
      {400, R"({"error":{"code":400,"status":"INVALID_ARGUMENT",
               "message":"The input token count (1200000) exceeds the maximum"}})",
       ErrorCode::context_length},
      {400, R"({"error":{"code":400,"status":"INVALID_ARGUMENT","details":[
               {"reason":"API_KEY_INVALID"}]}})",
       ErrorCode::authentication},
      {400, R"({"error":{"code":400,"status":"INVALID_ARGUMENT"}})", ErrorCode::invalid_request},
      {503, R"({"error":{"code":503,"status":"UNAVAILABLE"}})", ErrorCode::server_error},
  });
}

TEST(Errors, InsideASuccessTheNumberStandsForTheStatus) {
  expect_codes({
      {200, R"({"error":{"code":429,"message":"m"}})", ErrorCode::rate_limited},
      {200, R"({"error":{"code":"502","message":"m"}})", ErrorCode::server_error},
      {200, R"({"error":{"code":402,"message":"m"}})", ErrorCode::exhausted},
      {200, R"({"error":{"type":"invalid_request_error"}})", ErrorCode::invalid_request},
      {200, R"({"error":{"type":"server_error"}})", ErrorCode::server_error},
      {200, R"({"error":{"code":-5}})", ErrorCode::none},
      {200, R"({"error":{"code":"99999999999999"}})", ErrorCode::none},
      {200, R"({"error":"boom"})", ErrorCode::none},
  });
}

TEST(Errors, ShapesSeenInTheWild) {
  auto read = [](const char* body) { return read_error_body(body); };
  EXPECT_EQ(read(R"({"error":"no such thing"})").message, "no such thing");
  EXPECT_EQ(read(R"({"error":"busy","error_type":"overloaded_error"})").type, "overloaded_error");
  EXPECT_EQ(read(R"({"detail":"Not Found"})").message, "Not Found");
  EXPECT_EQ(read(R"({"object":"error","message":"m","type":"t","code":1901})").code, "1901");
  EXPECT_EQ(read(R"({"title":"x","status":401,"message":"m"})").type, "");
  for (const char* body : {"", "null", "<html>", "[]", "{}", R"({"error":null})", R"({"error":""})",
                           R"({"error":{"message":"m"})", "\xFF", "123", R"({"detail":[{}]})"}) {
    EXPECT_FALSE(read(body).present) << body;
  }
}

TEST(Errors, WordsAreCutAtWholeCharacters) {
  std::string body = R"({"error":{"type":")" + std::string(1000, 't') + R"(","message":")";
  for (int i = 0; i < 3000; ++i) body += "\u00e9";
  ProviderError error = read_error_body(body + "\"}}");
  EXPECT_EQ(error.type.size(), kWordBytesMax);
  EXPECT_EQ(error.message.size(), kMessageBytesMax);
  EXPECT_EQ(cut_utf8("a\u00e9", 2), "a");
  EXPECT_EQ(cut_utf8("a\u00e9", 3), "a\u00e9");
  EXPECT_EQ(cut_utf8("\U0001F600", 3), "");
}

TEST(Errors, OurOwnInOpenAisShape) {
  auto body = nlohmann::json::parse(
      openai_error_body("invalid_request_error", "invalid_request", "said \"no\"\n", "model"));
  EXPECT_EQ(body["error"]["message"], "said \"no\"\n");
  EXPECT_EQ(body["error"]["type"], "invalid_request_error");
  EXPECT_EQ(body["error"]["param"], "model");
  EXPECT_EQ(body["error"]["code"], "invalid_request");
  body = nlohmann::json::parse(openai_error_body("server_error", "", "m"));
  EXPECT_TRUE(body["error"]["param"].is_null());
  EXPECT_TRUE(body["error"]["code"].is_null());
}

}  // namespace keel::wire
