#include "base/random.hpp"
#include "engine/key_pool.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Lease = KeyPool::Lease;

uint64_t spread(const KeyPool& pool) {
  uint64_t least = UINT64_MAX, most = 0;
  for (KeyIndex k = 0; k < pool.size(); ++k) {
    least = std::min(least, pool.uses(k));
    most = std::max(most, pool.uses(k));
  }
  return most - least;
}

// K2: equal keys, requests that last equally long.
TEST(KeyPool, EqualKeysAreUsedEvenly) {
  for (KeyLimits limits : {KeyLimits{}, KeyLimits{.requests_per_minute = 600},
                           KeyLimits{.tokens_per_minute = 100'000, .concurrency = 50}}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      Random random(seed);
      std::vector<KeySettings> keys(2 + random.below(6), KeySettings{limits, ""});
      KeyPool pool(keys, KeyOrder::least_loaded, seed);
      std::deque<Lease> out;
      Instant now{};
      for (int step = 0; step < 2'000; ++step) {
        now = now + milliseconds(50);
        if (out.size() < 40 && random.chance(1, 2)) {
          if (auto lease = pool.take(0, 10, {}, Instant::never(), now)) out.push_back(*lease);
        } else if (!out.empty()) {
          pool.give_back(out.front(), 10, true, now);
          out.pop_front();
        }
        ASSERT_LE(spread(pool), 1u) << "seed " << seed << ", step " << step;
      }
    }
  }
}

// Ids are a key's own.
uint64_t name_of(const Lease& lease) {
  return lease.place.id << 8 | lease.key;
}

// K1 against a record kept by hand: whatever happens, no lease of a key that is dead, cooling,
// denied or benched, never two on trial, and one is given whenever one could be.
void run_schedule(uint64_t seed, KeyOrder order) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr KeyIndex kKeys = 4;
  constexpr KeyPool::ModelId kModels = 2;
  Random random(seed);
  std::vector<KeySettings> settings(kKeys);
  for (KeyIndex k = 0; k < kKeys; ++k) settings[k].account = k < 2 ? "x" : "y";
  KeyPool pool(settings, order, seed);
  struct Account {
    Instant benched{};
    bool unproven = false;
    uint64_t trial = 0;
    std::set<uint64_t> out;
  };
  std::map<std::pair<KeyIndex, KeyPool::ModelId>, Instant> barred;
  std::array<bool, kKeys> dead{};
  std::array<Account, 2> accounts;
  std::vector<Lease> out;
  Instant now{};
  for (int step = 0; step < 3'000; ++step) {
    now = now + seconds(static_cast<int64_t>(random.below(20)));
    auto key = static_cast<KeyIndex>(random.below(kKeys));
    auto model = static_cast<KeyPool::ModelId>(random.below(kModels));
    auto free = [&](KeyIndex k) {
      const Account& account = accounts[k / 2];
      return !dead[k] && now >= barred[{k, model}] && now >= account.benched &&
             !(account.unproven && !account.out.empty());
    };
    uint64_t action = random.below(40);
    if (action < 18) {
      std::vector<KeyIndex> excluded;
      if (random.chance(1, 4)) excluded.push_back(key);
      bool any = false;
      for (KeyIndex k = 0; k < kKeys; ++k) any |= free(k) && (excluded.empty() || k != key);
      auto peek = pool.availability(model, 1, excluded, now);
      std::optional<Lease> lease = pool.take(model, 1, excluded, Instant::never(), now);
      ASSERT_EQ(lease.has_value(), any) << "step " << step;
      ASSERT_EQ(peek.reason == KeyReason::none, any) << "step " << step;
      if (!lease) continue;
      ASSERT_TRUE(free(lease->key)) << "K1, step " << step;
      ASSERT_EQ(pool.barred(lease->key, model, now), KeyReason::none);
      out.push_back(*lease);
      Account& account = accounts[lease->key / 2];
      account.out.insert(name_of(*lease));
      account.trial = account.unproven ? name_of(*lease) : 0;
    } else if (action < 32) {
      if (out.empty()) continue;
      size_t i = random.below(out.size());
      Lease lease = out[i];
      out.erase(out.begin() + static_cast<ptrdiff_t>(i));
      Account& account = accounts[lease.key / 2];
      account.out.erase(name_of(lease));
      pool.give_back(lease, 1, random.chance(1, 2), now);
      if (random.chance(1, 2)) {
        pool.succeed(lease.key, lease.model);
        if (account.trial == name_of(lease)) account.unproven = false;
      }
    } else if (action == 32) {
      pool.kill(key, now);
      dead[key] = true;
    } else if (action < 35) {
      pool.revive(key);
      dead[key] = false;
    } else if (action == 35) {
      pool.deny(key, model, now);
      barred[{key, model}] = std::max(barred[{key, model}], now + minutes(10));
    } else if (action < 38) {
      Duration delay = seconds(static_cast<int64_t>(random.below(100)));
      pool.throttle(key, model, delay, now);
      barred[{key, model}] = std::max(barred[{key, model}], now + delay);
    } else if (action == 38) {
      Duration rest = seconds(static_cast<int64_t>(random.below(200)));
      pool.bench(key, rest, now);
      Account& account = accounts[key / 2];
      account.benched = std::max(account.benched, now + rest);
      account.unproven = true;
      account.trial = 0;
    }
    ASSERT_EQ(pool.in_flight(now), static_cast<int64_t>(out.size()));
  }
}

TEST(KeyPool, NeverLendsABarredKeyUnderRandomSchedules) {
  for (uint64_t seed = 1; seed <= 40 && !testing::Test::HasFailure(); ++seed) {
    run_schedule(seed, seed % 2 ? KeyOrder::least_loaded : KeyOrder::least_used_random);
  }
}

}  // namespace
}  // namespace keel::engine
