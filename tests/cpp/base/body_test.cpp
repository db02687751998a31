#include "base/body.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace keel {
namespace {

TEST(Body, NothingIsEmptyAndFalse) {
  Body none;
  EXPECT_FALSE(none);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.view(), "");
  Body empty = Body::copy_of("");
  EXPECT_TRUE(empty);
  EXPECT_TRUE(empty.empty());
}

TEST(Body, CopiesShareTheBytes) {
  Body body = Body::copy_of("hello");
  Body same = body;
  EXPECT_EQ(same.view().data(), body.view().data());
  body = Body();
  EXPECT_EQ(same.view(), "hello");
}

TEST(Body, TakenBytesAreNotCopiedWhereThePaddingFits) {
  std::string text = "text that is long enough not to live inside the string object itself";
  text.reserve(text.size() + Body::kPadding);
  const char* before = text.data();
  Body body = Body::take(std::move(text));
  EXPECT_EQ(body.view().data(), before);
}

TEST(Body, ThePaddingCanBeRead) {
  // A sanitizer build is the judge of this one.
  for (size_t length : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{1000}}) {
    Body body = Body::take(std::string(length, 'x'));
    volatile char seen = 0;
    const volatile char* bytes = body.view().data();
    for (size_t i = 0; i < Body::kPadding; ++i) seen = bytes[length + i];
    (void)seen;
    EXPECT_EQ(body.size(), length);
  }
}

TEST(SplicedBody, WithoutSplicesEveryByteStays) {
  SplicedBody spliced{Body::copy_of("{\"seed\": 1e2}"), {}};
  EXPECT_EQ(spliced.flatten(), "{\"seed\": 1e2}");
  EXPECT_EQ(spliced.size(), 13u);
}

TEST(SplicedBody, ReplacesInsertsAndCuts) {
  SplicedBody spliced{Body::copy_of("abcdef"),
                      {{{0, 1}, "XY"}, {{3, 0}, "-"}, {{4, 1}, ""}, {{6, 0}, "!"}}};
  EXPECT_EQ(spliced.flatten(), "XYbc-df!");
  EXPECT_EQ(spliced.size(), spliced.flatten().size());
}

TEST(SplicedBody, TheWholeBodyCanBeReplaced) {
  SplicedBody spliced{Body::copy_of("abc"), {{{0, 3}, "z"}}};
  EXPECT_EQ(spliced.flatten(), "z");
  SplicedBody of_nothing{Body(), {{{0, 0}, "z"}}};
  EXPECT_EQ(of_nothing.flatten(), "z");
  EXPECT_EQ(of_nothing.size(), 1u);
}

TEST(SplicedBody, WhatIsFlattenedBecomesABodyWithoutACopy) {
  SplicedBody spliced{Body::copy_of(std::string(100, 'a')), {{{50, 1}, "bb"}}};
  std::string flat = spliced.flatten();
  const char* before = flat.data();
  EXPECT_EQ(Body::take(std::move(flat)).view().data(), before);
}

}  // namespace
}  // namespace keel
