#include "base/decimal.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace keel {
namespace {

std::string decimal(int64_t value, int places) {
  std::string out = "x";
  append_decimal(out, value, places);
  return out;
}

std::string number(int64_t value) {
  std::string out = "x";
  append_number(out, value);
  return out;
}

TEST(Decimal, UnitsBecomeDigitsBehindAPoint) {
  EXPECT_EQ(decimal(0, 3), "x0.000");
  EXPECT_EQ(decimal(7, 3), "x0.007");
  EXPECT_EQ(decimal(1'234, 3), "x1.234");
  EXPECT_EQ(decimal(100, 2), "x1.00");
  EXPECT_EQ(decimal(-5, 1), "x-0.5");
  EXPECT_EQ(decimal(1'000'000'000, 9), "x1.000000000");
}

TEST(Decimal, TheLargestFit) {
  EXPECT_EQ(decimal(std::numeric_limits<int64_t>::max(), 9), "x9223372036.854775807");
  EXPECT_EQ(decimal(std::numeric_limits<int64_t>::min(), 18), "x-9.223372036854775808");
  EXPECT_EQ(number(std::numeric_limits<int64_t>::min()), "x-9223372036854775808");
  EXPECT_EQ(number(0), "x0");
}

}  // namespace
}  // namespace keel
