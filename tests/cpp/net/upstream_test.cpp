#include "net/ca_file.hpp"
#include "net/client.hpp"
#include "net/raw_server.hpp"

#include <chrono>
#include <cstdlib>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace keel::net::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void answer_all(RawConnection& connection, std::string_view body = "{}") {
  while (!connection.read_request().empty()) connection.answer(body);
}

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

TEST(Upstream, APlainExchangeIsCompleteWithHeadersInLowerCase) {
  std::string seen;
  RawServer server([&](RawConnection& connection, int) {
    seen = connection.read_request();
    connection.answer("{\"a\":1}", "X-Request-ID:  r1 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n");
  });
  Client client;
  ExchangeId id = client.start(post_to(endpoint_of(server.url() + "/v1"), "{\"q\":2}"));
  HttpReply reply = client.wait(id);
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{\"a\":1}");
  EXPECT_FALSE(reply.reused_connection);
  EXPECT_GT(reply.first_byte, Duration::zero());
  EXPECT_EQ(client.sent(id), 1);
  Headers expected = {{"content-type", "application/json"},
                      {"content-length", "7"},
                      {"x-request-id", "r1"},
                      {"set-cookie", "a"},
                      {"set-cookie", "b"}};
  EXPECT_EQ(reply.headers, expected);
  EXPECT_THAT(seen, HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Accept-Encoding: identity\r\n"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer k\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Expect")));
  EXPECT_EQ(body_of(seen), "{\"q\":2}");
}

TEST(Upstream, AGetHasNoBody) {
  std::string seen;
  RawServer server([&](RawConnection& connection, int) {
    seen = connection.read_request();
    connection.answer("{}");
  });
  Client client;
  HttpRequest request;
  request.method = HttpRequest::Method::get;
  request.endpoint = endpoint_of(server.url());
  request.path = "/models";
  EXPECT_EQ(client.send(std::move(request)).end, TransportEnd::complete);
  EXPECT_THAT(seen, HasSubstr("GET /models HTTP/1.1\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Content-")));
}

TEST(Upstream, ASplicedBodyArrivesExactly) {
  std::string seen;
  RawServer server([&](RawConnection& connection, int) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      seen = body_of(request);
      connection.answer("{}");
    }
  });
  Client client;
  std::string text = "{\"model\":\"gpt-4.1\",\"messages\":[\"" + std::string(300'000, 'x') + "\"]}";
  HttpRequest request = post_to(endpoint_of(server.url()), text);
  request.body.splices = {
      {{1, 0}, "\"max_tokens\":5,"}, {{9, 9}, "\"llama\""}, {{text.size() - 1, 1}, "}"}};
  std::string expected = request.body.flatten();
  client.send(request);
  EXPECT_EQ(seen, expected);
  client.send(post_to(endpoint_of(server.url()), ""));
  EXPECT_EQ(seen, "");
}

TEST(Upstream, ConnectionsAreReused) {
  RawServer server([](RawConnection& connection, int) { answer_all(connection); });
  Client client;
  auto endpoint = endpoint_of(server.url());
  for (int i = 0; i < 5; ++i) {
    HttpReply reply = client.send(post_to(endpoint));
    EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
    EXPECT_EQ(reply.reused_connection, i > 0);
  }
  EXPECT_EQ(server.connections(), 1);
}

// libcurl repeats a request by itself when a reused connection dies before any reply: the provider
// may have billed it, and the ledger would not know.
TEST(Upstream, AReusedConnectionThatDiesIsSeenOnceAndReportedBroken) {
  std::atomic<int> requests{0};
  for (bool with_reset : {false, true}) {
    requests = 0;
    RawServer server([&](RawConnection& connection, int) {
      for (int i = 0; !connection.read_request().empty(); ++i) {
        ++requests;
        if (i == 1) {
          if (with_reset) connection.reset();
          return;
        }
        connection.answer("{}");
      }
    });
    Client client;
    auto endpoint = endpoint_of(server.url());
    EXPECT_EQ(client.send(post_to(endpoint)).end, TransportEnd::complete);
    ExchangeId second = client.start(post_to(endpoint));
    HttpReply reply = client.wait(second);
    EXPECT_EQ(reply.end, TransportEnd::broken);
    EXPECT_TRUE(reply.reused_connection);
    EXPECT_EQ(reply.status, 0);
    EXPECT_EQ(client.sent(second), 1);
    EXPECT_EQ(requests, 2) << reply.error;
    HttpReply third = client.send(post_to(endpoint));
    EXPECT_EQ(third.end, TransportEnd::complete) << third.error;
    EXPECT_EQ(requests, 3);
  }
}

