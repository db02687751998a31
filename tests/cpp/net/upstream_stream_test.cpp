#include "net/client.hpp"
#include "net/raw_server.hpp"

#include <cerrno>
#include <semaphore>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

namespace keel::net::test {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kChunkedHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

HttpRequest stream_from(const RawServer& server) {
  HttpRequest request = post_to(endpoint_of(server.url()));
  request.ask_at_head = true;
  return request;
}

TEST(UpstreamStream, PiecesComeAsTheyAreSentAndTheConnectionIsKept) {
  std::counting_semaphore<64> next(0);
  RawServer server([&](RawConnection& connection, int) {
    while (!connection.read_request().empty()) {
      connection.write(kChunkedHead);
      for (int i = 0; i < 10; ++i) {
        next.acquire();
        connection.write(chunk("piece " + std::to_string(i)));
      }
      next.acquire();
      connection.write(kLastChunk);
    }
  });
  Client client;
  for (bool reused : {false, true}) {
    ExchangeId id = client.start(stream_from(server));
    client.wait_head(id);
    EXPECT_TRUE(client.seen(id).bytes.empty());
    std::string expected;
    for (int i = 0; i < 10; ++i) {
      expected += "piece " + std::to_string(i);
      next.release();
      client.wait_bytes(id, expected.size());
      EXPECT_EQ(client.seen(id).bytes, expected);
    }
    EXPECT_FALSE(client.ended(id));
    next.release();
    HttpReply reply = client.wait(id);
    EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(reply.reused_connection, reused);
    EXPECT_EQ(client.seen(id).heads, 1);
    EXPECT_EQ(client.seen(id).pieces, 10u);
    EXPECT_EQ(client.seen(id).headers[0].second, "text/event-stream");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(UpstreamStream, AReplyInOnePacketIsToldInOrder) {
  RawServer server([](RawConnection& connection, int) {
    while (!connection.read_request().empty()) {
      connection.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + std::string(kChunkedHead) +
                       chunk("a") + chunk("b") + "0\r\nTrailer: dropped\r\n\r\n");
    }
  });
  Client client;
  std::string order;
  client.at_head = [&](ExchangeId) { order += "head "; };
  client.at_bytes = [&](ExchangeId, std::string_view bytes) { order.append(bytes).append(" "); };
  ExchangeId id = client.start(stream_from(server));
  EXPECT_EQ(client.wait(id).end, TransportEnd::complete);
  EXPECT_EQ(order, "head ab ");
  EXPECT_EQ(client.seen(id).status, 200);
}

TEST(UpstreamStream, ABodyWantedWholeIsCollected) {
  RawServer server([](RawConnection& connection, int) {
    while (!connection.read_request().empty()) connection.answer("{\"a\":1}");
  });
  Client client;
  client.way = BodyWay::whole;
  ExchangeId asked = client.start(stream_from(server));
  HttpReply reply = client.wait(asked);
  EXPECT_EQ(reply.body, "{\"a\":1}");
  EXPECT_EQ(client.seen(asked).heads, 1);
  EXPECT_EQ(client.seen(asked).pieces, 0u);
  ExchangeId never = client.start(post_to(endpoint_of(server.url())));
  EXPECT_EQ(client.wait(never).body, "{\"a\":1}");
  EXPECT_EQ(client.seen(never).heads, 0);
}

TEST(UpstreamStream, ACutIsBrokenAfterAllThatCame) {
  auto cut_after = [](const std::string& text) {
    RawServer server([&](RawConnection& connection, int) {
      connection.read_request();
      connection.write(text);
    });
    Client client;
    ExchangeId id = client.start(stream_from(server));
    HttpReply reply = client.wait(id);
    EXPECT_EQ(reply.end, TransportEnd::broken);
    EXPECT_EQ(reply.body, "");
    return std::pair(client.seen(id), reply.status);
  };
  EXPECT_EQ(cut_after("").first.heads, 0);
  EXPECT_EQ(cut_after("HTTP/1.1 200 OK\r\nContent-Ty").first.heads, 0);
  auto [nothing, status] = cut_after(std::string(kChunkedHead));
  EXPECT_EQ(nothing.heads, 1);
  EXPECT_EQ(nothing.pieces, 0u);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(cut_after(std::string(kChunkedHead) + chunk("data: 1\n\n")).first.bytes, "data: 1\n\n");
  EXPECT_EQ(cut_after(std::string(kChunkedHead) + "9\r\ndata").first.bytes, "data");
}

// The reply ends within the same wake-up, or is still under way: either way nothing more is told.
TEST(UpstreamStream, WhatIsAbortedOverAHeadOrAPieceIsHeardNoMore) {
  for (bool ends : {true, false}) {
    for (bool at_head : {true, false}) {
      std::promise<void> closed;
      RawServer server([&](RawConnection& connection, int) {
        connection.read_request();
        connection.write(std::string(kChunkedHead) + chunk("a") +
                         std::string(ends ? kLastChunk : ""));
        connection.wait_closed();
        closed.set_value();
      });
      std::promise<void> aborted;
      auto client = std::make_unique<Client>();
      auto abort = [&](ExchangeId id) {
        client->upstream().abort(id);
        aborted.set_value();
      };
      if (at_head) {
        client->at_head = abort;
      } else {
        client->at_bytes = [&](ExchangeId id, std::string_view) { abort(id); };
      }
      ExchangeId id = client->start(stream_from(server));
      aborted.get_future().wait();
      client->run([] {});
      EXPECT_FALSE(client->ended(id));
      EXPECT_EQ(client->seen(id).pieces, at_head ? 0u : 1u);
      EXPECT_EQ(client->under_way(), 0u);
      if (ends) client.reset();  // a complete one leaves its connection to the pool
      closed.get_future().wait();
    }
  }
}

TEST(UpstreamStream, TheLimitOfABodyCountsAllPieces) {
  RawServer server([](RawConnection& connection, int) {
    connection.read_request();
    connection.write(kChunkedHead);
    for (int i = 0; i < 11; ++i) connection.write(chunk(std::string(100, 'x')));
    connection.wait_closed();
  });
  for (bool paused : {false, true}) {
    Client client;
    HttpRequest request = stream_from(server);
    request.limits.body_bytes = 1000;
    ExchangeId id = client.start(std::move(request));
    if (paused) {  // then it is going on that meets the limit
      client.pause(id, true);
      client.wait_head(id);
      client.pause(id, false);
    }
    HttpReply reply = client.wait(id);
    EXPECT_EQ(reply.end, TransportEnd::broken);
    EXPECT_THAT(reply.error, HasSubstr("the reply is over 1000 bytes"));
    EXPECT_LE(client.seen(id).bytes.size(), 1000u);
  }
}

// Whether the pause meets the body's first bytes, or its last, or comes too late.
TEST(UpstreamStream, APausedEndIsNotLost) {
  RawServer server([](RawConnection& connection, int) {
    while (!connection.read_request().empty()) {
      connection.write(std::string(kChunkedHead) + chunk("all of it") + std::string(kLastChunk));
    }
  });
  Client client;
  client.at_head = [&](ExchangeId id) { client.upstream().pause(id, true); };
  for (int i = 0; i < 20; ++i) {
    HttpRequest request = stream_from(server);
    ExchangeId id = client.start(std::move(request));
    if (i % 2 == 0) client.pause(id, true);
    client.wait_head(id);
    client.pause(id, false);
    client.pause(id, false);
    HttpReply reply = client.wait(id);
    EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
    EXPECT_EQ(client.seen(id).bytes, "all of it");
    client.pause(id, true);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(UpstreamStream, APausedOneCanBeAborted) {
  std::promise<void> closed;
  RawServer server([&](RawConnection& connection, int) {
    connection.read_request();
    connection.write(kChunkedHead);
    for (int i = 0; i < 20; ++i) connection.write(chunk(std::string(10'000, 'x')));
    connection.wait_closed();
    closed.set_value();
  });
  Client client;
  client.at_head = [&](ExchangeId id) { client.upstream().pause(id, true); };
  ExchangeId id = client.start(stream_from(server));
  client.wait_head(id);
  client.run([] {});
  client.abort(id);
  closed.get_future().wait();
  client.pause(id, false);
  EXPECT_FALSE(client.ended(id));
  EXPECT_EQ(client.under_way(), 0u);
}

// ---- 50 MiB
// --------------------------------------------------------------------------------------

constexpr size_t kBigBytes = 50u << 20;

char byte_at(size_t offset) {
  return static_cast<char>('a' + offset % 23);
}

// Counts what comes of the big body, and stops at every MiB until the loop comes round again.
struct Drinker {
  explicit Drinker(Client& of) : client(of) {
    client.keep_bytes = false;
    client.at_bytes = [this](ExchangeId id, std::string_view bytes) {
      for (char c : bytes) right = right && c == byte_at(total++);
      ++pieces;
      if (total < pause_at) return;
      pause_at = total + (1u << 20);
      client.upstream().pause(id, true);
      if (auto once = std::exchange(stopped, nullptr)) return once(id);
      client.loop().post([this, id] { client.upstream().pause(id, false); });
    };
  }

  Client& client;
  std::function<void(ExchangeId)> stopped;
  size_t total = 0;
  size_t pause_at = 1u << 20;
  int pieces = 0;
  bool right = true;
};

std::string big_body() {
  std::string body(kBigBytes, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = byte_at(i);
  return body;
}

// What is buffered on our side, libcurl's hold included, comes out as one piece at the latest.
constexpr size_t kBufferedMax = 128u << 10;

TEST(UpstreamStream, WhileItIsPausedTheServerIsHeldUpAndNothingPilesUp) {
  const std::string body = big_body();
  std::promise<void> blocked;
  std::atomic<size_t> written{0};
  RawServer server([&](RawConnection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                     "\r\n\r\n");
    bool told = false;
    while (written < body.size()) {
      ssize_t n = ::send(connection.fd(), body.data() + written, body.size() - written,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) written += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) break;
      pollfd poll{connection.fd(), POLLOUT, 0};
      // A server that was only slow says so too early, which makes this test weaker, not wrong.
      if (n < 0 && ::poll(&poll, 1, 300) == 0 && !std::exchange(told, true)) blocked.set_value();
    }
    if (!told) blocked.set_value();
    connection.wait_closed();
  });
  Client client;
  Drinker drinker(client);
  std::promise<void> stopped;
  drinker.stopped = [&](ExchangeId) { stopped.set_value(); };
  ExchangeId id = client.start(stream_from(server));
  stopped.get_future().wait();
  blocked.get_future().wait();
  EXPECT_LT(written, body.size());
  client.run([&] { EXPECT_LE(drinker.total, (1u << 20) + 2 * kBufferedMax); });
  client.pause(id, false);
  HttpReply reply = client.wait(id);
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  EXPECT_EQ(drinker.total, body.size());
  EXPECT_TRUE(drinker.right);
  EXPECT_LE(client.seen(id).largest, kBufferedMax);
}

// TLS has bytes that the socket no longer shows: going on must find them.
TEST(UpstreamStream, NothingIsLostOrStuckOverTlsAndChunks) {
  TestAuthority authority;
  TestCertificate cert = authority.issue("127.0.0.1");
  const std::string body = big_body();
  RawServer server(
      [&](RawConnection& connection, int) {
        connection.read_request();
        connection.write(kChunkedHead);
        std::string_view rest = body;
        for (size_t size = 1; !rest.empty(); size = size * 7 % 100'003) {
          std::string_view piece = rest.substr(0, size);
          connection.write(chunk(piece));
          rest.remove_prefix(piece.size());
        }
        connection.write(kLastChunk);
        connection.wait_closed();
      },
      cert.cert_pem, cert.key_pem);
  CurlUpstreamSettings settings;
  settings.curl.ca_file = authority.ca_file();
  Client client(settings);
  Drinker drinker(client);
  ExchangeId id = client.start(stream_from(server));
  HttpReply reply = client.wait(id);
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  EXPECT_EQ(drinker.total, body.size());
  EXPECT_TRUE(drinker.right);
  EXPECT_LE(client.seen(id).largest, kBufferedMax);
}

}  // namespace
}  // namespace keel::net::test
