#include "policy/text.hpp"

#include <gtest/gtest.h>

namespace keel::policy {
namespace {

TEST(Utf8, WellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF, the last
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, Malformed) {
  EXPECT_FALSE(is_utf8("\xe9"));              // Latin-1
  EXPECT_FALSE(is_utf8("\x80"));              // continuation alone
  EXPECT_FALSE(is_utf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(is_utf8("\xe0\x80\xaf"));      // overlong
  EXPECT_FALSE(is_utf8("\xf0\x80\x80\xaf"));  // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(is_utf8("\xe2\x82"));          // cut
  EXPECT_FALSE(is_utf8("\xe2\x82x"));
}

TEST(Nearest, FindsTheMisspelt) {
  EXPECT_EQ(nearest("tolerence", {"spread", "tolerance"}), "tolerance");
  EXPECT_EQ(nearest("zzz", {"spread", "tolerance"}), "");
  EXPECT_EQ(nearest("", {"spread"}), "");
  EXPECT_EQ(nearest("spread", {}), "");
  EXPECT_EQ(nearest(std::string(10'000, 's'), {"spread"}), "");
}

TEST(Nearest, Suggestion) {
  EXPECT_EQ(suggestion("spraed", {"spread", "tolerance"}), "; the nearest name is 'spread'");
  EXPECT_EQ(suggestion("zzz", {"spread", "tolerance"}), "; known: 'spread', 'tolerance'");
  EXPECT_EQ(suggestion("zzz", {}), "; there are none");
}

}  // namespace
}  // namespace keel::policy
