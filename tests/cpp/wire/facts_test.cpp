#include "wire/facts.hpp"

#include "wire/prompt.hpp"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace keel::wire {

static Result<Facts> facts_of(std::string_view text, Operation operation = Operation::chat) {
  return read_facts(operation, Body::copy_of(text));
}

static Facts chat_with(const std::string& members) {
  auto facts = facts_of(R"({"model":"m","messages":[])" + members + "}");
  EXPECT_TRUE(facts.ok()) << members << ": " << facts.error().text();
  return facts.ok() ? *facts : Facts{};
}

static Error chat_error(const std::string& members) {
  auto facts = facts_of(R"({"model":"m","messages":[])" + members + "}");
  EXPECT_FALSE(facts.ok()) << members;
  return facts.ok() ? Error{} : facts.error();
}

static std::string_view at(std::string_view text, Span span) {
  return text.substr(span.offset, span.length);
}

static std::string sample(const std::string& name) {
  std::ifstream file(std::string(KEEL_SOURCE_DIR) + "/tests/data/openai_replies/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

TEST(Facts, PlainRequest) {
  std::string_view text =
      " { \"model\" : \"gpt-4.1\" ,\n \"messages\":[{\"role\":\"user\",\"content\":\"Hi "
      "\\u00e9\"}],"
      "\"max_tokens\": 100 }";
  auto facts = facts_of(text);
  ASSERT_TRUE(facts.ok()) << facts.error().text();
  EXPECT_EQ(facts->model, "gpt-4.1");
  EXPECT_EQ(at(text, facts->model_value), "\"gpt-4.1\"");
  EXPECT_EQ(facts->insert_at.offset, 2u);
  EXPECT_FALSE(facts->object_is_empty);
  EXPECT_EQ(facts->max_tokens_field, MaxTokensField::max_tokens);
  EXPECT_EQ(at(text, facts->max_tokens_value), "100");
  EXPECT_EQ(facts->max_output_tokens, 100);
  EXPECT_EQ(facts->choices, 1);
  EXPECT_EQ(at(text, facts->first_message_text), "\"Hi \\u00e9\"");
  EXPECT_TRUE(facts->cacheable);
  EXPECT_FALSE(facts->stream || facts->include_usage || facts->deterministic);
  EXPECT_FALSE(facts->asks_tools || facts->asks_schema || facts->asks_images);
  EXPECT_FALSE(facts->side_effects || facts->asks_audio || facts->asks_reasoning);
}

TEST(Facts, KeysCountByMeaning) {
  std::string_view text = R"({"mod\u0065l":"\u0061b","messages":[]})";
  auto facts = facts_of(text);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->model, "ab");
  EXPECT_EQ(at(text, facts->model_value), R"("\u0061b")");
  auto twice = facts_of(R"({"model":"a","messages":[],"mod\u0065l":"b"})");
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, "invalid_request");
  EXPECT_EQ(twice.error().where, "model");
  EXPECT_EQ(chat_error(R"(,"x":1,"x":1)").where, "x");
}

TEST(Facts, RefusesWhatIsNoRequest) {
  for (const char* text :
       {"", "  ", "null", "[]", "\"x\"", "{", "{\"model\":\"m\",}", "{}", R"({"model":"m"})",
        R"({"messages":[]})", "\xEF\xBB\xBF{}", "{\"model\":\"\xFF\",\"messages\":[]}",
        R"({"model":"m","messages":[]} x)"}) {
    auto facts = facts_of(text);
    ASSERT_FALSE(facts.ok()) << text;
    EXPECT_EQ(facts.error().code, "invalid_request");
    EXPECT_FALSE(facts.error().message.empty());
  }
  EXPECT_EQ(facts_of("[]").error().message, "found an array, wanted a JSON object");
  EXPECT_EQ(facts_of(R"({"messages":[]})").error().where, "model");
  EXPECT_EQ(facts_of(R"({"model":"m"})").error().where, "messages");
  EXPECT_EQ(facts_of(R"({"model":"m"})", Operation::embeddings).error().where, "input");
}

