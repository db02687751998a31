// The test of a request's life: hostile nights against the real Relay, every invariant of SEMANTICS
// section B (one instance) checked after every event. KEEL_NIGHTS and KEEL_FIRST_SEED widen it; a
// violation prints its seed, which replays it.

#include "sim/night.hpp"
#include "sim/policies.hpp"

#include <cstdlib>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string told(const Night& night, const NightResult& result) {
  std::string out = "seed " + std::to_string(night.seed) +
                    " (replay: KEEL_FIRST_SEED=" + std::to_string(night.seed) + " KEEL_NIGHTS=1)";
  for (const std::string& violation : result.violations) out += "\n  " + violation;
  return out;
}

using Counts = StreamBooks::Counts;

// What proves that streams met what they are to survive, by name.
constexpr std::pair<const char*, uint64_t Counts::*> kStreamCounts[] = {
    {"streams", &Counts::asked},
    {"delivered whole", &Counts::whole},
    {"... from a cache", &Counts::cached},
    {"... by a replay", &Counts::replayed},
    {"... by a continuation", &Counts::continued},
    {"failovers before content", &Counts::moved},
    {"hedged", &Counts::hedged},
    {"... and overtaken", &Counts::overtaken},
    {"replays that differed", &Counts::diverged},
    {"interrupted after content", &Counts::interrupted},
    {"left after content", &Counts::left},
    {"late after content", &Counts::late},
    {"readers full", &Counts::paused},
};

TEST(HostileNights, HoldEveryInvariant) {
  const uint64_t first = from_environment("KEEL_FIRST_SEED", 1);
  const uint64_t nights = from_environment("KEEL_NIGHTS", 500);
  constexpr int kRequests = 2'000;
  uint64_t requests = 0, answered = 0, cached = 0, stale = 0, refreshed = 0, downgraded = 0,
           sends = 0, events = 0, checks = 0;
  std::map<std::string, uint64_t> kinds;
  Counts streams;
  for (uint64_t seed = first; seed < first + nights; ++seed) {
    const Night night = hostile_night(seed, kRequests);
    const NightResult result = run_night(night, policies_of(night));
    ASSERT_TRUE(result.violations.empty()) << told(night, result);
    ASSERT_EQ(result.requests, static_cast<uint64_t>(kRequests)) << told(night, result);
    requests += result.requests;
    answered += result.answered;
    cached += result.cached;
    stale += result.stale;
    refreshed += result.refreshed;
    downgraded += result.downgraded;
    sends += result.sends;
    events += result.events;
    checks += result.checks;
    for (const auto& [kind, count] : result.by_kind) kinds[kind] += count;
    for (const auto& [name, count] : kStreamCounts) streams.*count += result.streams.*count;
  }
  for (const auto& [kind, count] : kinds)
    std::printf("%12llu %s\n", static_cast<unsigned long long>(count), kind.c_str());
  std::printf(
      "%llu nights, %llu requests, %llu answered (%llu from a cache, %llu of them stale, %llu "
      "downgraded), %llu refreshed, %llu sends, %llu events, %llu checks\n",
      static_cast<unsigned long long>(nights), static_cast<unsigned long long>(requests),
      static_cast<unsigned long long>(answered), static_cast<unsigned long long>(cached),
      static_cast<unsigned long long>(stale), static_cast<unsigned long long>(downgraded),
      static_cast<unsigned long long>(refreshed), static_cast<unsigned long long>(sends),
      static_cast<unsigned long long>(events), static_cast<unsigned long long>(checks));
  for (const auto& [name, count] : kStreamCounts)
    std::printf("%12llu %s\n", static_cast<unsigned long long>(streams.*count), name);
  if (nights < 100) return;
  // Hostile, not hopeless: a night in which nothing works tests nothing but refusals.
  EXPECT_GT(answered * 10, requests * 2);
  EXPECT_LT(answered * 10, requests * 7);
  EXPECT_GT(cached * 1000, requests);
  EXPECT_GT(stale * 10'000, requests);
  EXPECT_GT(refreshed * 20'000, requests);
  EXPECT_GT(downgraded * 1000, requests);
  EXPECT_GT(streams.asked * 10, requests);
  for (const auto& [name, count] : kStreamCounts)
    EXPECT_GT(streams.*count * 10'000, streams.asked) << name;
}

TEST(HostileNights, AreTheSameForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const Night night = hostile_night(seed, 500), other = hostile_night(seed + 100, 500);
    const NightResult first = run_night(night, policies_of(night));
    EXPECT_EQ(first.fingerprint, run_night(night, policies_of(night)).fingerprint);
    EXPECT_NE(first.fingerprint, run_night(other, policies_of(other)).fingerprint);
  }
}

}  // namespace
}  // namespace keel::sim
