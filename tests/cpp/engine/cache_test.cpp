#include "engine/cache.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

constexpr int64_t kOverhead = Cache::kEntryOverhead;

CacheKey key(uint8_t n) {
  CacheKey out{};
  out[0] = n;
  return out;
}
CachedReply reply(std::string_view text) {
  CachedReply out;
  out.body = Body::copy_of(text);
  out.target = 7;
  out.usage.out = 3;
  return out;
}
Instant at(int64_t s) {
  return {seconds(s).ns};
}
bool put(Cache& cache, uint8_t n, std::string_view text, Duration ttl, Instant now,
         Duration stale = {}) {
  return cache.put(key(n), Body::copy_of("q"), reply(text), {ttl, stale, {}}, now);
}
const CachedReply* find(Cache& cache, uint8_t n, Instant now, Duration stale = {}) {
  return cache.find(key(n), "q", Duration::max(), stale, now);
}
const CachedReply* find_as(Cache& cache, std::string_view canonical, Instant now) {
  return cache.find(key(1), canonical, Duration::max(), {}, now);
}

TEST(Cache, KeepsWhatItWasGiven) {
  Cache cache({});
  EXPECT_EQ(find(cache, 1, at(0)), nullptr);
  ASSERT_TRUE(put(cache, 1, "hello", seconds(60), at(5)));
  const CachedReply* found = find(cache, 1, at(6));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->body.view(), "hello");
  EXPECT_EQ(found->target, 7u);
  EXPECT_EQ(found->usage.out, 3);
  EXPECT_EQ(found->stored_at, at(5));
  EXPECT_EQ(found->expires_at, at(65));
  EXPECT_EQ(cache.entries(), 1u);
  EXPECT_EQ(cache.bytes(), 1 + 5 + kOverhead);
}

TEST(Cache, NeverServesPastItsLifetime) {
  Cache cache({});
  put(cache, 1, "x", seconds(60), at(0));
  EXPECT_NE(find(cache, 1, Instant{at(60).ns - 1}), nullptr);
  EXPECT_EQ(find(cache, 1, at(60)), nullptr);
  EXPECT_EQ(cache.entries(), 0u);
  EXPECT_EQ(cache.bytes(), 0);
}

TEST(Cache, NoOlderThanTheRequestAllows) {
  Cache cache({});
  put(cache, 1, "x", seconds(60), at(0));
  EXPECT_EQ(cache.find(key(1), "q", seconds(9), {}, at(10)), nullptr);
  EXPECT_NE(cache.find(key(1), "q", seconds(10), {}, at(10)), nullptr);
  EXPECT_EQ(cache.find(key(1), "q", nanoseconds(-1), {}, at(0)), nullptr);
}

TEST(Cache, AForgedKeyMeetsTheCanonicalRequest) {
  Cache cache({});
  ASSERT_TRUE(
      cache.put(key(1), Body::copy_of("mine"), reply("secret"), {seconds(60), {}, {}}, at(0)));
  EXPECT_EQ(find_as(cache, "yours", at(1)), nullptr);
  EXPECT_EQ(find_as(cache, "", at(1)), nullptr);
  EXPECT_NE(find_as(cache, "mine", at(1)), nullptr);
  ASSERT_TRUE(
      cache.put(key(1), Body::copy_of("yours"), reply("other"), {seconds(60), {}, {}}, at(1)));
  EXPECT_EQ(find_as(cache, "mine", at(1)), nullptr);
  EXPECT_EQ(find_as(cache, "yours", at(1))->body.view(), "other");
  EXPECT_EQ(cache.entries(), 1u);
}

TEST(Cache, ReplacingIsNoEviction) {
  Cache cache({});
  put(cache, 1, "long answer", seconds(60), at(0));
  put(cache, 1, "short", seconds(1), at(1));
  EXPECT_EQ(cache.bytes(), 1 + 5 + kOverhead);
  EXPECT_EQ(cache.evictions(), 0u);
  EXPECT_EQ(find(cache, 1, at(2)), nullptr);
}

