#include "server/front.hpp"

#include "server/scene.hpp"

#include <set>
#include <string>

namespace keel::server {
namespace {

constexpr const char* kChat = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
constexpr const char* kStream =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";

struct Read {
  relay::Request request;
  std::optional<http::Reply> refused;
};

Read read(const std::string& fields, const char* body = kChat,
          const std::string& target = "/v1/chat/completions") {
  Read out;
  http::Request request = request_with(fields, body, target);
  out.refused = read_request(request, Operation::chat, "id-1", out.request);
  return out;
}

TEST(Front, TakesARequestAsItIs) {
  const Read got = read("");
  ASSERT_FALSE(got.refused);
  EXPECT_EQ(got.request.body.view(), kChat);
  EXPECT_EQ(got.request.facts.model, "m");
  EXPECT_EQ(got.request.id, "id-1");
  EXPECT_EQ(got.request.timeout, Duration::max());
  EXPECT_FALSE(got.request.no_cache || got.request.no_store || got.request.no_downgrade);
  EXPECT_EQ(got.request.max_age, Duration::max());
}

TEST(Front, SaysWhereTheBodyIsWrong) {
  const Read got = read("", R"({"model":"m","messages":3})");
  ASSERT_TRUE(got.refused);
  EXPECT_EQ(got.refused->status, 400);
  EXPECT_NE(got.refused->body.find(R"("code":"invalid_request")"), std::string::npos);
  EXPECT_NE(got.refused->body.find(R"("param":"messages")"), std::string::npos);
}

TEST(Front, Deadlines) {
  EXPECT_EQ(read("x-keel-timeout: 2.5\r\n").request.timeout, milliseconds(2500));
  EXPECT_EQ(read("x-stainless-read-timeout: 600\r\n").request.timeout, seconds(600));
  EXPECT_EQ(read("x-stainless-timeout: 60\r\n").request.timeout, seconds(60));
  EXPECT_EQ(read("x-stainless-read-timeout: 600\r\nx-keel-timeout: 3\r\n").request.timeout,
            seconds(3));
  EXPECT_EQ(read("x-stainless-read-timeout: never\r\n").request.timeout, Duration::max());
  // Of a stream it says how long the client waits for a byte, not for the end.
  EXPECT_EQ(read("x-stainless-read-timeout: 600\r\n", kStream).request.timeout, Duration::max());
  EXPECT_EQ(read("x-keel-timeout: 9\r\n", kStream).request.timeout, seconds(9));
  for (const char* wrong : {"0", "-1", "nan", "inf", "1s", "1e999"}) {
    const Read got = read("x-keel-timeout: " + std::string(wrong) + "\r\n");
    ASSERT_TRUE(got.refused) << wrong;
    EXPECT_EQ(got.refused->status, 400) << wrong;
  }
}

TEST(Front, CacheDirectives) {
  EXPECT_TRUE(read("cache-control: no-store\r\n").request.no_store);
  EXPECT_TRUE(read("cache-control: foo, No-Cache ,max-age=5\r\n").request.no_cache);
  EXPECT_EQ(read("cache-control: foo, max-age=5\r\n").request.max_age, seconds(5));
  EXPECT_EQ(read("cache-control: max-age=-5\r\n").request.max_age, Duration::max());
  EXPECT_TRUE(read("", kChat, "/v1/chat/completions?noCache").request.no_cache);
  EXPECT_TRUE(read("", kChat, "/v1/chat/completions?a=b&noCache=true").request.no_cache);
  EXPECT_FALSE(read("", kChat, "/v1/chat/completions?noCache=false").request.no_cache);
  EXPECT_FALSE(read("", kChat, "/v1/chat/completions?noCacheX").request.no_cache);
}

TEST(Front, CacheNamespace) {
  EXPECT_EQ(read("").request.cache_namespace, "");
  EXPECT_EQ(read("x-keel-cache-namespace: spring\r\n").request.cache_namespace, "spring");
}

TEST(Front, LoopsEnd) {
  EXPECT_EQ(field(*read("").request.forward, "x-keel-hops"), "1");
  EXPECT_EQ(field(*read("x-keel-hops: 4\r\n").request.forward, "x-keel-hops"), "5");
  const Read loop = read("x-keel-hops: 5\r\n");
  ASSERT_TRUE(loop.refused);
  EXPECT_EQ(loop.refused->status, 508);
  EXPECT_NE(loop.refused->body.find("loop_detected"), std::string::npos);
  EXPECT_EQ(read("x-keel-hops: many\r\n").refused->status, 400);
}

TEST(Front, PassesOnWhatTheListAllows) {
  const Read got = read(
      "authorization: Bearer sk-client\r\ncookie: a=b\r\nx-stainless-lang: python\r\n"
      "x-keel-tags: t\r\nopenai-beta: assistants=v2\r\ntracestate: a=1\r\nx-api-key: k\r\n"
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
      "user-agent: OpenAI/Python\r\nopenai-project: caf\xc3\xa9\r\n");
  std::string names;
  for (const auto& [name, value] : *got.request.forward) names += name + " ";
  EXPECT_EQ(names, "openai-beta traceparent tracestate user-agent x-keel-hops ");
}

TEST(Front, RequestIds) {
  RequestIds ids;
  EXPECT_EQ(ids.of(head_with("x-request-id: My.id_1:2-3\r\n")), "My.id_1:2-3");
  for (const std::string& wrong :
       {std::string("a b"), std::string("a\"b"), std::string(129, 'a')}) {
    const std::string id = ids.of(head_with("x-request-id: " + wrong + "\r\n"));
    EXPECT_EQ(id.size(), 36u);
    EXPECT_TRUE(id.starts_with("req_"));
  }
  std::set<std::string> made;
  for (int i = 0; i < 1000; ++i) made.insert(ids.of(head_with("")));
  EXPECT_EQ(made.size(), 1000u);
}

TEST(Front, BodiesItCanRead) {
  EXPECT_FALSE(refuse_body(head_with("")));
  EXPECT_FALSE(refuse_body(head_with("content-type: Application/JSON ; charset=utf-8\r\n")));
  EXPECT_FALSE(refuse_body(head_with("content-encoding: identity\r\n")));
  EXPECT_EQ(refuse_body(head_with("content-type: multipart/form-data\r\n"))->status, 415);
  EXPECT_EQ(refuse_body(head_with("content-encoding: gzip\r\n"))->status, 415);
}

}  // namespace
}  // namespace keel::server
