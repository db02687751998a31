#include "http/head.hpp"

#include <gtest/gtest.h>

namespace keel::http {
namespace {

HeadRule judge(const std::string& text) {
  return HeadScan().scan(text);
}
std::string with(const std::string& fields) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

// The cases of SEMANTICS T1, each accepted by Beast 1.81.
TEST(HeadT1, EncodingWithoutChunked) {
  EXPECT_EQ(judge(with("Transfer-Encoding: gzip\r\n")), HeadRule::bad_transfer_encoding);
}
TEST(HeadT1, XchunkedBesideLength) {
  EXPECT_EQ(judge(with("Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n")),
            HeadRule::bad_transfer_encoding);
}
TEST(HeadT1, ChunkedThenGzipBesideLength) {
  EXPECT_EQ(judge(with("Content-Length: 3\r\nTransfer-Encoding: chunked, gzip\r\n")),
            HeadRule::bad_transfer_encoding);
}
TEST(HeadT1, ChunkedInHttp10) {
  EXPECT_EQ(judge("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            HeadRule::encoding_in_http_1_0);
}
TEST(HeadT1, TwoEqualLengths) {
  EXPECT_EQ(judge(with("Content-Length: 3\r\nContent-Length: 3\r\n")),
            HeadRule::repeated_content_length);
}
TEST(HeadT1, FoldedLine) {
  EXPECT_EQ(judge(with("X-A: b\r\n c\r\n")), HeadRule::folded_line);
  EXPECT_EQ(judge(with("X-A: b\r\n\tc\r\n")), HeadRule::folded_line);
}
TEST(HeadT1, TwoHosts) {
  EXPECT_EQ(judge(with("Host: a\r\n")), HeadRule::repeated_host);
}
TEST(HeadT1, NoHost) {
  EXPECT_EQ(judge("GET / HTTP/1.1\r\n\r\n"), HeadRule::no_host);
}

TEST(Head, AcceptsAndSplits) {
  const std::string text =
      "POST /v1/chat/completions?noCache=1 HTTP/1.1\r\nHost: api.test:8080\r\n"
      "Content-Length: 12\r\nX-Empty:\r\nX-Pad: \t two words \t\r\n\r\nbody";
  HeadScan scan;
  ASSERT_EQ(scan.scan(text), HeadRule::ok);
  EXPECT_EQ(text.substr(scan.size()), "body");
  const Head head = scan.take(text);
  EXPECT_EQ(head.method(), "POST");
  EXPECT_EQ(head.target(), "/v1/chat/completions?noCache=1");
  EXPECT_EQ(head.path(), "/v1/chat/completions");
  EXPECT_EQ(head.query(), "noCache=1");
  EXPECT_EQ(head.framing(), Framing::length);
  EXPECT_EQ(head.content_length(), 12u);
  EXPECT_TRUE(head.keep_alive());
  EXPECT_EQ(head.field_count(), 4u);
  EXPECT_EQ(head.value_of("x-pad"), "two words");
  EXPECT_EQ(head.value_of("x-empty"), "");
  EXPECT_EQ(head.value_of("absent"), "");
}

TEST(Head, TakesAnySplit) {
  const std::string text = with("Transfer-Encoding: Chunked\r\nConnection: x, Close\r\n");
  HeadScan scan;
  for (size_t n = 0; n < text.size(); ++n) {
    ASSERT_EQ(scan.scan(std::string(text, 0, n)), HeadRule::incomplete) << n;
  }
  ASSERT_EQ(scan.scan(text), HeadRule::ok);
  const Head head = scan.take(text);
  EXPECT_EQ(head.framing(), Framing::chunked);
  EXPECT_FALSE(head.keep_alive());
}

TEST(Head, LengthAndEncoding) {
  EXPECT_EQ(judge(with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")),
            HeadRule::length_and_encoding);
  EXPECT_EQ(judge(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
            HeadRule::bad_transfer_encoding);
}

TEST(Head, LengthIsPlainDigits) {
  for (const char* value : {"", "+3", "-1", "3 ", "0x3", "3,3", "1e2", "1234567890123456789"}) {
    const bool trimmed = std::string(value) == "3 ";
    EXPECT_EQ(judge(with("Content-Length: " + std::string(value) + "\r\n")),
              trimmed ? HeadRule::ok : HeadRule::bad_content_length)
        << value;
  }
  EXPECT_EQ(judge(with("Content-Length: 999999999999999999\r\n")), HeadRule::ok);
}

TEST(Head, LineEndings) {
  EXPECT_EQ(judge("GET / HTTP/1.1\nHost: a\n\n"), HeadRule::bare_line_ending);
  EXPECT_EQ(judge("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"), HeadRule::bare_line_ending);
  EXPECT_EQ(judge("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), HeadRule::bare_line_ending);
}

TEST(Head, ControlCharacters) {
  EXPECT_EQ(judge(with(std::string("X: a\0b\r\n", 8))), HeadRule::bad_field_value);
  EXPECT_EQ(judge(with("X: a\x7f\r\n")), HeadRule::bad_field_value);
  EXPECT_EQ(judge(with("X: caf\xc3\xa9\r\n")), HeadRule::ok);
}

TEST(Head, FieldNames) {
  EXPECT_EQ(judge(with("X : a\r\n")), HeadRule::space_before_colon);
  EXPECT_EQ(judge(with("X\t: a\r\n")), HeadRule::space_before_colon);
  EXPECT_EQ(judge(with(": a\r\n")), HeadRule::bad_field_name);
  EXPECT_EQ(judge(with("X Y: a\r\n")), HeadRule::bad_field_name);
  EXPECT_EQ(judge(with("no colon\r\n")), HeadRule::bad_field_name);
}

TEST(Head, RequestLine) {
  EXPECT_EQ(judge("\r\nGET / HTTP/1.1\r\n"), HeadRule::bad_request_line);
  EXPECT_EQ(judge("GET /\r\n"), HeadRule::bad_request_line);
  EXPECT_EQ(judge("G(T / HTTP/1.1\r\n"), HeadRule::bad_request_line);
  EXPECT_EQ(judge("GET / http/1.1\r\n"), HeadRule::bad_request_line);
  EXPECT_EQ(judge("PRI * HTTP/2.0\r\n"), HeadRule::bad_version);
  EXPECT_EQ(judge("GET / HTTP/1.2\r\n"), HeadRule::bad_version);
  EXPECT_EQ(judge("GET  / HTTP/1.1\r\n"), HeadRule::bad_target);
  EXPECT_EQ(judge("GET http://a/ HTTP/1.1\r\n"), HeadRule::bad_target);
  EXPECT_EQ(judge("GET /\x80 HTTP/1.1\r\n"), HeadRule::bad_target);
}

TEST(Head, Hosts) {
  for (const char* host : {"", "a b", "a/b", "u@a", "a,b"}) {
    EXPECT_EQ(judge("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"),
              HeadRule::bad_host)
        << host;
  }
  EXPECT_EQ(judge("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), HeadRule::ok);
}

TEST(Head, Limits) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";
  // Exactly full, one over, and a line that never ends.
  const std::string full = begin + "X: " + std::string(16384 - begin.size() - 7, 'x') + "\r\n\r\n";
  ASSERT_EQ(full.size(), 16384u);
  EXPECT_EQ(judge(full), HeadRule::ok);
  std::string over = full;
  over.insert(begin.size() + 3, "x");
  EXPECT_EQ(judge(over), HeadRule::too_large);
  EXPECT_EQ(judge(begin + std::string(20000, 'x')), HeadRule::too_large);
  std::string many = begin;
  for (size_t i = 0; i < HeadScan::kMaxFields; ++i) many += "X: y\r\n";
  EXPECT_EQ(judge(many), HeadRule::too_many_fields);
}

TEST(Head, Statuses) {
  EXPECT_EQ(status_of(HeadRule::too_large), 431);
  EXPECT_EQ(status_of(HeadRule::bad_version), 505);
  EXPECT_EQ(status_of(HeadRule::no_host), 400);
  EXPECT_EQ(name_of(HeadRule::folded_line), "folded_line");
}

}  // namespace
}  // namespace keel::http