TEST(Facts, RefusesModelsThatAreNone) {
  for (const char* value : {"null", "1", "[]", "\"\"", R"("a\u0000")", R"("a\nb")"}) {
    auto facts = facts_of(std::string(R"({"messages":[],"model":)") + value + "}");
    ASSERT_FALSE(facts.ok()) << value;
    EXPECT_EQ(facts.error().where, "model");
  }
  std::string longest(kModelBytesMax, 'm');
  EXPECT_TRUE(facts_of(R"({"messages":[],"model":")" + longest + "\"}").ok());
  EXPECT_FALSE(facts_of(R"({"messages":[],"model":")" + longest + "m\"}").ok());
}

TEST(Facts, OutputLimitIsAWholeNumber) {
  EXPECT_EQ(chat_with(R"(,"max_tokens":1e2)").max_output_tokens, 100);
  EXPECT_EQ(chat_with(R"(,"max_tokens":1)").max_output_tokens, 1);
  EXPECT_EQ(chat_with(R"(,"max_completion_tokens":2147483647)").max_output_tokens, 2147483647);
  EXPECT_EQ(chat_with(R"(,"max_completion_tokens":7)").max_tokens_field,
            MaxTokensField::max_completion_tokens);
  for (const char* value : {"-1", "1.5", "2147483648", "1e400", "1e-3", "\"5\"", "true", "[]",
                            "99999999999999999999999", "1e999999999999"}) {
    Error error = chat_error(std::string(",\"max_tokens\":") + value);
    EXPECT_EQ(error.where, "max_tokens") << value;
  }
  EXPECT_EQ(chat_error(R"(,"max_tokens":1.5)").message,
            "found 1.5, wanted a whole number from 0 to 2147483647");
}

TEST(Facts, NullAndZeroAreNoLimitButCanBeReplaced) {
  for (const char* value : {"null", "0", "0.0"}) {
    Facts facts = chat_with(std::string(",\"max_tokens\": ") + value);
    EXPECT_EQ(facts.max_output_tokens, std::nullopt);
    EXPECT_EQ(facts.max_tokens_field, MaxTokensField::max_tokens);
    EXPECT_EQ(facts.max_tokens_value.length, std::string(value).size());
  }
  for (const char* both : {R"(,"max_tokens":null,"max_completion_tokens":5)",
                           R"(,"max_completion_tokens":5,"max_tokens":null)"}) {
    EXPECT_EQ(chat_with(both).max_tokens_field, MaxTokensField::max_completion_tokens);
    EXPECT_EQ(chat_with(both).max_output_tokens, 5);
  }
  EXPECT_EQ(chat_error(R"(,"max_tokens":5,"max_completion_tokens":5)").where,
            "max_completion_tokens");
}

TEST(Facts, Choices) {
  EXPECT_EQ(chat_with(R"(,"n":3)").choices, 3);
  EXPECT_EQ(chat_with(R"(,"n":null)").choices, 1);
  for (const char* value : {"0", "-1", "1.5", "1025", "\"2\""}) {
    EXPECT_EQ(chat_error(std::string(",\"n\":") + value).where, "n") << value;
  }
}

TEST(Facts, StreamsAndDeterminism) {
  EXPECT_TRUE(chat_with(R"(,"stream":true)").stream);
  EXPECT_FALSE(chat_with(R"(,"stream":null)").stream);
  EXPECT_EQ(chat_error(R"(,"stream":1)").where, "stream");
  EXPECT_TRUE(chat_with(R"(,"stream_options":{"x":1,"include_usage":true})").include_usage);
  EXPECT_FALSE(chat_with(R"(,"stream_options":null)").include_usage);
  for (const char* zero : {"0", "0.0", "-0", "0e5"}) {
    EXPECT_TRUE(chat_with(std::string(",\"temperature\":") + zero).deterministic) << zero;
  }
  EXPECT_FALSE(chat_with(R"(,"temperature":1e-9)").deterministic);
  EXPECT_FALSE(chat_with(R"(,"temperature":null,"seed":null)").deterministic);
  EXPECT_TRUE(chat_with(R"(,"seed":1234567890123456789012)").deterministic);
}