// The same with a second idle connection in the pool, which libcurl would repeat on at once.
TEST(Upstream, NorIsItRepeatedOnAnotherPooledConnection) {
  std::atomic<int> requests{0};
  std::atomic<int> at_once{0};
  RawServer server([&](RawConnection& connection, int) {
    for (int i = 0; !connection.read_request().empty(); ++i) {
      ++requests;
      if (i == 1) return;
      ++at_once;
      while (at_once < 2) std::this_thread::yield();
      connection.answer("{}");
    }
  });
  Client client;
  auto endpoint = endpoint_of(server.url());
  ExchangeId a = client.start(post_to(endpoint));
  ExchangeId b = client.start(post_to(endpoint));
  client.wait(a);
  client.wait(b);
  ASSERT_EQ(server.connections(), 2);
  HttpReply reply = client.send(post_to(endpoint));
  EXPECT_EQ(reply.end, TransportEnd::broken);
  EXPECT_TRUE(reply.reused_connection);
  EXPECT_THAT(reply.error, HasSubstr("reused connection broke"));
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(server.connections(), 2);
}

// A provider that closes idle connections: libcurl sees it before it sends.
TEST(Upstream, AnIdleConnectionClosedBeforehandIsNotUsed) {
  RawServer server([&](RawConnection& connection, int number) {
    connection.read_request();
    connection.answer("{}");
    if (number > 1) answer_all(connection);
  });
  Client client;
  auto endpoint = endpoint_of(server.url());
  EXPECT_EQ(client.send(post_to(endpoint)).end, TransportEnd::complete);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  HttpReply reply = client.send(post_to(endpoint));
  // Seen in time it goes over a new connection; else it is broken, and never sent twice.
  EXPECT_TRUE(reply.end == TransportEnd::broken || !reply.reused_connection);
}

