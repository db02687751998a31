#include "base/money.hpp"

#include "base/random.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kUsdPerMillion = 1'000'000'000;  // one USD per million tokens

TEST(NanoUsd, SumsSaturate) {
  EXPECT_EQ(NanoUsd::max() + NanoUsd{1}, NanoUsd::max());
  EXPECT_EQ(NanoUsd{std::numeric_limits<int64_t>::min()} - NanoUsd{1},
            NanoUsd{std::numeric_limits<int64_t>::min()});
  NanoUsd sum{5};
  sum += NanoUsd{3};
  sum -= NanoUsd{1};
  EXPECT_EQ(sum, NanoUsd{7});
}

TEST(NanoUsd, TextIsDollarsWithoutIdleZeros) {
  EXPECT_EQ(to_usd_text({0}), "0");
  EXPECT_EQ(to_usd_text({1}), "0.000000001");
  EXPECT_EQ(to_usd_text({1'234'000}), "0.001234");
  EXPECT_EQ(to_usd_text({2'000'000'000}), "2");
  EXPECT_EQ(to_usd_text({10'500'000'000}), "10.5");
  EXPECT_EQ(to_usd_text({-500'000'000}), "-0.5");
  EXPECT_EQ(to_usd_text(NanoUsd::max()), "9223372036.854775807");
  EXPECT_EQ(to_usd_text({std::numeric_limits<int64_t>::min()}), "-9223372036.854775808");
}

TEST(Price, EveryComponentRoundsUp) {
  EXPECT_EQ(price_tokens(0, kUsdPerMillion), NanoUsd{0});
  EXPECT_EQ(price_tokens(-5, kUsdPerMillion), NanoUsd{0});
  EXPECT_EQ(price_tokens(5, 0), NanoUsd{0});
  EXPECT_EQ(price_tokens(1, 1), NanoUsd{1});
  EXPECT_EQ(price_tokens(1'000'000, 1), NanoUsd{1});
  EXPECT_EQ(price_tokens(1'000'001, 1), NanoUsd{2});
  EXPECT_EQ(price_tokens(kMax, kMax), NanoUsd::max());
}

TEST(Price, CachedAndWrittenTokensArePartOfTheInput) {
  Price price{8 * kUsdPerMillion, 32 * kUsdPerMillion, 2 * kUsdPerMillion, 10 * kUsdPerMillion};
  // 1000 in, of which 300 cached and 200 written: 500 x 8 + 300 x 2 + 200 x 10, and 100 x 32.
  EXPECT_EQ(cost_of({1000, 300, 200, 100, 50}, price),
            NanoUsd{(500 * 8 + 300 * 2 + 200 * 10 + 100 * 32) * 1000});
}

TEST(Price, WithoutCachePricesTheInputPriceCounts) {
  Price price{8 * kUsdPerMillion, 8 * kUsdPerMillion, {}, {}};
  EXPECT_EQ(cost_of({10, 4, 3, 0, 0}, price), NanoUsd{80'000});
}

TEST(Price, UsageThatContradictsItselfNeverCostsLessThanNothing) {
  Price price{8 * kUsdPerMillion, 8 * kUsdPerMillion, 1 * kUsdPerMillion, {}};
  EXPECT_EQ(cost_of({-10, 4, 3, -1, 0}, price), NanoUsd{0});
  EXPECT_EQ(cost_of({10, 400, 300, 0, 0}, price), NanoUsd{10'000});
}

TEST(Price, ASettlementNeverExceedsItsHold) {
  Random random(11);
  for (int i = 0; i < 20'000; ++i) {
    Price price{static_cast<int64_t>(random.below(20 * kUsdPerMillion)),
                static_cast<int64_t>(random.below(80 * kUsdPerMillion)),
                {},
                {}};
    if (random.chance(1, 2)) price.cached = random.below(20 * kUsdPerMillion);
    if (random.chance(1, 2)) price.cache_write = random.below(25 * kUsdPerMillion);
    int64_t in = random.below(200'000), out = random.below(64'000);
    Usage usage{
        static_cast<int64_t>(random.below(in + 1)), static_cast<int64_t>(random.below(in + 1)),
        static_cast<int64_t>(random.below(in + 1)), static_cast<int64_t>(random.below(out + 1)), 0};
    ASSERT_LE(cost_of(usage, price), worst_case(in, out, price)) << "round " << i;
  }
}

TEST(Price, TheClampIsTheLargestThatFits) {
  Random random(12);
  for (int i = 0; i < 20'000; ++i) {
    Price price{static_cast<int64_t>(random.below(20 * kUsdPerMillion)),
                static_cast<int64_t>(1 + random.below(80 * kUsdPerMillion)),
                {},
                {}};
    int64_t in = random.below(200'000);
    NanoUsd amount{static_cast<int64_t>(random.below(10'000'000'000))};
    int64_t fits = output_tokens_that_fit(amount, in, price);
    if (fits < 0) {
      ASSERT_GT(worst_case(in, 0, price), amount) << "round " << i;
      continue;
    }
    ASSERT_LE(worst_case(in, fits, price), amount) << "round " << i;
    ASSERT_GT(worst_case(in, fits + 1, price), amount) << "round " << i;
  }
}

TEST(Price, FreeOutputFitsWithoutLimit) {
  EXPECT_EQ(output_tokens_that_fit({100}, 0, Price{}), kMax);
  EXPECT_EQ(output_tokens_that_fit({1}, 0, Price{}), -1);
}

}  // namespace
}  // namespace keel