TEST(Facts, WhatIsAskedOfATarget) {
  EXPECT_TRUE(chat_with(R"(,"tools":[{"type":"function","function":{"name":"f"}}])").asks_tools);
  EXPECT_FALSE(chat_with(R"(,"tools":[])").asks_tools);
  EXPECT_TRUE(chat_with(R"(,"functions":[{"name":"f"}])").asks_tools);
  EXPECT_TRUE(
      chat_with(R"(,"response_format":{"type":"json_schema","json_schema":{}})").asks_schema);
  EXPECT_FALSE(chat_with(R"(,"response_format":{"type":"json_object"})").asks_schema);
  EXPECT_TRUE(chat_with(R"(,"reasoning_effort":"low")").asks_reasoning);
  EXPECT_FALSE(chat_with(R"(,"reasoning_effort":"none")").asks_reasoning);
  EXPECT_FALSE(chat_with(R"(,"reasoning_effort":null)").asks_reasoning);
  EXPECT_TRUE(chat_with(R"(,"thinking":{"type":"enabled"})").asks_reasoning);
  EXPECT_FALSE(chat_with(R"(,"thinking":{"type":"disabled"})").asks_reasoning);
  EXPECT_TRUE(chat_with(R"(,"modalities":["text","audio"])").asks_audio);
  auto parts = facts_of(R"({"model":"m","messages":[{"role":"user","content":[
      {"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:..."}},
      {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]})");
  ASSERT_TRUE(parts.ok());
  EXPECT_TRUE(parts->asks_images && parts->asks_audio);
  EXPECT_TRUE(parts->first_message_text.empty());
  EXPECT_TRUE(parts->cacheable);
}

TEST(Facts, SideEffectsAreNeverCached) {
  for (const char* member :
       {R"(,"store":true)", R"(,"background":true)", R"(,"conversation":"c")",
        R"(,"previous_response_id":"r")", R"(,"web_search_options":{})",
        R"(,"tools":[{"type":"web_search"}])", R"(,"tools":[{"name":"x","type":"mcp"}])"}) {
    Facts facts = chat_with(member);
    EXPECT_TRUE(facts.side_effects) << member;
    EXPECT_FALSE(facts.cacheable) << member;
  }
  for (const char* member : {R"(,"store":false)", R"(,"store":null)", R"(,"conversation":null)",
                             R"(,"tools":[{"type":"custom","custom":{}}])"}) {
    EXPECT_FALSE(chat_with(member).side_effects) << member;
  }
  auto file = facts_of(
      R"({"model":"m","messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]})");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->side_effects);
  EXPECT_GE(file->input_tokens_bound, bound::kPerOpaque);
}

TEST(Facts, RepeatedKeysInsideAreNotCached) {
  for (const char* member : {R"(,"metadata":{"a":1,"a":2})", R"(,"x":[[{"a":1,"\u0061":2}]])",
                             R"(,"stream_options":{"include_usage":true,"include_usage":false})",
                             R"(,"tools":[{"type":"function","type":"function"}])"}) {
    EXPECT_FALSE(chat_with(member).cacheable) << member;
  }
  EXPECT_TRUE(chat_with(R"(,"metadata":{"a":{"a":1}},"x":{"a":1})").cacheable);
}

TEST(Facts, DepthIsCapped) {
  auto nested = [](int depth) {
    return ",\"x\":" + std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_TRUE(chat_with(nested(kDepthMax - 1)).cacheable);
  EXPECT_EQ(chat_error(nested(kDepthMax)).code, "invalid_request");
  chat_error(nested(100'000));
}

TEST(Facts, InputBoundCountsBytesOfText) {
  auto bound_of = [](const std::string& content) {
    auto facts =
        facts_of(R"({"model":"m","messages":[{"role":"user","content":")" + content + "\"}]}");
    EXPECT_TRUE(facts.ok());
    return facts->input_tokens_bound;
  };
  int64_t empty = bound_of("");
  EXPECT_LE(empty, bound::kPerRequest + bound::kPerMessage + 10);
  EXPECT_EQ(bound_of("abcd"), empty + 4);
  EXPECT_EQ(bound_of("\\u00e9"), empty + 2);  // by what the escape means
  EXPECT_EQ(bound_of("\u00e9"), empty + 2);
  EXPECT_EQ(bound_of("\\ud83d\\ude00"), empty + 4);
  EXPECT_EQ(bound_of(std::string(1'000'000, 'x')), empty + 1'000'000);
}

TEST(Facts, PicturesAndSoundAreNotText) {
  std::string data(1'000'000, 'A');
  auto image = facts_of(R"({"model":"m","messages":[{"content":[{"image_url":{"url":"data:)" +
                        data + "\"}}]}]}");
  ASSERT_TRUE(image.ok());
  EXPECT_LT(image->input_tokens_bound, bound::kPerImage + 1000);
  EXPECT_GE(image->input_tokens_bound, bound::kPerImage);
  auto sound = facts_of(R"({"model":"m","messages":[{"content":[{"input_audio":{"data":")" + data +
                        "\"}}]}]}");
  ASSERT_TRUE(sound.ok());
  EXPECT_LT(sound->input_tokens_bound, 1'000'000 / bound::kAudioCharactersPerToken + 1000);
}

