#include "wire/exchange.hpp"

#include "wire/canonical.hpp"
#include "wire/random_json.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace keel::wire {

static Retarget named(std::string_view model, std::optional<int64_t> limit = std::nullopt,
                      std::string_view field = "max_completion_tokens") {
  Retarget to;
  to.model = model;
  to.max_output_tokens = limit;
  to.max_tokens_field = field;
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
      R"({"max_tokens":256,"model":"n","messages":[]})");
  // A target that goes by max_tokens may not know the newer field, and then nothing bounds it.
  EXPECT_EQ(
      sent(R"({"model":"m", "max_completion_tokens" : 9,"messages":[]})", "m", {}, "max_tokens"),
      R"({"model":"m", "max_tokens" : 9,"messages":[]})");
  EXPECT_EQ(sent(R"({"model":"m","max_tokens":9,"messages":[]})", "m"),
            R"({"model":"m","max_tokens":9,"messages":[]})");
  for (const char* both :
       {R"({"model":"m","max_tokens":null,"max_completion_tokens":9,"messages":[]})",
        R"({"model":"m","max_completion_tokens":9,"max_tokens":null,"messages":[]})"}) {
    EXPECT_EQ(sent(both, "m", {}, "max_tokens"), both) << "no field twice";
  }
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

static std::string streamed(const std::string& members) {
  Body body = Body::copy_of(R"({"model":"m","messages":[],"stream":true)" + members + "}");
  auto facts = read_facts(Operation::chat, body);
  EXPECT_TRUE(facts.ok()) << members;
  Retarget to = named("m");
  to.ask_usage = true;
  return facts.ok() ? retarget(body, *facts, to).flatten() : "";
}

TEST(Retarget, AsksForUsageWhereTheClientDidNot) {
  const std::string head = R"({"model":"m","messages":[],"stream":true)";
  EXPECT_EQ(streamed(""), R"({"stream_options":{"include_usage":true},)" + head.substr(1) + "}");
  auto becomes = [&](const char* before, const char* after) {
    EXPECT_EQ(streamed(std::string(",\"stream_options\": ") + before),
              head + ",\"stream_options\": " + after + "}");
  };
  becomes("null", R"({"include_usage":true})");
  becomes("{ }", R"({"include_usage":true })");
  becomes(R"({ "x":1})", R"({"include_usage":true, "x":1})");
  becomes(R"({"include_usage" : false , "x":1})", R"({"include_usage" : true , "x":1})");
  becomes(R"({"x":[{}],"include_usage":null})", R"({"x":[{}],"include_usage":true})");
  becomes(R"({"include_usage":true})", R"({"include_usage":true})");
  becomes(R"("odd")", R"("odd")");  // for its provider to refuse
  Retarget to = named("m");
  to.ask_usage = true;
  Body plain = Body::copy_of(R"({"model":"m","messages":[],"stream":false})");
  EXPECT_EQ(retarget(plain, *read_facts(Operation::chat, plain), to).flatten(), plain.view());
}

static std::string resumed(const std::string& request, std::string_view begun, Prefill prefill) {
  Body body = Body::copy_of(request);
  auto facts = read_facts(Operation::chat, body);
  EXPECT_TRUE(facts.ok()) << request;
  Retarget to = named("m");
  to.begun = begun;
  to.prefill = prefill;
  return facts.ok() ? retarget(body, *facts, to).flatten() : "";
}

TEST(Retarget, GoesOnWithWhatWasBegun) {
  const std::string request =
      R"({"model":"m","messages":[{"role":"user","content":"]"} ], "n":1e0})";
  auto with = [&](const std::string& message) {
    std::string out = request;
    return out.insert(out.find(" ], \"n\"") + 1, message);
  };
  EXPECT_EQ(resumed(request, "so\n\"far\"", Prefill::plain),
            with(R"(,{"role":"assistant","content":"so\n\"far\""})"));
  const std::string marked = with(R"(,{"role":"assistant","content":"x","prefix":true})");
  EXPECT_EQ(resumed(request, "x", Prefill::prefix), marked);
  EXPECT_EQ(resumed(request, "x", Prefill::prefix_echoed), marked);
  EXPECT_EQ(resumed(request, "x", Prefill::final_message),
            R"({"continue_final_message":true,"add_generation_prompt":false,)" +
                with(R"(,{"role":"assistant","content":"x"})").substr(1));
  // The client's own switches are turned, not repeated.
  EXPECT_EQ(resumed(R"({"add_generation_prompt": true ,"model":"m","messages":[]})", "x",
                    Prefill::final_message),
            R"({"continue_final_message":true,"add_generation_prompt": false ,"model":"m",)"
            R"("messages":[{"role":"assistant","content":"x"}]})");
  EXPECT_EQ(resumed(request, "x", Prefill::none), request);
  EXPECT_EQ(resumed(request, "", Prefill::plain), request);
  EXPECT_EQ(resumed(R"({"messages":[ ],"model":"m"})", "x", Prefill::plain),
            R"({"messages":[ {"role":"assistant","content":"x"}],"model":"m"})");
}

