// Every way of going wrong, as a client sees it on the wire.

#include "mock/fixture.hpp"

namespace keel::mock {
namespace {

std::string word(const std::string& w) {
  return "x-mock: " + w + "\r\n";
}

TEST_F(MockTest, StatusWords) {
  start();
  for (int status : {400, 401, 402, 403, 404, 408, 500, 502, 503, 504, 529}) {
    const RawReply reply = ask(chat("mock-" + std::to_string(status), "x"));
    EXPECT_EQ(reply.status, status);
    EXPECT_TRUE(json::parse(reply.body)["error"].contains("message"));
  }
  EXPECT_EQ(bill(), 0);
}

TEST_F(MockTest, RetryHints) {
  start();
  EXPECT_EQ(ask(chat("m+mock-429", "x")).head.find("retry-after"), std::string::npos);
  EXPECT_NE(ask(chat("m+mock-429-retry-after-2", "x")).head.find("retry-after: 2\r\n"),
            std::string::npos);
  EXPECT_NE(ask(chat("m+mock-503-retry-after-ms-150", "x")).head.find("retry-after-ms: 150\r\n"),
            std::string::npos);
  script("default: {error: {status: 429, retry_after_date: 5, should_retry: false}}");
  const RawReply reply = ask(chat("m", "x"));
  EXPECT_NE(reply.head.find(" GMT\r\nx-should-retry: false\r\n"), std::string::npos) << reply.head;
  const json quota = json::parse(ask(chat("m", "x", {}, word("quota"))).body);
  EXPECT_EQ(quota["error"]["code"], "insufficient_quota");
}

TEST_F(MockTest, ResetBeforeTheHead) {
  start();
  const auto [bytes, end] = watch(chat("m", "x", {}, word("reset")));
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(end, End::reset);
}

TEST_F(MockTest, CloseWithoutAnAnswer) {
  start();
  const auto [bytes, end] = watch(chat("m", "x", {}, word("close")));
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(end, End::closed);
}

TEST_F(MockTest, ResetAfterTheHead) {
  start();
  for (const json& more : {json::object(), json{{"stream", true}}}) {
    const auto [bytes, end] = watch(chat("m", "x", more, word("reset-after-head")));
    EXPECT_EQ(bytes.rfind("HTTP/1.1 200", 0), 0u);
    EXPECT_EQ(bytes.substr(bytes.find("\r\n\r\n")), "\r\n\r\n");
    EXPECT_EQ(end, End::reset);
  }
}

TEST_F(MockTest, ResetInTheBody) {
  start();
  const auto [bytes, end] = watch(chat("m", "x", {}, word("reset-mid-body")));
  EXPECT_NE(bytes.find("{\"choices\""), std::string::npos);
  EXPECT_EQ(end, End::reset);
  const auto [frames, stream_end] =
      watch(chat("m", "x [[out=10]]", {{"stream", true}}, word("reset-mid-body")));
  EXPECT_NE(frames.find("\"content\":\""), std::string::npos);
  EXPECT_EQ(frames.find("[DONE]"), std::string::npos);
  EXPECT_EQ(stream_end, End::reset);
}

TEST_F(MockTest, TruncatedBody) {
  start();
  RawClient plain(mock_->port());
  plain.send(chat("m", "x", {}, word("truncated")));
  const RawReply reply = plain.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
  EXPECT_EQ(plain.end(), End::closed);
  RawClient stream(mock_->port());
  stream.send(chat("m", "x", {{"stream", true}}, word("truncated")));
  EXPECT_FALSE(stream.read_reply().complete);
  EXPECT_EQ(stream.end(), End::closed);
}

TEST_F(MockTest, Silence) {
  start();
  const auto [bytes, end] = watch(chat("m", "x", {}, word("silence")), 100);
  EXPECT_EQ(bytes, "");
  EXPECT_EQ(end, End::timed_out);
  EXPECT_TRUE(eventually([&] { return state()["in_flight"] == 0; }));  // the client left
}

TEST_F(MockTest, HeadThenSilence) {
  start();
  const auto [bytes, end] = watch(chat("m", "x", {}, word("head-then-silence")), 100);
  EXPECT_EQ(bytes.substr(bytes.find("\r\n\r\n")), "\r\n\r\n");
  EXPECT_EQ(end, End::timed_out);
  script("default: {fault: head_then_silence, cut_after_tokens: 2}");
  const auto [frames, stalled] = watch(chat("m", "x", {{"stream", true}}), 100);
  EXPECT_NE(frames.find("\"content\":\""), std::string::npos);
  EXPECT_EQ(stalled, End::timed_out);
}

TEST_F(MockTest, OkThatIsNoAnswer) {
  start();
  EXPECT_EQ(ask(chat("m", "x", {}, word("empty"))).body, "");
  EXPECT_TRUE(json::parse(ask(chat("m", "x", {}, word("no-choices"))).body)["choices"].empty());
  const RawReply inside = ask(chat("m", "x", {}, word("error-inside")));
  EXPECT_EQ(inside.status, 200);
  EXPECT_TRUE(json::parse(inside.body).contains("error"));
  const RawReply garbage = ask(chat("m", "x", {}, word("unparsable")));
  EXPECT_TRUE(garbage.complete);
  EXPECT_TRUE(json::parse(garbage.body, nullptr, false).is_discarded());
}

TEST_F(MockTest, StreamsThatAreNoAnswer) {
  start();
  const json stream = {{"stream", true}};
  EXPECT_EQ(ask(chat("m", "x", stream, word("empty"))).body, "");
  EXPECT_EQ(ask(chat("m", "x", stream, word("error-inside"))).body.rfind("data: {\"error\"", 0),
            0u);
  const RawReply garbage = ask(chat("m", "x", stream, word("unparsable")));
  EXPECT_TRUE(json::parse(garbage.body.substr(6), nullptr, false).is_discarded());
  EXPECT_NE(ask(chat("m", "x", stream, word("no-choices"))).body.find("\"choices\":[]"),
            std::string::npos);
}

TEST_F(MockTest, UsageThatLies) {
  start("prices: {'*': {in: 1, out: 1}}");
  EXPECT_FALSE(json::parse(ask(chat("m+mock-usage-missing", "x")).body).contains("usage"));
  EXPECT_TRUE(json::parse(ask(chat("m+mock-usage-null", "x")).body)["usage"].is_null());
  EXPECT_EQ(json::parse(ask(chat("m+mock-usage-zero", "x")).body)["usage"]["total_tokens"], 0);
  mock_->reset();
  const json over = json::parse(ask(chat("m+mock-usage-over", "x", {{"max_tokens", 10}})).body);
  EXPECT_EQ(over["usage"]["completion_tokens"], 16);
  EXPECT_EQ(state()["tokens"]["out"], 16);
}

TEST_F(MockTest, WhatIsBilled) {
  start("prices: {'*': {in: 1, out: 1}}");
  for (const char* fault : {"reset", "close", "reset-after-head", "reset-mid-body", "truncated",
                            "empty", "no-choices", "error-inside", "unparsable"}) {
    mock_->reset();
    watch(chat("m", "[[in=5]][[out=7]]", {}, "Connection: close\r\n" + word(fault)));
    EXPECT_EQ(bill(), 12000) << fault;
  }
  mock_->reset();
  script("prices: {'*': {in: 1, out: 1}}\ndefault: {error: 502, bills_errors: true}");
  ask(chat("m", "[[in=5]][[out=7]]"));
  EXPECT_EQ(bill(), 12000);
  mock_->reset();
  script("prices: {'*': {in: 1, out: 1}}\ndefault: {fault: reset, bills_faults: false}");
  watch(chat("m", "[[in=5]][[out=7]]"));
  EXPECT_EQ(bill(), 0);
}

TEST_F(MockTest, IdleCloseOfAReusedConnection) {
  start("default: {close_on_reuse: idle, reuse_limit: 2}");
  RawClient client(mock_->port());
  client.send(chat("m", "x"));
  EXPECT_EQ(client.read_reply().status, 200);
  client.send(chat("m", "x"));
  const RawReply last = client.read_reply();
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.head.find("connection: close"), std::string::npos);  // not announced
  client.read_to_end();
  EXPECT_EQ(client.end(), End::closed);
  EXPECT_EQ(state()["requests"], 2);
}

TEST_F(MockTest, FirstByteCloseOfAReusedConnectionIsSeen) {
  start("default: {close_on_reuse: first_byte}");
  RawClient client(mock_->port());
  client.send(chat("m", "x"));
  EXPECT_EQ(client.read_reply().status, 200);
  client.send(chat("m", "x"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_NE(client.end(), End::timed_out);
  const json seen = state();
  EXPECT_EQ(seen["requests"], 2);
  EXPECT_EQ(seen["by_status"]["first_byte_close"], 1);
}

TEST_F(MockTest, ARequestThatNeverCompletesIsSeen) {
  start();
  {
    RawClient client(mock_->port());
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: 9\r\n\r\n{");
    ASSERT_TRUE(eventually([&] { return state()["requests"] == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return state()["by_status"].value("abandoned", 0) == 1; }));
}

}  // namespace
}  // namespace keel::mock
