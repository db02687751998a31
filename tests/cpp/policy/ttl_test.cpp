#include "policy/scene.hpp"

#include <gmock/gmock.h>

namespace keel::policy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t ttl(TtlPolicy& policy, std::string_view message) {
  keel_request asked = request();
  keel_ttl_question question{};
  question.struct_size = sizeof question;
  question.request = &asked;
  question.first_message = text_of(message);
  int64_t ttl_ns = -1;
  EXPECT_TRUE(policy.ttl(question, ttl_ns));
  return ttl_ns;
}

CreateOptions with_text() {
  CreateOptions options;
  options.allow_text = true;
  return options;
}

TEST(FixedTtl, DefaultGivenAndBounds) {
  EXPECT_EQ(ttl(*builtin<TtlPolicy>("fixed_ttl"), ""), 60 * kSecond);
  EXPECT_EQ(ttl(*builtin<TtlPolicy>("fixed_ttl", {{"ttl_seconds", 0.5}}), ""), kSecond / 2);
  EXPECT_EQ(ttl(*builtin<TtlPolicy>("fixed_ttl", {{"ttl_seconds", int64_t{0}}}), ""), 0);
  EXPECT_EQ(ttl(*builtin<TtlPolicy>("fixed_ttl", {{"ttl_seconds", int64_t{31'536'000}}}), ""),
            KEEL_TTL_MAX_NS);
  Registry registry({kBuiltins});
  EXPECT_FALSE(registry.create<TtlPolicy>("fixed_ttl", {{"ttl_seconds", int64_t{31'536'001}}}));
  EXPECT_FALSE(registry.create<TtlPolicy>("fixed_ttl", {{"ttl_seconds", -1.0}}));
}

TEST(KeywordTtl, TheArticlesWords) {
  auto policy = builtin<TtlPolicy>("keyword_ttl", {}, with_text());
  EXPECT_TRUE(policy->description().needs_text);
  EXPECT_EQ(ttl(*policy, "a realtime quote"), 5 * kSecond);
  EXPECT_EQ(ttl(*policy, "a static page"), 3600 * kSecond);
  EXPECT_EQ(ttl(*policy, "realtime beats static"), 5 * kSecond);
  EXPECT_EQ(ttl(*policy, "Realtime"), 60 * kSecond);
  EXPECT_EQ(ttl(*policy, ""), 60 * kSecond);
}

TEST(KeywordTtl, ConfiguredWords) {
  auto policy = builtin<TtlPolicy>("keyword_ttl",
                                   {{"keywords.price", int64_t{0}},
                                    {"keywords.opening hours", 86400.0},
                                    {"default_seconds", int64_t{10}}},
                                   with_text());
  EXPECT_EQ(ttl(*policy, "the price and the opening hours"), 0);
  EXPECT_EQ(ttl(*policy, "the opening hours"), 86400 * kSecond);
  EXPECT_EQ(ttl(*policy, "realtime"), 10 * kSecond);
}

TEST(KeywordTtl, TextIsWithheldUnlessAllowed) {
  auto policy = builtin<TtlPolicy>("keyword_ttl");
  EXPECT_EQ(ttl(*policy, "a realtime quote"), 60 * kSecond);
}

}  // namespace
}  // namespace keel::policy
