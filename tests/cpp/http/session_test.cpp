// The server over real sockets: what is refused, what is kept alive, what is bounded.

#include "http/raw_client.hpp"
#include "http/responder.hpp"
#include "http/server.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace keel::http {
namespace {

using test::RawClient;
using test::RawReply;
using End = RawClient::End;

class Echo : public Handler {
 public:
  Task<> on_request(Request& request, Responder& responder) override {
    ++requests;
    const std::string_view path = request.head.path();
    Reply reply;
    reply.content_type = "text/plain";
    reply.body = std::string(request.head.method()) + " " + std::string(path) + " " + request.body;
    if (path == "/stream") {
      reply.body.clear();
      co_await responder.begin(reply);
      co_await responder.write("one ");
      co_await responder.write("two");
      co_await responder.finish();
    } else if (path == "/flood") {
      co_await flood(responder);
    } else if (path == "/hang") {
      co_await responder.wait_gone();
      ++hung_up;
      responder.close();
    } else if (path == "/throw") {
      throw std::runtime_error("broken handler");
    } else if (path == "/cut") {
      co_await responder.begin(reply, 1000);
      co_await responder.write("short");
    } else if (path == "/mute") {
      co_return;
    } else {
      co_await responder.reply(reply);
    }
  }
  void on_head(Request&) override { ++heads; }
  void on_abandoned(Request&) override { ++abandoned; }
  void on_disconnect(const Peer&) override { ++disconnects; }

  Task<> flood(Responder& responder) {
    const std::string block(64 * 1024, 'x');
    co_await responder.begin(Reply{});
    while (flooded < (256u << 20)) {
      if (!co_await responder.write(block)) co_return;
      flooded += block.size();
    }
    co_await responder.finish();
  }

  std::atomic<int> requests{0}, heads{0}, abandoned{0}, hung_up{0}, disconnects{0};
  std::atomic<size_t> flooded{0};
};

class SessionTest : public ::testing::Test {
 protected:
  void start(Options options = {}) {
    server_ = std::make_unique<Server>(loop_, echo_, std::move(options));
    auto port = server_->listen();
    ASSERT_TRUE(port.ok()) << port.error().text();
    port_ = *port;
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] { server_->stop(); });
    thread_.join();
  }
  // Waits for something the server's thread will do; a bound, not a measure.
  template <typename Condition>
  bool eventually(Condition condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  Echo echo_;
  asio::io_context loop_{1};
  std::unique_ptr<Server> server_;
  std::thread thread_;
  uint16_t port_ = 0;
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

TEST_F(SessionTest, KeepsAliveAndEchoes) {
  start();
  RawClient client(port_);
  for (int i = 0; i < 3; ++i) {
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const RawReply reply = client.read_reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "POST /a hello");
    EXPECT_NE(reply.head.find("\r\ndate: "), std::string::npos);
  }
  EXPECT_EQ(echo_.requests, 3);
}

TEST_F(SessionTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(port_);
  client.send(get("/1") + "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
              "3\r\nabc\r\n0\r\n\r\n" + get("/3"));
  EXPECT_EQ(client.read_reply().body, "GET /1 ");
  EXPECT_EQ(client.read_reply().body, "POST /2 abc");
  EXPECT_EQ(client.read_reply().body, "GET /3 ");
}

TEST_F(SessionTest, TakesARequestByteByByte) {
  start();
  RawClient client(port_);
  for (char c : "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get("/y")) {
    ASSERT_TRUE(client.send({&c, 1}));
  }
  EXPECT_EQ(client.read_reply().body, "POST /x abc");
  EXPECT_EQ(client.read_reply().body, "GET /y ");
}