TEST(Facts, InputBoundHoldsForRecordedRequests) {
  // prompt_tokens of the replies to these requests.
  const std::pair<const char*, int64_t> recorded[] = {
      {"chat-basic", 8}, {"chat-tools", 162}, {"chat-json-mode", 22}};
  for (const auto& [name, prompt_tokens] : recorded) {
    auto facts = facts_of(sample(std::string(name) + ".request.json"));
    ASSERT_TRUE(facts.ok()) << facts.error().text();
    EXPECT_GE(facts->input_tokens_bound, prompt_tokens) << name;
    EXPECT_GT(facts->input_tokens_estimate, 0);
    EXPECT_LT(facts->input_tokens_estimate, facts->input_tokens_bound);
  }
}

TEST(Facts, Embeddings) {
  auto embed = [](const std::string& input) {
    auto facts = facts_of(R"({"model":"e","input":)" + input + "}", Operation::embeddings);
    EXPECT_TRUE(facts.ok()) << input;
    return *facts;
  };
  Facts facts = embed("\"hello\"");
  EXPECT_TRUE(facts.deterministic);
  EXPECT_EQ(facts.max_output_tokens, 0);
  int64_t empty = embed("\"\"").input_tokens_bound;
  EXPECT_EQ(facts.input_tokens_bound, empty + 5);
  EXPECT_GE(embed(R"(["ab","cd"])").input_tokens_bound, empty + 4);
  EXPECT_GE(embed("[1,2,3]").input_tokens_bound, 3);
  EXPECT_EQ(embed("[[1,2,3],[4]]").input_tokens_bound - embed("[[1,2],[4]]").input_tokens_bound, 1);
  for (const char* input : {"null", "1", "{}"}) {
    EXPECT_FALSE(
        facts_of(std::string(R"({"model":"e","input":)") + input + "}", Operation::embeddings)
            .ok());
  }
}

TEST(Facts, WhereAStreamIsChanged) {
  std::string_view text = R"({"model":"m","messages":[ {"role":"user","content":"[]"} ])"
                          R"( ,"stream_options": {"include_usage" : false}})";
  auto facts = facts_of(text);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(text.substr(facts->messages_end.offset - 2, 3), "} ]");
  EXPECT_TRUE(facts->messages_end.empty());
  EXPECT_EQ(at(text, facts->stream_options_value), R"({"include_usage" : false})");
  EXPECT_EQ(at(text, facts->include_usage_value), "false");
  EXPECT_FALSE(facts->prefilled);
  EXPECT_TRUE(chat_with("").stream_options_value.empty());
  EXPECT_EQ(chat_with(R"(,"stream_options":null)").stream_options_value.length, 4u);
  EXPECT_EQ(chat_error(R"(,"stream_options":{"include_usage":1})").where, "stream_options");
}

TEST(Facts, AnAnswerTheClientBegan) {
  auto prefilled = [](const char* messages) {
    return facts_of(R"({"model":"m","messages":)" + std::string(messages) + "}")->prefilled;
  };
  EXPECT_TRUE(prefilled(R"([{"role":"user"},{"content":"x","role":"assist\u0061nt"}])"));
  EXPECT_FALSE(prefilled(R"([{"role":"assistant"},{"role":"user"}])"));
  EXPECT_FALSE(prefilled(R"([{"role":"assistant"},{"role":null}])"));
  EXPECT_FALSE(prefilled("[]"));
}