TEST(Upstream, ARedirectIsReportedAndNotFollowed) {
  RawServer server([](RawConnection& connection, int) {
    connection.read_request();
    connection.write(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno");
  });
  Client client;
  HttpReply reply = client.send(post_to(endpoint_of(server.url())));
  EXPECT_EQ(reply.end, TransportEnd::complete);
  EXPECT_EQ(reply.status, 302);
  EXPECT_EQ(reply.body, "no");
  EXPECT_EQ(server.connections(), 1);
}

TEST(Upstream, ProxiesOfTheEnvironmentAreIgnored) {
  RawServer proxy([](RawConnection& connection, int) { answer_all(connection, "proxy"); });
  RawServer server([](RawConnection& connection, int) { answer_all(connection, "direct"); });
  for (const char* name : {"http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"}) {
    ::setenv(name, proxy.url().c_str(), 1);
  }
  ::setenv("no_proxy", "", 1);
  Client client;
  HttpReply reply = client.send(post_to(endpoint_of(server.url())));
  for (const char* name :
       {"http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy", "no_proxy"}) {
    ::unsetenv(name);
  }
  EXPECT_EQ(reply.body, "direct");
  EXPECT_EQ(proxy.connections(), 0);
}

TEST(Upstream, NothingListeningIsNotSent) {
  uint16_t port = RawServer([](RawConnection&, int) {}).port();
  Client client;
  ExchangeId id = client.start(post_to(endpoint_of("http://127.0.0.1:" + std::to_string(port))));
  HttpReply reply = client.wait(id);
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_EQ(client.sent(id), 0);
  EXPECT_EQ(reply.error, "connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

// libcurl 7.88.1 closes a socket that never connected by itself, without a word; its number is soon
// somebody else's, whom we must neither watch nor close.
TEST(Upstream, ASocketThatNeverConnectedLeavesItsNumberAlone) {
  uint16_t port = RawServer([](RawConnection&, int) {}).port();
  auto nobody = endpoint_of("http://127.0.0.1:" + std::to_string(port));
  RawServer server([](RawConnection& connection, int) { answer_all(connection); });
  std::vector<int> ours;
  {
    Client client;
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(client.send(post_to(nobody)).end, TransportEnd::not_sent);
      EXPECT_EQ(client.connections(), 0u);
      if (i % 2 == 0) ours.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    HttpReply reply = client.send(post_to(endpoint_of(server.url())));
    EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  }
  for (int fd : ours) EXPECT_EQ(::close(fd), 0);
}

// A listener whose queue is full: the kernel drops what more would connect.
TEST(Upstream, AnAbortWhileConnectingLeavesNothing) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<int> filling;
  for (int i = 0; i < 4; ++i) {
    filling.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(filling.back(), reinterpret_cast<sockaddr*>(&address), size));
  }
  {
    Client client;
    auto full = endpoint_of("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
    for (int i = 0; i < 3; ++i) {
      ExchangeId id = client.start(post_to(full));
      while (client.connections() == 0) std::this_thread::yield();
      client.abort(id);
      EXPECT_EQ(client.connections(), 0u);
      filling.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
  }
  for (int fd : filling) EXPECT_EQ(::close(fd), 0);
  ::close(listener);
}

TEST(Upstream, AServerThatNeverShakesHandsRunsIntoTheConnectLimit) {
  RawServer server([&](RawConnection& connection, int) { connection.wait_closed(); });
  CurlUpstreamSettings settings;
  settings.connect_timeout = milliseconds(60);
  Client client(settings);
  // TLS to a plain server that stays silent.
  auto endpoint = endpoint_of("https://127.0.0.1:" + std::to_string(server.port()));
  HttpReply reply = client.send(post_to(endpoint));
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("still in the TLS handshake after 60 ms"));
  EXPECT_EQ(client.under_way(), 0u);
}

TEST(Upstream, TruncatedRepliesAreBroken) {
  for (const char* reply_text :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n"}) {
    RawServer server([&](RawConnection& connection, int) {
      connection.read_request();
      connection.write(reply_text);
    });
    Client client;
    ExchangeId id = client.start(post_to(endpoint_of(server.url())));
    HttpReply reply = client.wait(id);
    EXPECT_EQ(reply.end, TransportEnd::broken) << reply_text;
    EXPECT_FALSE(reply.error.empty());
    EXPECT_EQ(client.sent(id), 1);
  }
}

TEST(Upstream, ACompleteEarlyReplyCountsThoughTheBodyWasNotRead) {
  RawServer server([&](RawConnection& connection, int) {
    connection.write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    connection.read_request();
  });
  Client client;
  HttpReply reply = client.send(post_to(endpoint_of(server.url()), std::string(5'000'000, 'x')));
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  EXPECT_EQ(reply.status, 413);
}

TEST(Upstream, InterimHeadsAreSkippedAndTrailersDropped) {
  RawServer server([](RawConnection& connection, int) {
    connection.read_request();
    connection.write(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n"
        "Transfer-Encoding: chunked\r\nTrailer: x-request-id\r\n\r\n"
        "2\r\n{}\r\n0\r\nX-Request-Id: forged\r\n\r\n");
  });
  Client client;
  HttpReply reply = client.send(post_to(endpoint_of(server.url())));
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
  Headers expected = {{"a", "b"}, {"transfer-encoding", "chunked"}, {"trailer", "x-request-id"}};
  EXPECT_EQ(reply.headers, expected);
  EXPECT_EQ(reply.body, "{}");
}

TEST(Upstream, RepliesOverALimitAreBroken) {
  auto broken_with = [](const std::string& text) {
    RawServer server([&](RawConnection& connection, int) {
      connection.read_request();
      connection.write(text);
    });
    Client client;
    HttpRequest request = post_to(endpoint_of(server.url()));
    request.limits = {.body_bytes = 1000, .head_bytes = 2000, .head_fields = 10};
    HttpReply reply = client.send(std::move(request));
    return reply.end == TransportEnd::broken ? reply.error : "not broken";
  };
  auto with_length = [](size_t n) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(n) + "\r\n\r\n" +
           std::string(n, 'x');
  };
  EXPECT_EQ(broken_with(with_length(1000)), "not broken");
  EXPECT_THAT(broken_with(with_length(1001)), HasSubstr("file size exceeded"));
  EXPECT_THAT(broken_with("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(1001, 'x')),
              HasSubstr("the reply is over 1000 bytes"));
  EXPECT_THAT(broken_with("HTTP/1.1 200 OK\r\nA: " + std::string(2000, 'x') + "\r\n\r\n"),
              HasSubstr("head is over 2000 bytes"));
  std::string fields = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 11; ++i) fields.append("a").append(std::to_string(i)).append(": b\r\n");
  EXPECT_THAT(broken_with(fields + "\r\n"), HasSubstr("over 10 header fields"));
  // Endless interim heads.
  std::string interim;
  for (int i = 0; i < 100; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_THAT(broken_with(interim), HasSubstr("head is over 2000 bytes"));
}

TEST(Upstream, HeadersAndPathsThatWouldAddLinesAreRefusedUnsent) {
  RawServer server([](RawConnection& connection, int) { answer_all(connection); });
  Client client;
  auto refused = [&](std::pair<std::string, std::string> header, std::string path) {
    HttpRequest request = post_to(endpoint_of(server.url()));
    request.headers.push_back(std::move(header));
    request.path = std::move(path);
    HttpReply reply = client.send(std::move(request));
    EXPECT_THAT(reply.error, Not(HasSubstr("secret")));
    return reply.end == TransportEnd::not_sent;
  };
  EXPECT_FALSE(refused({"x-good", "caf\xc3\xa9 \t ok"}, "/ok?x=1"));
  EXPECT_FALSE(refused({"x-empty", ""}, "/ok"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_TRUE(refused({"x", "secret\r\nInjected: 1"}, "/"));
  EXPECT_TRUE(refused({"x", "secret\nInjected: 1"}, "/"));
  EXPECT_TRUE(refused({"x", std::string("a\0b", 3)}, "/"));
  EXPECT_TRUE(refused({"x\r\ny", "v"}, "/"));
  EXPECT_TRUE(refused({"x y", "v"}, "/"));
  EXPECT_TRUE(refused({"", "v"}, "/"));
  EXPECT_TRUE(refused({"Content-Length", "0"}, "/"));
  EXPECT_TRUE(refused({"transfer-encoding", "chunked"}, "/"));
  EXPECT_TRUE(refused({"Host", "other"}, "/"));
  EXPECT_TRUE(refused({"x", "v"}, "/a b"));
  EXPECT_TRUE(refused({"x", "v"}, "/a\r\nX: y"));
  EXPECT_TRUE(refused({"x", "v"}, "models"));
  EXPECT_EQ(server.connections(), 1);
}

TEST(Upstream, AbortClosesTheConnectionAtOnceAndNothingIsHeardAgain) {
  std::promise<std::chrono::steady_clock::time_point> closed;
  RawServer server([&](RawConnection& connection, int) {
    connection.read_request();
    connection.wait_closed();
    closed.set_value(std::chrono::steady_clock::now());
  });
  Client client;
  ExchangeId id = client.start(post_to(endpoint_of(server.url())));
  client.wait_sent(id);
  EXPECT_EQ(client.connections(), 1u);
  auto asked = std::chrono::steady_clock::now();
  client.abort(id);
  // Generous against a busy machine; the close itself is immediate, as connections() shows.
  EXPECT_EQ(client.connections(), 0u);
  EXPECT_LT(closed.get_future().get() - asked, std::chrono::milliseconds(1000));
  EXPECT_FALSE(client.ended(id));
  client.abort(id);
  client.abort(999);
}

TEST(Upstream, ManyAtOnceAreKeptApart) {
  RawServer server([&](RawConnection& connection, int) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      connection.answer(body_of(request));
    }
  });
  Client client;
  auto endpoint = endpoint_of(server.url());
  std::vector<ExchangeId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(client.start(post_to(endpoint, std::to_string(i))));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.wait(ids[size_t(i)]).body, std::to_string(i));
  EXPECT_EQ(client.under_way(), 0u);
}

class UpstreamTls : public ::testing::Test {
 protected:
  static CurlUpstreamSettings trusting(const std::string& ca_file) {
    CurlUpstreamSettings settings;
    settings.curl.ca_file = ca_file;
    return settings;
  }
  ResolverSettings led_to(const RawServer& server) {
    ResolverSettings settings;
    settings.redirections =
        *Redirections::parse({"api.keel.test:443:127.0.0.1:" + std::to_string(server.port())});
    return settings;
  }
  HttpReply try_with(const TestCertificate& cert, const std::string& ca_file) {
    RawServer server([](RawConnection& connection, int) { answer_all(connection); }, cert.cert_pem,
                     cert.key_pem);
    Client client(trusting(ca_file), led_to(server));
    ExchangeId id = client.start(post_to(endpoint_of("https://api.keel.test/v1")));
    HttpReply reply = client.wait(id);
    EXPECT_EQ(client.sent(id), reply.end == TransportEnd::complete ? 1 : 0);
    return reply;
  }

  TestAuthority authority_;
};

TEST_F(UpstreamTls, ARedirectedNameIsVerifiedAsItself) {
  HttpReply reply = try_with(authority_.issue("api.keel.test"), authority_.ca_file());
  EXPECT_EQ(reply.end, TransportEnd::complete) << reply.error;
}

TEST_F(UpstreamTls, ACertificateForAnotherHostIsRefused) {
  HttpReply reply = try_with(authority_.issue("other.keel.test"), authority_.ca_file());
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("TLS with api.keel.test:443: the certificate is for another"));
}

