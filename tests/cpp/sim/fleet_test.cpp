// Eight relays that spend from the same accounts over a store that loses, doubles, delays and is
// cut off, and that crash: no window of any account is overspent by a nano-dollar (B1), nobody
// spends what it has not leased (B4), and the providers' bill is covered (B3). KEEL_FLEET_REQUESTS
// and KEEL_FIRST_SEED widen it (`make overspend`).

#include "sim/fleet.hpp"

#include <chrono>
#include <cstdlib>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string told(const FleetResult& result) {
  std::string out;
  for (const std::string& violation : result.violations) out += "\n  " + violation;
  return out;
}

void print(const FleetResult& r, double took_s) {
  const auto line = [](const char* name, uint64_t count) {
    std::printf("%12llu %s\n", static_cast<unsigned long long>(count), name);
  };
  line("requests", r.requests);
  line("answered", r.answered);
  line("refused for money", r.refused);
  line("cancelled", r.cancelled);
  line("sends, each with its hold", r.sends);
  line("results told twice or too late", r.repeats);
  line("asks for a lease", r.store.asks);
  line("grants", r.store.grants);
  line("messages lost", r.store.lost);
  line("messages doubled", r.store.doubled);
  line("leases that ran out unheard of", r.store.expired);
  line("partitions", r.cuts);
  line("crashes", r.crashes);
  line("windows of accounts", r.windows);
  line("events", r.events);
  line("checks", r.checks);
  line("violations", r.violations.size());
  std::printf(
      "posted %s USD, billed %s USD, of which %s USD were overruns; overspent %s USD; %.1f s\n",
      to_usd_text(r.posted).c_str(), to_usd_text(r.true_bill).c_str(),
      to_usd_text(r.overruns).c_str(), to_usd_text(r.overspent).c_str(), took_s);
}

TEST(Fleet, SpendsNothingTwiceOnAPartitionedStore) {
  FleetSettings settings;
  settings.seed = from_environment("KEEL_FIRST_SEED", 1);
  settings.requests = from_environment("KEEL_FLEET_REQUESTS", 200'000);
  const auto began = std::chrono::steady_clock::now();
  const FleetResult result = Fleet(settings).run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  print(result, took.count());
  EXPECT_TRUE(result.violations.empty()) << told(result);
  EXPECT_EQ(result.requests, settings.requests);
  EXPECT_EQ(result.overspent, NanoUsd{0});
  EXPECT_LE(result.true_bill - result.overruns, result.posted);
  // It met what it is to survive, and money was short, not absent.
  EXPECT_GT(result.answered * 100, result.requests * 30);
  EXPECT_GT(result.refused * 100, result.requests * 5);
  for (const uint64_t met : {result.cancelled, result.repeats, result.cuts, result.crashes,
                             result.store.lost, result.store.doubled, result.store.expired})
    EXPECT_GT(met, 0u);
  EXPECT_GT(result.overruns, NanoUsd{0});
}

TEST(Fleet, IsTheSameForTheSameSeed) {
  const FleetSettings settings{.requests = 5'000, .seed = 3};
  EXPECT_EQ(Fleet(settings).run().fingerprint, Fleet(settings).run().fingerprint);
  FleetSettings other = settings;
  other.seed = 4;
  EXPECT_NE(Fleet(settings).run().fingerprint, Fleet(other).run().fingerprint);
}

// One relay on a store that works loses little to leasing: what it refuses, it refuses because the
// money is gone, not because it is elsewhere.
TEST(Fleet, AloneOnAStoreThatWorksMoneyIsWhereItIsNeeded) {
  FleetSettings settings{.relays = 1, .requests = 20'000};
  settings.between_cuts = settings.between_crashes = hours(1'000);
  settings.network = {.slow_per_mille = 0, .lost_per_mille = 0, .doubled_per_mille = 0};
  const FleetResult result = Fleet(settings).run();
  EXPECT_TRUE(result.violations.empty()) << told(result);
  EXPECT_GT(result.answered * 100, result.requests * 60);
}

}  // namespace
}  // namespace keel::sim