TEST(Facts, Fallbacks) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(chat_with(R"(,"models":["m","a","b"])").fallbacks, (Names{"a", "b"}));
  EXPECT_EQ(chat_with(R"(,"models":null,"fallbacks":["a",{"x":1,"model":"b"},"a","m"])").fallbacks,
            (Names{"a", "b"}));
  EXPECT_EQ(chat_with(R"(,"fallbacks":["b"],"models":["a"])").fallbacks, (Names{"b", "a"}));
  EXPECT_TRUE(chat_with("").fallbacks.empty());
  auto unnamed = facts_of(R"({"messages":[],"models":["a","b"]})");
  ASSERT_TRUE(unnamed.ok());
  EXPECT_EQ(unnamed->model, "a");
  EXPECT_TRUE(unnamed->model_value.empty());
  EXPECT_EQ(unnamed->fallbacks, (Names{"b"}));
  EXPECT_EQ(facts_of(R"({"messages":[],"models":[]})").error().where, "model");
  for (const char* value :
       {"\"a\"", "{}", "1", "[1]", "[null]", R"([{"model":"a"}])", R"([""])", R"(["a\u0000"])"}) {
    EXPECT_EQ(chat_error(std::string(R"(,"models":)") + value).where, "models") << value;
  }
  for (const char* value : {"\"a\"", "[1]", "[{}]", R"([{"model":1}])", R"([{"m":["a"]}])"}) {
    EXPECT_EQ(chat_error(std::string(R"(,"fallbacks":)") + value).where, "fallbacks") << value;
  }
  std::string many = "[\"0\"";
  for (int i = 1; i < 64; ++i) many += ",\"" + std::to_string(i) + "\"";
  EXPECT_EQ(chat_with(",\"models\":" + many + "]").fallbacks.size(), 64u);
  EXPECT_EQ(chat_error(",\"models\":" + many + ",\"x\"]").message,
            "found more than 64 names, wanted fewer");
}

TEST(Facts, Completions) {
  auto read = [](const std::string& members) {
    auto facts = facts_of(R"({"model":"m")" + members + "}", Operation::completions);
    EXPECT_TRUE(facts.ok()) << members << facts.error().text();
    return facts.ok() ? *facts : Facts{};
  };
  EXPECT_EQ(read(R"(,"prompt":"x")").choices, 1);
  EXPECT_EQ(read(R"(,"prompt":"x","n":2,"best_of":5)").choices, 5);
  EXPECT_EQ(read(R"(,"prompt":["x","y","z"],"n":2)").choices, 6);
  EXPECT_EQ(read(R"(,"prompt":[1,2,3])").choices, 1);
  EXPECT_EQ(read(R"(,"prompt":[[1,2],[3]],"best_of":null)").choices, 2);
  EXPECT_EQ(read(R"(,"prompt":[])").choices, 1);
  EXPECT_EQ(read(R"(,"prompt":null)").choices, 1);
  Facts facts = read(R"(,"prompt":"abc\n","max_tokens":7,"stream":true,"seed":1,"suffix":"s")");
  EXPECT_EQ(facts.max_output_tokens, 7);
  EXPECT_EQ(facts.max_tokens_field, MaxTokensField::max_tokens);
  EXPECT_TRUE(facts.stream && facts.deterministic);
  EXPECT_EQ(facts.first_message_text.length, 7u);
  EXPECT_EQ(read(R"(,"prompt":"x")").max_output_tokens, std::nullopt);
  EXPECT_EQ(read(R"(,"prompt":[1,2,3])").input_tokens_bound,
            read(R"(,"prompt":[1,2])").input_tokens_bound + 1);
  EXPECT_GE(read(R"(,"prompt":"0123456789")").input_tokens_bound, 10);
  auto where = [](const char* text) {
    auto result = facts_of(text, Operation::completions);
    EXPECT_FALSE(result.ok()) << text;
    return result.ok() ? "" : result.error().where;
  };
  EXPECT_EQ(where(R"({"model":"m"})"), "prompt");
  EXPECT_EQ(where(R"({"model":"m","prompt":1})"), "prompt");
  EXPECT_EQ(where(R"({"model":"m","messages":[]})"), "prompt");
  EXPECT_EQ(where(R"({"model":"m","prompt":"x","best_of":-1})"), "best_of");
}

}  // namespace keel::wire