TEST_F(SessionTest, RefusesSmugglingWith400AndClose) {
  start();
  const std::string begin = "POST / HTTP/1.1\r\n", host = "Host: a\r\n", next = get("/smuggled");
  const std::string cases[] = {
      begin + host + "Transfer-Encoding: gzip\r\n\r\n" + next,
      begin + host + "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + next,
      begin + host + "Transfer-Encoding: chunked, gzip\r\nContent-Length: 0\r\n\r\n" + next,
      "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next,
      begin + host + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + next,
      begin + host + "X: a\r\n b\r\n\r\n" + next,
      begin + host + host + "\r\n" + next,
      begin + "\r\n" + next,
      begin + host + "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\n\r\n" + next};
  for (const std::string& bytes : cases) {
    RawClient client(port_);
    client.send(bytes);
    const RawReply reply = client.read_reply();
    EXPECT_EQ(reply.status, 400) << bytes;
    EXPECT_NE(reply.head.find("connection: close"), std::string::npos);
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(client.end(), End::closed);
  }
  EXPECT_EQ(echo_.requests, 0);
  EXPECT_TRUE(eventually([&] { return echo_.abandoned == 1; }));  // the trailer's head was fine
}

TEST_F(SessionTest, BoundsTheBody) {
  Options options;
  options.limits.body_bytes = 10;
  start(options);
  RawClient fits(port_);
  fits.send("POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
  EXPECT_EQ(fits.read_reply().status, 200);
  RawClient over(port_);
  over.send("POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
  EXPECT_EQ(over.read_reply().status, 413);
  RawClient chunked(port_);
  chunked.send("POST /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n");
  EXPECT_EQ(chunked.read_reply().status, 413);
  over.close();
  chunked.close();
  EXPECT_TRUE(eventually([&] { return echo_.abandoned == 2; }));
}

TEST_F(SessionTest, TakesALargeBody) {
  start();
  RawClient client(port_);
  const std::string body(1 << 20, 'b');
  std::thread writer([&] {
    client.send("POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + body);
  });
  const RawReply reply = client.read_reply();
  writer.join();
  EXPECT_EQ(reply.body.size(), body.size() + 8);
}

TEST_F(SessionTest, SaysContinueWhenAsked) {
  start();
  RawClient client(port_);
  client.send("POST /f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 100);
  client.send("ok");
  EXPECT_EQ(client.read_reply().body, "POST /f ok");
}

TEST_F(SessionTest, EndsSlowHeadsAndSlowBodies) {
  Options options;
  options.limits.head_time = milliseconds(150);
  options.limits.body_time = milliseconds(150);
  start(options);
  RawClient mute(port_), slow_head(port_), slow_body(port_);
  slow_head.send("GET / HT");
  slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  for (RawClient* client : {&mute, &slow_head, &slow_body}) {
    EXPECT_EQ(client->read_to_end(), "");
    EXPECT_EQ(client->end(), End::closed);
  }
  EXPECT_TRUE(eventually([&] { return echo_.abandoned == 1; }));
}

TEST_F(SessionTest, EndsIdleConnections) {
  Options options;
  options.limits.idle_time = milliseconds(150);
  start(options);
  RawClient client(port_);
  client.send(get("/"));
  EXPECT_EQ(client.read_reply().status, 200);
  client.read_to_end();
  EXPECT_EQ(client.end(), End::closed);
}

TEST_F(SessionTest, CapsConnections) {
  Options options;
  options.limits.connections = 2;
  start(options);
  RawClient a(port_), b(port_);
  a.send(get("/"));
  b.send(get("/"));
  EXPECT_EQ(a.read_reply().status, 200);
  EXPECT_EQ(b.read_reply().status, 200);
  RawClient c(port_);
  c.read_to_end();
  EXPECT_NE(c.end(), End::timed_out);
  a.close();
  ASSERT_TRUE(eventually([&] { return echo_.disconnects == 1; }));
  ASSERT_TRUE(eventually([&] {
    RawClient d(port_);
    d.send(get("/"));
    return d.read_reply().status == 200;
  }));
}

TEST_F(SessionTest, CapsConnectionsOfOneAddress) {
  Options options;
  options.limits.connections_per_address = 2;
  start(options);
  RawClient a(port_), b(port_), other(port_, "127.0.0.2");
  for (RawClient* client : {&a, &b, &other}) {
    client->send(get("/"));
    EXPECT_EQ(client->read_reply().status, 200);
  }
  RawClient c(port_);
  c.read_to_end();
  EXPECT_NE(c.end(), End::timed_out);
  a.close();
  ASSERT_TRUE(eventually([&] {
    RawClient d(port_);
    d.send(get("/"));
    return d.read_reply().status == 200;
  }));
}

TEST_F(SessionTest, Streams) {
  start();
  RawClient client(port_);
  client.send(get("/stream") + get("/after"));
  const RawReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body, "one two");
  EXPECT_EQ(client.read_reply().body, "GET /after ");
  RawClient old(port_);
  old.send("GET /stream HTTP/1.0\r\nHost: a\r\n\r\n");
  const std::string all = old.read_to_end();
  EXPECT_EQ(all.find("chunked"), std::string::npos);
  EXPECT_EQ(all.substr(all.find("\r\n\r\n") + 4), "one two");
}

TEST_F(SessionTest, ASlowReaderHoldsTheWriterBack) {
  start();
  RawClient client(port_);
  client.send(get("/flood"));
  size_t before = 1;
  // Kernel buffers fill up, then nothing moves.
  ASSERT_TRUE(eventually([&] {
    const bool still = echo_.flooded == before;
    before = echo_.flooded;
    return still && before > 0;
  }));
  EXPECT_LT(echo_.flooded, 64u << 20);
  client.close();
  EXPECT_TRUE(eventually([&] { return echo_.disconnects == 1; }));
}

TEST_F(SessionTest, NoticesAClientThatLeaves) {
  start();
  RawClient client(port_);
  client.send(get("/hang"));
  ASSERT_TRUE(eventually([&] { return echo_.requests == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return echo_.hung_up == 1; }));
}

TEST_F(SessionTest, AnswersAHalfClosedClient) {
  start();
  RawClient client(port_);
  client.send(get("/a"));
  client.half_close();
  EXPECT_EQ(client.read_reply().body, "GET /a ");
}

TEST_F(SessionTest, AnswersForBrokenHandlers) {
  start();
  for (const char* path : {"/throw", "/mute"}) {
    RawClient client(port_);
    client.send(get(path));
    EXPECT_EQ(client.read_reply().status, 500);
    client.read_to_end();
    EXPECT_EQ(client.end(), End::closed);
  }
  RawClient cut(port_);
  cut.send(get("/cut"));
  EXPECT_FALSE(cut.read_reply().complete);
}

TEST_F(SessionTest, HeadHasNoBody) {
  start();
  RawClient client(port_);
  client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b"));
  ASSERT_TRUE(eventually([&] { return echo_.requests == 2; }));
  RawReply head;
  const std::string all = client.read_to_end(200);
  EXPECT_NE(all.find("content-length: 8\r\n\r\nHTTP/1.1"), std::string::npos) << all;
}

TEST_F(SessionTest, ClosesWhenAskedTo) {
  start();
  RawClient client(port_);
  client.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/b"));
  EXPECT_EQ(client.read_reply().body, "GET /a ");
  client.read_to_end();
  EXPECT_EQ(echo_.requests, 1);
}

TEST_F(SessionTest, StopsWithRequestsInTheAir) {
  start();
  RawClient hanging(port_), idle(port_), flooded(port_);
  hanging.send(get("/hang"));
  flooded.send(get("/flood"));
  ASSERT_TRUE(eventually([&] { return echo_.requests == 2; }));
  stop();
  hanging.read_to_end();
  EXPECT_NE(hanging.end(), End::timed_out);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(SessionTest, RefusesAPortThatIsTaken) {
  start();
  Options options;
  options.port = port_;
  Server second(loop_, echo_, options);
  auto port = second.listen();
  ASSERT_FALSE(port.ok());
  EXPECT_EQ(port.error().code, "cannot_listen");
}

TEST(Message, FieldsCannotEndTheirLine) {
  Reply reply;
  reply.fields = {{"x-a", "b\r\nset-cookie: c"}};
  std::string head;
  write_head(reply, {0, true, 1}, "now", head);
  EXPECT_NE(head.find("x-a: b  set-cookie: c\r\n"), std::string::npos);
}

TEST(Message, Dates) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace keel::http
