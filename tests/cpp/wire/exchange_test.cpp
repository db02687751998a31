#include "wire/exchange.hpp"

#include "wire/canonical.hpp"
#include "wire/random_json.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

static Retarget named(std::string_view model, std::optional<int64_t> limit = std::nullopt,
                      std::string_view field = "max_completion_tokens") {
  Retarget to;
  to.model = model;
  to.max_output_tokens = limit;
  to.default_max_tokens_field = field;
  return to;
}

static std::string sent(const std::string& request, std::string_view model,
                        std::optional<int64_t> limit = std::nullopt,
                        std::string_view field = "max_completion_tokens") {
  Body body = Body::copy_of(request);
  auto facts = read_facts(Operation::chat, body);
  EXPECT_TRUE(facts.ok()) << request << ": " << facts.error().text();
  return facts.ok() ? retarget(body, *facts, named(model, limit, field)).flatten() : "";
}

TEST(Retarget, OnlyTheValuesChange) {
  std::string request =
      "{ \"seed\":1234567890123456789012 ,\"mod\\u0065l\" : \"a\\u0062\" ,"
      "\"messages\":[ ],\"temperature\":1e2,\t\"max_tokens\": 5e1 }";
  EXPECT_EQ(sent(request, "ab"), request);
  EXPECT_EQ(sent(request, "ab", 50), request);  // 5e1 is 50 already
  std::string model = request;
  model.replace(model.find("\"a\\u0062\""), 9, "\"x/\\\"y\"");
  EXPECT_EQ(sent(request, "x/\"y"), model);
  std::string both = model;
  both.replace(both.find("5e1"), 3, "256");
  EXPECT_EQ(sent(request, "x/\"y", 256), both);
}

TEST(Retarget, LimitGoesWhereTheClientPutItElseInFront) {
  EXPECT_EQ(sent(R"({"model":"m","messages":[]})", "m", 256),
            R"({"max_completion_tokens":256,"model":"m","messages":[]})");
  EXPECT_EQ(sent(R"({ "model":"m","messages":[]})", "n", 256, "max_tokens"),
            R"({"max_tokens":256, "model":"n","messages":[]})");
  EXPECT_EQ(sent(R"({"model":"m","messages":[],"max_tokens":null})", "m", 256),
            R"({"model":"m","messages":[],"max_tokens":256})");
  EXPECT_EQ(
      sent(R"({"max_completion_tokens":900,"model":"m","messages":[]})", "n", 256, "max_tokens"),
      R"({"max_completion_tokens":256,"model":"n","messages":[]})");
}

TEST(Retarget, WithoutAModelOrAnyMember) {
  Facts empty;
  empty.insert_at = {1, 0};
  empty.object_is_empty = true;
  EXPECT_EQ(retarget(Body::copy_of("{}"), empty, named("m")).flatten(), R"({"model":"m"})");
  EXPECT_EQ(retarget(Body::copy_of("{}"), empty, named("m", 5, "max_tokens")).flatten(),
            R"({"model":"m","max_tokens":5})");
  empty.operation = Operation::embeddings;  // has no output to limit
  EXPECT_EQ(retarget(Body::copy_of("{}"), empty, named("m", 5)).flatten(), R"({"model":"m"})");
}

// Whatever the request looks like: the result reads back as asked, and putting the old values in
// again gives the old bytes.
TEST(Retarget, EveryOtherByteStays) {
  RandomJson random(3);
  for (int round = 0; round < 3000; ++round) {
    Tree tree = random.object(3);
    auto add = [&](const char* key, Tree::Kind kind, const char* text) {
      tree.keys.push_back(key);
      tree.children.push_back({});
      tree.children.back().kind = kind;
      tree.children.back().text = text;
    };
    add("model", Tree::Kind::string, "mod\u00e9l");
    add("messages", Tree::Kind::array, "");
    uint64_t limited = random.below(3);
    if (limited == 1) add("max_tokens", Tree::Kind::integer, "7");
    if (limited == 2) add("max_completion_tokens", Tree::Kind::literal, "null");
    std::string request = random.write(tree);
    Body body = Body::copy_of(request);
    auto facts = read_facts(Operation::chat, body);
    ASSERT_TRUE(facts.ok()) << request << facts.error().text();
    SplicedBody spliced = retarget(body, *facts, named("other", 300));
    std::string text = spliced.flatten();
    auto again = read_facts(Operation::chat, Body::copy_of(text));
    ASSERT_TRUE(again.ok()) << text << again.error().text();
    ASSERT_EQ(again->model, "other");
    ASSERT_EQ(again->max_output_tokens, 300);
    ASSERT_EQ(again->input_tokens_bound, facts->input_tokens_bound);
    for (auto splice = spliced.splices.rbegin(); splice != spliced.splices.rend(); ++splice) {
      size_t shift = 0;
      for (auto before = splice + 1; before != spliced.splices.rend(); ++before) {
        shift += before->text.size() - before->at.length;
      }
      text.replace(splice->at.offset + shift, splice->text.size(),
                   request.substr(splice->at.offset, splice->at.length));
    }
    ASSERT_EQ(text, request);
  }
}

// Damaged requests and replies: no reader crashes, spans stay inside, what is accepted is readable.
TEST(Exchange, DamagedBytes) {
  RandomJson random(5);
  const Dialect& dialect = *dialect_named("openai");
  const std::string request =
      R"({"model":"m","messages":[{"role":"user","content":"h\u00e9 \ud83d\ude00"},
      {"content":[{"image_url":{}},{"file":{"file_id":"f"}}]}],"max_tokens":1e2,"n":2,"seed":1.5,
      "tools":[{"type":"function"}],"stream_options":{"include_usage":true}})";
  const std::string reply = R"({"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],
      "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15},"error":{"code":1,
      "details":[{"retryDelay":"1s","violations":[{"quotaId":"PerDay"}]}]}})";
  auto damage = [&](std::string text) {
    for (uint64_t n = 1 + random.below(4); n > 0 && !text.empty(); --n) {
      size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, 1 + random.below(8));
          break;
        case 2:
          text.insert(at, text.substr(random.below(text.size()), random.below(30)));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    return text;
  };
  size_t accepted = 0;
  for (int round = 0; round < 30000; ++round) {
    Body body = Body::take(damage(request));
    auto facts = read_facts(Operation::chat, body);
    if (facts.ok()) {
      ++accepted;
      for (Span span : {facts->model_value, facts->max_tokens_value, facts->first_message_text}) {
        ASSERT_LE(span.end(), body.size());
      }
      ASSERT_GE(facts->input_tokens_bound, facts->input_tokens_estimate);
      auto again = read_facts(Operation::chat,
                              Body::take(retarget(body, *facts, named("x", 256)).flatten()));
      ASSERT_TRUE(again.ok()) << body.view();
      if (facts->cacheable) {
        ASSERT_TRUE(canonical_request(body).ok()) << body.view();
      }
    }
    Body damaged = Body::take(damage(reply));
    for (int status : {200, 429}) {
      Decoded out = dialect.decode_reply(Operation::chat, status, {}, damaged, 0);
      ASSERT_TRUE(!out.outcome.usage || out.outcome.usage->in > 0);
    }
    dialect.text_of(damaged);
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace keel::wire
