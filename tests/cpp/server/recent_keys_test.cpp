#include "server/recent_keys.hpp"

#include <string>

#include <gtest/gtest.h>

namespace keel::server {
namespace {

// The key 00 01 .. 0f over 00 01 .. of some lengths: the authors' own vectors.
constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string counted(size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += static_cast<char>(i);
  return out;
}

TEST(RecentKeys, MarksAreSipHashsOwn) {
  EXPECT_EQ(sip_hash(kKey, ""), (SipMark{0xe6a825ba047f81a3, 0x930255c71472f66d}));
  EXPECT_EQ(sip_hash(kKey, counted(1)), (SipMark{0x44af996bd8c187da, 0x45fc229b11597634}));
  EXPECT_EQ(sip_hash(kKey, counted(15)), (SipMark{0x11a8b03399e99354, 0xd9c3cf970fec087e}));
}

TEST(RecentKeys, TwoPartsAreOneText) {
  const std::string text = counted(40);
  for (size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(
        sip_hash(kKey, std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)),
        sip_hash(kKey, text));
}

TEST(RecentKeys, KnowWhatTheyWereToldAndNothingElse) {
  RecentKeys keys;
  const int shop = 1, lab = 2;
  EXPECT_EQ(keys.find({}), nullptr);
  const SipMark mark = keys.mark_of("10.0.0.1", "sk-shop");
  EXPECT_EQ(keys.find(mark), nullptr);
  keys.remember(mark, &shop);
  EXPECT_EQ(keys.find(mark), &shop);
  EXPECT_EQ(keys.find(keys.mark_of("10.0.0.2", "sk-shop")), nullptr);
  EXPECT_EQ(keys.find(keys.mark_of("10.0.0.1", "sk-sho")), nullptr);
  EXPECT_EQ(keys.find(keys.mark_of("10.0.0.1s", "k-shop")), nullptr);
  SipMark near = mark;
  near[1] ^= 1;
  EXPECT_EQ(keys.find(near), nullptr);
  keys.remember(near, &lab);  // in its place
  EXPECT_EQ(keys.find(mark), nullptr);
  EXPECT_EQ(keys.find(near), &lab);
}

TEST(RecentKeys, EachOneHasItsOwnKey) {
  EXPECT_NE(RecentKeys().mark_of("a", "b"), RecentKeys().mark_of("a", "b"));
}

TEST(RecentKeys, AreBounded) {
  RecentKeys keys;
  const int known = 1;
  size_t kept = 0;
  for (size_t i = 0; i < 4 * RecentKeys::kMost; ++i)
    keys.remember(keys.mark_of("a", std::to_string(i)), &known);
  for (size_t i = 0; i < 4 * RecentKeys::kMost; ++i)
    kept += keys.find(keys.mark_of("a", std::to_string(i))) != nullptr;
  EXPECT_GT(kept, 0u);
  EXPECT_LE(kept, RecentKeys::kMost);
}

}  // namespace
}  // namespace keel::server
