#include "wire/tags.hpp"

#include <gtest/gtest.h>

namespace keel::wire {
namespace {

std::string tags(std::string_view header, const std::string& members = "") {
  const Body body =
      Body::take(R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + members + "}");
  return tags_json(header, *read_facts(Operation::chat, body), body.view());
}

TEST(Tags, NoneIsNothing) {
  EXPECT_EQ(tags(""), "");
  EXPECT_EQ(tags(" , ,=x,"), "");
  EXPECT_EQ(tags("", R"(,"metadata":{},"user":null)"), "");
  EXPECT_EQ(tags("", R"(,"metadata":null)"), "");
}

TEST(Tags, OfTheHeaderAreNamesWithOrWithoutAValue) {
  EXPECT_EQ(tags("team=a"), R"({"team":"a"})");
  EXPECT_EQ(tags(" team = a b , batch,run=1=2 "), R"({"team":"a b","batch":"","run":"1=2"})");
  EXPECT_EQ(tags("x=\"\\\x01\xff"), R"({"x":"\"\\\u0001\ufffd"})");
}

TEST(Tags, OfTheBodyAreMetadatasScalarsAndTheUser) {
  EXPECT_EQ(tags("", R"(,"user":"u\u00e91")"), "{\"user\":\"u\u00e91\"}");
  EXPECT_EQ(tags("", R"(,"metadata":{"a":"b","n":1.50,"yes":true,"no":false})"),
            R"({"a":"b","n":"1.50","yes":"true","no":"false"})");
  EXPECT_EQ(tags("", R"(,"metadata":{"deep":{"a":"b"},"list":["c"],"none":null,"":"e"})"), "");
  EXPECT_EQ(tags("", R"(,"metadata":["a"],"user":7)"), "");
  EXPECT_EQ(tags_json("",
                      *read_facts(Operation::embeddings,
                                  Body::take(R"({"model":"m","input":"i","user":"u"})")),
                      R"({"model":"m","input":"i","user":"u"})"),
            R"({"user":"u"})");
}

TEST(Tags, OfEqualNamesTheHeadersIsKeptThenMetadatas) {
  const std::string body = R"(,"user":"u","metadata":{"team":"b","us\u0065r":"m","team":"c"})";
  EXPECT_EQ(tags("team=a,team=z", body), R"({"team":"a","user":"m"})");
  EXPECT_EQ(tags("user=h", body), R"({"user":"h","team":"b"})");
}

TEST(Tags, AreBoundedInNumberAndSizeAndLeftOutWhole) {
  std::string many, small = R"({"0":"")";
  for (size_t i = 0; i < 2 * kTagsMost; ++i) many += std::to_string(i) + ",";
  for (size_t i = 1; i < kTagsMost; ++i) small += ",\"" + std::to_string(i) + R"(":"")";
  EXPECT_EQ(tags(many), small + "}");
  const std::string fits(kTagsBytesMax - 1, 'v');
  EXPECT_EQ(tags("n=" + fits), R"({"n":")" + fits + "\"}");
  EXPECT_EQ(tags("n=v" + fits + ",m=1"), R"({"m":"1"})");
  EXPECT_EQ(tags("n=" + fits, R"(,"user":"u")"), R"({"n":")" + fits + "\"}");
}

}  // namespace
}  // namespace keel::wire