TEST_F(UpstreamTls, AnExpiredCertificateIsRefused) {
  HttpReply reply = try_with(authority_.issue("api.keel.test", -10, -2), authority_.ca_file());
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("the certificate has expired"));
}

TEST_F(UpstreamTls, OneThatIsNotYetValidIsRefused) {
  HttpReply reply = try_with(authority_.issue("api.keel.test", 5, 9), authority_.ca_file());
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("not yet valid"));
}

TEST_F(UpstreamTls, AnUnknownAuthorityIsRefused) {
  TestAuthority stranger;
  HttpReply reply = try_with(stranger.issue("api.keel.test"), authority_.ca_file());
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("authority that is not trusted"));
  HttpReply by_system = try_with(stranger.issue("api.keel.test"), *trusted_ca_file(""));
  EXPECT_EQ(by_system.end, TransportEnd::not_sent);
}

TEST_F(UpstreamTls, PlainTextWhereTlsWasWantedIsNotSent) {
  RawServer server([](RawConnection& connection, int) {
    connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    connection.wait_closed();
  });
  Client client;
  auto endpoint = endpoint_of("https://127.0.0.1:" + std::to_string(server.port()));
  HttpReply reply = client.send(post_to(endpoint));
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("TLS with 127.0.0.1"));
}