TEST(Cache, TheLeastRecentlyUsedLeavesFirst) {
  Cache cache({.max_bytes = 3 * (2 + kOverhead)});
  for (uint8_t n : {1, 2, 3}) ASSERT_TRUE(put(cache, n, "x", seconds(60), at(0)));
  EXPECT_NE(find(cache, 1, at(1)), nullptr);
  ASSERT_TRUE(put(cache, 4, "x", seconds(60), at(1)));
  EXPECT_EQ(find(cache, 2, at(1)), nullptr);
  for (uint8_t n : {1, 3, 4}) EXPECT_NE(find(cache, n, at(1)), nullptr) << int{n};
  EXPECT_EQ(cache.evictions(), 1u);
  EXPECT_EQ(cache.bytes(), 3 * (2 + kOverhead));
}

TEST(Cache, OneLargeEntryMayTakeThePlaceOfAll) {
  int64_t all = 3 * (2 + kOverhead);
  Cache cache({.max_bytes = all, .max_entry_bytes = all});
  for (uint8_t n : {1, 2, 3}) put(cache, n, "x", seconds(60), at(0));
  std::string large(static_cast<size_t>(all - kOverhead - 1), 'x');
  ASSERT_TRUE(put(cache, 4, large, seconds(60), at(0)));
  EXPECT_EQ(cache.entries(), 1u);
  EXPECT_EQ(cache.bytes(), all);
  EXPECT_EQ(cache.evictions(), 3u);
}

