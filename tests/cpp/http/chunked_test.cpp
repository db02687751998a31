#include "http/chunked.hpp"

#include <gtest/gtest.h>

namespace keel::http {
namespace {

struct Fed {
  BodyRule rule;
  std::string body;
  size_t used;
};

Fed feed(std::string_view text, size_t piece, uint64_t limit = 1000) {
  ChunkedBody chunks(limit);
  Fed fed{BodyRule::more, {}, 0};
  while (fed.used < text.size() && fed.rule == BodyRule::more) {
    size_t used = 0;
    fed.rule = chunks.feed(text.substr(fed.used, piece), fed.body, used);
    fed.used += used;
  }
  return fed;
}

TEST(Chunked, TakesAnySplitAndLeavesTheRest) {
  const std::string text = "5\r\nhello\r\n6;ext=\"a b\"\r\n world\r\n0\r\n\r\n";
  for (size_t piece = 1; piece <= text.size() + 4; ++piece) {
    const Fed fed = feed(text + "GET ", piece);
    ASSERT_EQ(fed.rule, BodyRule::done) << piece;
    EXPECT_EQ(fed.body, "hello world");
    EXPECT_EQ(fed.used, text.size());
  }
}

TEST(Chunked, Empty) {
  EXPECT_EQ(feed("0\r\n\r\n", 1).rule, BodyRule::done);
}

TEST(Chunked, RefusesTrailers) {
  EXPECT_EQ(feed("0\r\nAuthorization: Bearer x\r\n\r\n", 100).rule, BodyRule::trailer);
}

TEST(Chunked, RefusesLooseForms) {
  for (const char* text : {"\r\n", "g\r\n", " 5\r\nhello", "5 \r\nhello", "-1\r\n", "5\nhello",
                           "5\rhello", "5\r\nhelloX\r\n", "5\r\nhello\n", "5;a\nb\r\n", "0x5\r\n",
                           "00000000000000005\r\n", "ffffffffffffffff1\r\n", "0\r\n\rX"}) {
    EXPECT_EQ(feed(text, 100).rule, BodyRule::bad_chunk) << text;
  }
  EXPECT_EQ(feed("1;" + std::string(300, 'x'), 100).rule, BodyRule::bad_chunk);
}

TEST(Chunked, Limit) {
  EXPECT_EQ(feed("3\r\nabc\r\n0\r\n\r\n", 100, 3).rule, BodyRule::done);
  EXPECT_EQ(feed("4\r\nabcd\r\n", 100, 3).rule, BodyRule::too_large);
  EXPECT_EQ(feed("2\r\nab\r\n2\r\ncd\r\n", 100, 3).rule, BodyRule::too_large);
  EXPECT_EQ(feed("7fffffffffffffff\r\n", 100, 3).rule, BodyRule::too_large);
}

}  // namespace
}  // namespace keel::http
