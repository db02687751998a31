// The delays of a thousand replies as a parser in Python reads them, which shares no code with
// ours (tests/python/test_hint_oracle.py).

#include "wire/hints.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::wire {
namespace {

TEST(Hints, AgreeWithAnotherAuthor) {
  std::ifstream file(KEEL_SOURCE_DIR "/tests/data/retry_hints/replies.json");
  const auto page = nlohmann::json::parse(file);
  const int64_t now_ns = page["now_ns"];
  size_t said = 0;
  for (const auto& reply : page["replies"]) {
    Headers headers;
    for (const auto& [name, value] : reply["headers"].items()) headers.emplace_back(name, value);
    std::optional<Duration> body;
    if (reply["body_ns"].is_number()) body = nanoseconds(reply["body_ns"]);
    const auto after = read_hint(headers, body, now_ns).after;
    ASSERT_EQ(after.has_value(), reply["after_ns"].is_number()) << reply;
    if (!after) continue;
    ++said;
    // Ours counts in doubles: right to a nanosecond, and to 2^-51 of long delays.
    const int64_t wanted = reply["after_ns"];
    ASSERT_LE(std::abs(after->ns - wanted), 1 + (wanted >> 51)) << reply;
  }
  EXPECT_GT(said, 500u);
}

}  // namespace
}  // namespace keel::wire