TEST(Retarget, OurOwnMembersAreCutOut) {
  auto m = [](const char* request) { return sent(request, "m"); };
  EXPECT_EQ(m(R"({"models":["a"],"model":"m","messages":[]})"), R"({"model":"m","messages":[]})");
  EXPECT_EQ(m(R"({ "models" : ["a"] , "fallbacks":[] ,"model":"m","messages":[]})"),
            R"({  "model":"m","messages":[]})");
  EXPECT_EQ(m(R"({"model":"m", "models":["a"] ,"messages":[]})"),
            R"({"model":"m" ,"messages":[]})");
  EXPECT_EQ(m(R"({"model":"m","messages":[] , "fallbacks":null , "models":["a"] })"),
            R"({"model":"m","messages":[]   })");
  EXPECT_EQ(m(R"({"models":["m"],"messages":[],"fallbacks":["b"]})"),
            R"({"model":"m","messages":[]})");
  EXPECT_EQ(sent(R"({"models":["a"],"model":"m","messages":[]})", "n", 256),
            R"({"max_completion_tokens":256,"model":"n","messages":[]})");
}

TEST(Retarget, CompletionsHaveTheOlderLimit) {
  auto limited = [](const char* request) {
    Body body = Body::copy_of(request);
    auto facts = read_facts(Operation::completions, body);
    EXPECT_TRUE(facts.ok()) << facts.error().text();
    return retarget(body, *facts, named("m", 256)).flatten();
  };
  EXPECT_EQ(limited(R"({"model":"m","prompt":"x"})"),
            R"({"max_tokens":256,"model":"m","prompt":"x"})");
  EXPECT_EQ(limited(R"({"model":"m","prompt":"x","max_tokens":900})"),
            R"({"model":"m","prompt":"x","max_tokens":256})");
}

// Everything at once, in requests of any look: the result reads back as asked, and undoing the
// splices gives the client's bytes.
TEST(Retarget, EverySpliceTogether) {
  RandomJson random(17);
  for (int round = 0; round < 5000; ++round) {
    Tree tree = random.object(2);
    auto add = [&](const char* key, Tree::Kind kind, const std::string& text) -> Tree& {
      tree.keys.push_back(key);
      tree.children.push_back({});
      tree.children.back().kind = kind;
      tree.children.back().text = text;
      return tree.children.back();
    };
    auto names = [&](const char* key) {
      Tree list;
      list.kind = Tree::Kind::array;
      for (uint64_t n = random.below(3); n > 0; --n) {
        list.children.push_back({});
        list.children.back().kind = Tree::Kind::string;
        list.children.back().text = "f" + std::to_string(n);
      }
      add(key, Tree::Kind::array, "").children = list.children;
    };
    if (random.below(4) != 0) add("model", Tree::Kind::string, "m\u00e9");
    Tree& messages = add("messages", Tree::Kind::array, "");
    for (uint64_t n = random.below(3); n > 0; --n) messages.children.push_back(random.object(1));
    add("stream", Tree::Kind::literal, "true");
    uint64_t options = random.below(4);
    if (options == 1) add("stream_options", Tree::Kind::literal, "null");
    if (options > 1) {
      Tree& object = add("stream_options", Tree::Kind::object, "");
      if (options == 3) {
        object.keys.push_back("include_usage");
        object.children.push_back({});
        object.children.back().text = random.below(2) == 0 ? "null" : "false";
      }
    }
    bool nameless = std::find(tree.keys.begin(), tree.keys.end(), "model") == tree.keys.end();
    if (random.below(2) == 0) names("fallbacks");
    if (random.below(2) == 0 || nameless) names("models");
    std::string request = random.write(tree);
    Body body = Body::copy_of(request);
    auto facts = read_facts(Operation::chat, body);
    if (nameless && !facts.ok()) continue;
    ASSERT_TRUE(facts.ok()) << request << facts.error().text();
    Retarget to = named("other", 300);
    to.ask_usage = true;
    to.begun = "so far";
    to.prefill = random.below(2) == 0 ? Prefill::final_message : Prefill::prefix;
    SplicedBody spliced = retarget(body, *facts, to);
    std::string text = spliced.flatten();
    auto again = read_facts(Operation::chat, Body::copy_of(text));
    ASSERT_TRUE(again.ok()) << request << '\n' << text << again.error().text();
    ASSERT_EQ(again->model, "other");
    ASSERT_EQ(again->max_output_tokens, 300);
    ASSERT_TRUE(again->include_usage && again->prefilled) << text;
    ASSERT_TRUE(again->ours.empty() && again->fallbacks.empty()) << text;
    size_t end = 0;
    for (const Splice& splice : spliced.splices) {
      ASSERT_GE(splice.at.offset, end);
      end = splice.at.end();
    }
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
