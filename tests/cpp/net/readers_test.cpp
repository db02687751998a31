#include "net/reply_reader.hpp"
#include "net/spliced_reader.hpp"

#include <gtest/gtest.h>

namespace keel::net {
namespace {

std::string read_in(SplicedBody body, size_t step) {
  SplicedReader reader(std::move(body));
  std::string all;
  std::string room(step, '\0');
  while (size_t n = reader.read(room.data(), step)) all.append(room, 0, n);
  EXPECT_EQ(reader.read(room.data(), step), 0u);
  return all;
}

TEST(SplicedReader, ReadsWhatFlattenWouldMakeInPiecesOfAnySize) {
  const SplicedBody bodies[] = {
      {},
      {Body::copy_of(""), {}},
      {Body::copy_of(""), {{{0, 0}, "only"}}},
      {Body::copy_of("whole"), {}},
      {Body::copy_of("whole"), {{{0, 5}, ""}}},
      {Body::copy_of("whole"), {{{0, 0}, "before "}, {{5, 0}, " after"}}},
      {Body::copy_of("abcdef"), {{{0, 1}, "AAA"}, {{1, 1}, ""}, {{2, 0}, "+"}, {{4, 2}, "EF!"}}},
  };
  for (const SplicedBody& body : bodies) {
    for (size_t step : {1u, 2u, 3u, 100u}) EXPECT_EQ(read_in(body, step), body.flatten());
  }
  char nothing;
  EXPECT_EQ(SplicedReader({Body::copy_of("x"), {}}).read(&nothing, 0), 0u);
}

TEST(ReplyReader, KeepsTheLastHeadAndNoTrailers) {
  ReplyReader reader;
  for (const char* line : {"HTTP/1.1 103 Early\r\n", "Link: x\r\n", "\r\n", "HTTP/1.1 200 OK\r\n",
                           "A:b\r\n", "Empty:\r\n", "\r\n"}) {
    EXPECT_TRUE(reader.on_line(line)) << line;
  }
  EXPECT_TRUE(reader.on_body("{}"));
  EXPECT_TRUE(reader.on_line("Authorization: forged\r\n"));
  HttpReply reply;
  reader.take(reply);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers, (Headers{{"a", "b"}, {"empty", ""}}));
  EXPECT_EQ(reply.body, "{}");
}

TEST(ReplyReader, AnIncompleteHeadHasNoStatus) {
  ReplyReader reader;
  reader.on_line("HTTP/1.1 200 OK\r\n");
  HttpReply reply;
  reader.take(reply);
  EXPECT_EQ(reply.status, 0);
}

TEST(ReplyReader, RefusesWhatIsNoHead) {
  for (std::string_view line :
       {std::string_view("HTTP/1.1 20\r\n"), std::string_view("HTTP/1.1\r\n"),
        std::string_view("no colon\r\n"), std::string_view(": x\r\n"),
        std::string_view(" folded: x\r\n"), std::string_view("a\0b: c\r\n", 8),
        std::string_view("a: b\rc\r\n")}) {
    ReplyReader reader;
    EXPECT_FALSE(reader.on_line(line));
    EXPECT_FALSE(reader.refusal().empty());
  }
}

TEST(ReplyReader, LimitsAreInclusive) {
  ReplyReader reader(ReplyLimits{.body_bytes = 4, .head_bytes = 25, .head_fields = 1});
  EXPECT_TRUE(reader.on_line("HTTP/1.1 200 OK\r\n"));  // 17
  EXPECT_TRUE(reader.on_line("a: b\r\n"));             // 23
  EXPECT_TRUE(reader.on_line("\r\n"));                 // 25
  EXPECT_TRUE(reader.on_body("1234"));
  EXPECT_TRUE(reader.on_body(""));
  EXPECT_FALSE(reader.on_body("5"));
  EXPECT_FALSE(reader.on_line("\r\n"));
}

}  // namespace
}  // namespace keel::net
