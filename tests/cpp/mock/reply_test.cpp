// What a healthy mock says, and what it bills for it.

#include "mock/fixture.hpp"

namespace keel::mock {
namespace {

constexpr const char* kPrices = "prices: {gpt-4.1: {in: 2, out: 8}, '*': {in: 0.42, out: 1.68}}\n";

TEST_F(MockTest, AnswersWithTheNonceAndTheTokensAskedFor) {
  start();
  const RawReply reply = ask(chat("gpt-4.1", "hi [[in=374]] [[out=12]] [[nonce=a7]]"));
  ASSERT_EQ(reply.status, 200);
  const json body = json::parse(reply.body);
  EXPECT_EQ(body["model"], "gpt-4.1");
  EXPECT_EQ(body["usage"]["prompt_tokens"], 374);
  EXPECT_EQ(body["usage"]["completion_tokens"], 12);
  EXPECT_EQ(body["usage"]["total_tokens"], 386);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(text_of(reply).rfind("[[nonce=a7]] ", 0), 0u);
  EXPECT_NE(reply.head.find("x-mock-nonce: a7\r\n"), std::string::npos);
}

TEST_F(MockTest, CountsAQuarterOfTheContentBytesByDefault) {
  start();
  const json parts = json::array({{{"type", "text"}, {"text", "12345"}}});
  json body = {{"model", "m"},
               {"messages", json::array({{{"role", "system"}, {"content", "1234"}},
                                         {{"role", "user"}, {"content", parts}}})}};
  const RawReply reply = ask(post("/any/prefix/chat/completions", body.dump()));
  EXPECT_EQ(json::parse(reply.body)["usage"]["prompt_tokens"], 3);  // ceil(9 / 4)
}

TEST_F(MockTest, TheSamePromptGivesTheSameWords) {
  start();
  EXPECT_EQ(text_of(ask(chat("m", "same"))), text_of(ask(chat("m", "same"))));
  EXPECT_NE(text_of(ask(chat("m", "same"))), text_of(ask(chat("m", "other"))));
}

TEST_F(MockTest, MaxTokensCutsTheReply) {
  start();
  for (const char* field : {"max_tokens", "max_completion_tokens"}) {
    const json body = json::parse(ask(chat("m", "hi [[out=50]]", {{field, 5}})).body);
    EXPECT_EQ(body["usage"]["completion_tokens"], 5);
    EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  }
}

TEST_F(MockTest, StreamsTheSameTextAsAPlainReply) {
  start();
  const std::string prompt = "stream me [[out=9]] [[nonce=z]]";
  const std::string plain = text_of(ask(chat("m", prompt)));
  const RawReply reply =
      ask(chat("m", prompt, {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  ASSERT_TRUE(reply.complete);
  std::string text;
  json last;
  std::vector<std::string> frames;
  for (size_t at = 0, end; (end = reply.body.find("\n\n", at)) != std::string::npos; at = end + 2) {
    frames.push_back(reply.body.substr(at, end - at));
    ASSERT_EQ(frames.back().rfind("data: ", 0), 0u);
    if (frames.back() == "data: [DONE]") break;
    last = json::parse(frames.back().substr(6));
    if (!last["choices"].empty()) text += last["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, plain);
  EXPECT_EQ(frames.size(), 1u + 9 + 1 + 1 + 1);  // role, tokens, finish, usage, [DONE]
  EXPECT_EQ(frames.back(), "data: [DONE]");
  EXPECT_EQ(last["usage"]["completion_tokens"], 9);
  const RawReply bare = ask(chat("m", prompt, {{"stream", true}}));
  EXPECT_EQ(bare.body.find("usage"), std::string::npos);
}

TEST_F(MockTest, Embeds) {
  start();
  const RawReply reply = ask(post("/v1/embeddings", R"({"model":"e","input":["abcd","e"]})"));
  const json body = json::parse(reply.body);
  EXPECT_EQ(body["data"].size(), 2u);
  EXPECT_EQ(body["data"][1]["embedding"].size(), 8u);
  EXPECT_EQ(body["usage"]["prompt_tokens"], 2);
  const RawReply packed = ask(post(
      "/v1/embeddings", R"({"model":"e","input":"x","dimensions":3,"encoding_format":"base64"})"));
  EXPECT_EQ(json::parse(packed.body)["data"][0]["embedding"].get<std::string>().size(), 16u);
}

TEST_F(MockTest, ListsModelsAndHealthForFree) {
  start("models: [a, b]");
  EXPECT_EQ(json::parse(ask("GET /v1/models HTTP/1.1\r\nHost: m\r\n\r\n").body)["data"].size(), 2u);
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: m\r\n\r\n").status, 200);
  EXPECT_EQ(state()["probes"], 2);
  EXPECT_EQ(state()["requests"], 0);
}

TEST_F(MockTest, BillsWhatItServedRoundedUpPerComponent) {
  start(kPrices);
  ask(chat("gpt-4.1", "x [[in=1000]] [[out=500]]"));
  EXPECT_EQ(bill(), 1000 * 2000 + 500 * 8000);
  ask(chat("other", "x [[in=3]] [[out=1]]"));  // 3 x 420 nano and 1 x 1680 nano
  EXPECT_EQ(bill(), 6'000'000 + 1260 + 1680);
  mock_->reset();
  script("prices: {m: {in: 0.0000005, out: 0.0000005}}");  // 500 nano per million
  ask(chat("m", "x [[in=1]] [[out=1]]"));
  EXPECT_EQ(bill(), 2);
  const json records = state()["records"];
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["billed_nano_usd"], 2);
}

TEST_F(MockTest, BillsAClientThatLeft) {
  start(std::string(kPrices) + "default: {latency_ms: 60000}");
  {
    RawClient client(mock_->port());
    client.send(chat("gpt-4.1", "x [[in=10]] [[out=10]]"));
    ASSERT_TRUE(eventually([&] { return state()["in_flight"] == 1; }));
  }
  EXPECT_EQ(bill(), 10 * 2000 + 10 * 8000);
}

TEST_F(MockTest, KeepsRecordsAndCounts) {
  start("records: 2");
  RawClient client(mock_->port());
  for (const char* key : {"k1", "k1", "k2"}) {
    client.send(chat("m", "hi [[nonce=n]]", {},
                     std::string("Authorization: Bearer ") + key + "\r\nx-request-id: r1\r\n"));
    client.read_reply();
  }
  ASSERT_TRUE(eventually([&] { return state()["in_flight"] == 0; }));
  const json seen = state();
  EXPECT_EQ(seen["requests"], 3);
  EXPECT_EQ(seen["connections"], 1);
  EXPECT_EQ(seen["by_model"]["m"], 3);
  EXPECT_EQ(seen["by_status"]["200"], 3);
  EXPECT_EQ(seen["by_key"].size(), 2u);
  ASSERT_EQ(seen["records"].size(), 2u);
  const json& last = seen["records"][1];
  EXPECT_EQ(last["number"], 3);
  EXPECT_EQ(last["id"], "r1");
  EXPECT_EQ(last["nonce"], "n");
  EXPECT_EQ(last["nth_of_connection"], 3);
  EXPECT_EQ(last["delivered"], true);
  EXPECT_EQ(mock_->state_json().find("\"k2\""), std::string::npos);
}

TEST_F(MockTest, RefusesWhatAProviderWould) {
  start();
  EXPECT_EQ(ask(post("/v1/chat/completions", "{")).status, 400);
  EXPECT_EQ(ask(post("/v1/chat/completions", R"({"model":"m","messages":[]})")).status, 400);
  EXPECT_EQ(ask(post("/v1/chat/completions", R"({"messages":[{}]})")).status, 400);
  EXPECT_EQ(ask(post("/v1/chat/completions", R"({"model":"m","messages":[{}],"n":0})")).status,
            400);
  EXPECT_EQ(ask(post("/v1/embeddings", R"({"model":"m"})")).status, 400);
  EXPECT_EQ(ask(post("/v1/nothing", "{}")).status, 404);
  EXPECT_EQ(ask(post("/v1/models", "{}")).status, 405);
  EXPECT_EQ(state()["by_status"]["400"], 5);
  EXPECT_EQ(state()["in_flight"], 0);
}

TEST_F(MockTest, IsSteeredOverHttp) {
  start();
  EXPECT_EQ(ask(post("/mock/script", R"({"default": {"error": 503}})")).status, 200);
  EXPECT_EQ(ask(chat("m", "x")).status, 503);
  const RawReply refused = ask(post("/mock/script", "default: {latencyms: 3}"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("default.latencyms"), std::string::npos);
  EXPECT_EQ(ask(chat("m", "x")).status, 503);  // a bad script changes nothing
  EXPECT_EQ(ask(post("/mock/reset", "")).status, 200);
  const json seen = json::parse(ask("GET /mock/state?records=5 HTTP/1.1\r\nHost: m\r\n\r\n").body);
  EXPECT_EQ(seen["requests"], 0);
  EXPECT_EQ(ask(post("/mock/start", "")).status, 200);
  EXPECT_EQ(ask(post("/mock/else", "")).status, 404);
}

}  // namespace
}  // namespace keel::mock
