#include "mock/cassettes.hpp"

#include "mock/fixture.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace keel::mock {
namespace {

const std::string kData = std::string(KEEL_SOURCE_DIR) + "/tests/data/";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class CassettesTest : public MockTest {
 protected:
  void play(const std::string& script = "") {
    Settings settings;
    settings.cassettes = kData + "openai_cassettes";
    start(script, settings);
  }
};

const char* const kHello =
    R"({"model":"gpt-5-nano","messages":[{"role":"user","content":"Hello!"}]})";

TEST_F(CassettesTest, ServesTheRecordedBytes) {
  play("prices: {gpt-5-nano: {in: 0.05, out: 0.4}}");
  const RawReply reply = ask(post("/v1/chat/completions?x=1", kHello));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.head.find("content-type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(reply.body, read_file(kData + "openai_replies/chat-basic.json"));
  EXPECT_EQ(bill(), 8 * 50 + 377 * 400);
  const RawReply azure = ask(post(
      "/openai/deployments/gpt-5-nano/chat/completions?api-version=2024-12-01-preview", kHello));
  EXPECT_EQ(azure.body, read_file(kData + "openai_replies/azure-chat-basic.json"));
  const RawReply bad =
      ask(post("/v1/chat/completions", R"({"model":"gpt-5-nano","temperature":-0.5,"max_tokens":0,)"
                                       R"("messages":[{"role":"user","content":null}]})"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, read_file(kData + "openai_replies/chat-bad-request.json"));
}

TEST_F(CassettesTest, ServesRecordedStreams) {
  play("prices: {'*': {in: 1, out: 1}}");
  const json request = {
      {"model", "gpt-5-nano"},
      {"stream", true},
      {"temperature", 1},
      {"max_completion_tokens", 100},
      {"stream_options", {{"include_usage", true}}},
      {"messages", json::array({{{"role", "developer"}, {"content", "Hello, I'm a developer!"}}})}};
  const RawReply reply = ask(post("/v1/chat/completions", request.dump()));
  EXPECT_NE(reply.head.find("text/event-stream"), std::string::npos);
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body.size(), 1129u);  // the recording's own content_length
  EXPECT_TRUE(reply.body.ends_with("\n\ndata: [DONE]\n\n"));
  EXPECT_EQ(bill(), 112'000);
}

TEST_F(CassettesTest, AnythingElseIsNotFound) {
  play();
  const RawReply reply = ask(chat("gpt-5-nano", "Something nobody recorded"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_NE(reply.body.find("no_recording"), std::string::npos);
  EXPECT_EQ(ask(post("/v2/chat/completions", kHello)).status, 404);
}

TEST_F(CassettesTest, FaultsStillApply) {
  play("default: {error: 503}");
  EXPECT_EQ(ask(post("/v1/chat/completions", kHello)).status, 503);
}

TEST(Cassettes, SaysWhichFileIsBad) {
  EXPECT_EQ(Cassettes::load("/nonexistent").error().code, "bad_cassette");
  const std::string dir = std::string(KEEL_BINARY_DIR) + "/bad_cassettes";
  std::filesystem::create_directories(dir);
  std::ofstream(dir + "/broken.yaml") << "interactions: [{request: 3}]";
  const auto loaded = Cassettes::load(dir);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().where.find("broken.yaml"), std::string::npos);
}

}  // namespace
}  // namespace keel::mock