TEST(Cache, TooLargeIsRefusedAndChangesNothing) {
  Cache cache({.max_bytes = 10'000, .max_entry_bytes = 10 + kOverhead});
  EXPECT_TRUE(put(cache, 1, "123456789", seconds(60), at(0)));
  EXPECT_FALSE(put(cache, 1, "1234567890", seconds(60), at(0)));
  EXPECT_EQ(find(cache, 1, at(0))->body.view(), "123456789");
  Cache tiny({.max_bytes = kOverhead});
  EXPECT_FALSE(put(tiny, 1, "x", seconds(60), at(0)));
  Cache zero({.max_bytes = 0, .max_entry_bytes = 0});
  EXPECT_FALSE(zero.put(key(1), {}, {}, {seconds(60), {}, {}}, at(0)));
  EXPECT_EQ(zero.entries(), 0u);
}

TEST(Cache, ALifetimeMustBePositiveAndSaturates) {
  Cache cache({});
  EXPECT_FALSE(put(cache, 1, "x", Duration::zero(), at(0)));
  EXPECT_FALSE(put(cache, 1, "x", seconds(-1), at(0)));
  ASSERT_TRUE(put(cache, 1, "x", Duration::max(), at(1'000)));
  EXPECT_NE(find(cache, 1, at(1'000'000)), nullptr);
}

TEST(Cache, AClockThatStepsBackMakesNothingOlder) {
  Cache cache({});
  put(cache, 1, "x", seconds(60), at(100));
  EXPECT_NE(cache.find(key(1), "q", Duration::zero(), {}, at(50)), nullptr);
}

TEST(Cache, AStaleReplyIsForThoseWhoTakeOne) {
  Cache cache({});
  put(cache, 1, "x", seconds(60), at(0), seconds(30));
  EXPECT_FALSE(find(cache, 1, at(59))->stale(at(59)));
  EXPECT_EQ(find(cache, 1, at(60)), nullptr) << "expired, and nobody takes it";
  EXPECT_EQ(cache.entries(), 1u) << "but kept";
  EXPECT_EQ(find(cache, 1, at(70), seconds(10)), nullptr);
  const CachedReply* found = find(cache, 1, at(70), nanoseconds(seconds(10).ns + 1));
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->stale(at(70)));
  EXPECT_EQ(found->expires_at, at(60));
  EXPECT_EQ(cache.find(key(1), "q", seconds(69), seconds(30), at(70)), nullptr) << "max_age binds";
  EXPECT_NE(find(cache, 1, Instant{at(90).ns - 1}, seconds(600)), nullptr);
  EXPECT_EQ(find(cache, 1, at(90), seconds(600)), nullptr) << "kept no longer";
  EXPECT_EQ(cache.entries(), 0u);
}

TEST(Cache, AStaleWindowSaturatesAndIsNeverNegative) {
  Cache cache({});
  put(cache, 1, "x", Duration::max(), at(1), Duration::max());
  EXPECT_NE(find(cache, 1, at(1'000'000), Duration::max()), nullptr);
  put(cache, 2, "x", seconds(60), at(0), seconds(-30));
  EXPECT_NE(find(cache, 2, at(59)), nullptr);
}

TEST(Cache, PurgeForgetsOneOwnersEntries) {
  Cache cache({});
  for (uint8_t n : {1, 2, 3})
    cache.put(key(n), Body::copy_of("q"), reply("x"), {seconds(60), {}, n == 2 ? "them" : "us"},
              at(0));
  EXPECT_EQ(cache.bytes(), 3 * (2 + kOverhead) + 2 + 4 + 2);
  EXPECT_EQ(cache.purge("nobody"), 0u);
  EXPECT_EQ(cache.purge("us"), 2u);
  EXPECT_EQ(cache.purge("us"), 0u);
  EXPECT_EQ(find(cache, 1, at(1)), nullptr);
  EXPECT_NE(find(cache, 2, at(1)), nullptr);
  EXPECT_EQ(cache.bytes(), 2 + 4 + kOverhead);
  EXPECT_EQ(cache.purge(""), 0u) << "no owner is an owner of its own";
  EXPECT_EQ(cache.evictions(), 0u);
}

TEST(Cache, ClearForgetsAll) {
  Cache cache({});
  put(cache, 1, "x", seconds(60), at(0));
  cache.clear();
  EXPECT_EQ(cache.entries(), 0u);
  EXPECT_EQ(cache.bytes(), 0);
  EXPECT_EQ(find(cache, 1, at(0)), nullptr);
}

// Against a list kept by hand: same hits, same order of leaving, never over the limit.
TEST(Cache, AgreesWithASimpleListUnderARandomSchedule) {
  struct Line {
    uint8_t n;
    std::string text;
    Instant end, kept;
  };
  auto bytes_of = [](const Line& line) {
    return 1 + static_cast<int64_t>(line.text.size()) + kOverhead;
  };
  const int64_t max_bytes = 6 * kOverhead;
  Random random(11);
  Cache cache({.max_bytes = max_bytes});
  std::vector<Line> lines;  // most recently used first
  Instant now{};
  for (int step = 0; step < 50'000; ++step) {
    now = now + milliseconds(static_cast<int64_t>(random.below(500)));
    auto n = static_cast<uint8_t>(random.below(12));
    auto line = std::find_if(lines.begin(), lines.end(), [&](auto& l) { return l.n == n; });
    if (random.chance(1, 2)) {
      const Instant end = now + seconds(1 + static_cast<int64_t>(random.below(9)));
      Line fresh{n, std::string(random.below(400), 'x'), end,
                 end + seconds(static_cast<int64_t>(random.below(4)))};
      if (line != lines.end()) lines.erase(line);
      int64_t total = bytes_of(fresh);
      for (const Line& l : lines) total += bytes_of(l);
      for (; total > max_bytes; lines.pop_back()) total -= bytes_of(lines.back());
      ASSERT_TRUE(put(cache, n, fresh.text, end - now, now, fresh.kept - end));
      lines.insert(lines.begin(), fresh);
      ASSERT_LE(cache.bytes(), max_bytes);
      continue;
    }
    const Duration stale = milliseconds(static_cast<int64_t>(random.below(4'000)));
    if (line == lines.end() || now >= line->kept) {
      ASSERT_EQ(find(cache, n, now, stale), nullptr) << "step " << step;
      if (line != lines.end()) lines.erase(line);
    } else if (now >= line->end + stale) {
      ASSERT_EQ(find(cache, n, now, stale), nullptr) << "step " << step;
    } else {
      const CachedReply* found = find(cache, n, now, stale);
      ASSERT_NE(found, nullptr) << "step " << step;
      ASSERT_EQ(found->body.view(), line->text);
      std::rotate(lines.begin(), line, line + 1);
    }
    ASSERT_EQ(cache.entries(), lines.size());
    ASSERT_LE(cache.bytes(), max_bytes);
  }
  EXPECT_GT(cache.evictions(), 1'000u);
}

}  // namespace
}  // namespace keel::engine