// One slow name server must hold up neither other names nor exchanges under way.
TEST(UpstreamNames, ASlowResolverHoldsUpNobodyElse) {
  std::promise<void> release;
  auto released = release.get_future().share();
  ResolverSettings settings;
  settings.look_up = [released](const std::string& name) -> LookUp {
    if (name == "slow.test") released.wait();
    return {{*Address::parse("127.0.0.1")}, {}};
  };
  RawServer server([](RawConnection& connection, int) { answer_all(connection); });
  std::string port = std::to_string(server.port());
  CurlUpstreamSettings limits;
  limits.connect_timeout = minutes(5);
  Client client(limits, settings);
  ExchangeId slow = client.start(post_to(endpoint_of("http://slow.test:" + port, false, true)));
  auto quick = endpoint_of("http://quick.test:" + port, false, true);
  EXPECT_EQ(client.send(post_to(quick)).end, TransportEnd::complete);
  EXPECT_EQ(client.send(post_to(endpoint_of(server.url()))).end, TransportEnd::complete);
  EXPECT_FALSE(client.ended(slow));
  ExchangeId dropped = client.start(post_to(endpoint_of("http://slow.test:" + port, false, true)));
  client.abort(dropped);
  release.set_value();
  EXPECT_EQ(client.wait(slow).end, TransportEnd::complete);
  EXPECT_FALSE(client.ended(dropped));
}

TEST(UpstreamNames, ANameThatLeadsToAForbiddenRangeIsRefused) {
  RawServer server([](RawConnection& connection, int) { answer_all(connection); });
  std::string port = std::to_string(server.port());
  ResolverSettings settings;
  settings.look_up = [](const std::string&) -> LookUp {
    return {{*Address::parse("127.0.0.1"), *Address::parse("10.0.0.1")}, {}};
  };
  Client client({}, settings);
  HttpReply reply = client.send(post_to(endpoint_of("http://inside.test:" + port, true, false)));
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_THAT(reply.error, HasSubstr("allow_private"));
  EXPECT_EQ(server.connections(), 0);
  // A pooled connection of a provider that may go there is not lent to one that may not.
  EXPECT_EQ(client.send(post_to(endpoint_of("http://inside.test:" + port, true, true))).end,
            TransportEnd::complete);
  EXPECT_EQ(client.send(post_to(endpoint_of("http://inside.test:" + port, true, false))).end,
            TransportEnd::not_sent);
  // Other spellings of an address are names.
  HttpReply decimal = client.send(post_to(endpoint_of("http://2130706433:" + port, true, false)));
  EXPECT_EQ(decimal.end, TransportEnd::not_sent);
  EXPECT_EQ(server.connections(), 1);
}

TEST(UpstreamNames, AResolverThatFailsIsNotSentAndSaysSo) {
  ResolverSettings settings;
  settings.look_up = [](const std::string& name) -> LookUp {
    return {{}, "DNS: no address for " + name};
  };
  Client client({}, settings);
  HttpReply reply = client.send(post_to(endpoint_of("https://nowhere.test")));
  EXPECT_EQ(reply.end, TransportEnd::not_sent);
  EXPECT_EQ(reply.error, "DNS: no address for nowhere.test");
}

}  // namespace
}  // namespace keel::net::test
