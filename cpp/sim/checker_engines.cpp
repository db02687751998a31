// What the checker asks of the engines after every event and at rest: breakers, money, rates, and
// that everything taken has come back.

#include "sim/checker.hpp"
#include "sim/simulator.hpp"

#include <algorithm>
#include <cstdio>

namespace keel::sim {

void Checker::violated(const char* invariant, const std::string& what, Instant now) {
  char when[48];
  std::snprintf(when, sizeof when, " at %.6f s: ", static_cast<double>(now.ns) / 1e9);
  violations_.push_back(invariant + std::string(when) + what);
}

void Checker::after_event(Instant now) {
  if (!deadlines_.empty())
    check(now <= deadlines_.begin()->first + kAnswerSlack, "R3",
          "a call is still open after its deadline", now);
  check_stream(streams_.after_event(), 0, now);
  check_breakers(now);
  check_places(now);
  check_money(now);
  check_flights(now);
}

void Checker::check_places(Instant now) {
  const auto& engines = simulator_->relay().engines();
  const auto check_one = [&](const auto& places) {
    check(!places || places->in_flight(now) <= places->limit(), "L3",
          "more in flight than the limit allows", now);
  };
  for (const auto& provider : engines.providers) check_one(provider.limits.concurrency);
  for (const auto& account : engines.accounts) check_one(account.limits.concurrency);
}

void Checker::check_money(Instant now) {
  const auto& engines = simulator_->relay().engines();
  for (AccountIndex i = 0; i < config_->accounts.size(); ++i) {
    if (!engines.accounts[i].ledger) continue;
    const auto totals = engines.budget->totals(*engines.accounts[i].ledger, engines.unix_ns(now));
    check(totals.posted.value >= 0 && totals.held.value >= 0, "B2", "a negative total", now);
    if (!config_->accounts[i].budget) continue;
    const NanoUsd limit = config_->accounts[i].budget->limit;
    check(
        totals.posted + totals.held <= limit, "B1",
        [&] {
          return config_->accounts[i].name + ": " + to_usd_text(totals.posted) + " posted and " +
                 to_usd_text(totals.held) + " held of " + to_usd_text(limit);
        },
        now);
  }
}

// L1 over what kept its place: in any interval t at most the burst, one, and what t earns. What was
// taken before the interval and given back within it makes room there.
void Checker::check_rates(Instant now) {
  for (AccountIndex i = 0; i < places_.size(); ++i) {
    const int64_t limit = config_->accounts[i].limits.requests_per_minute;
    if (limit == 0) continue;
    std::vector<Instant>& kept = places_[i].kept;
    std::sort(kept.begin(), kept.end());
    const int64_t burst = engine::Quota::requests_per_minute(limit).burst;
    // What was admitted up to a request, less what the time up to it has earned; in requests, times
    // the nanoseconds of a minute.
    const auto ahead = [&](size_t nth) {
      return static_cast<__int128>(nth) * minutes(1).ns - __int128{kept[nth].ns} * limit;
    };
    size_t first = 0;
    for (size_t last = 0; last < kept.size(); ++last) {
      if (ahead(last) < ahead(first)) first = last;
      if (ahead(last) - ahead(first) <= __int128{burst} * minutes(1).ns) continue;
      const auto count = static_cast<int64_t>(last - first + 1);
      const int64_t most =
          burst + 1 +
          static_cast<int64_t>(__int128{(kept[last] - kept[first]).ns} * limit / minutes(1).ns);
      const int64_t room = std::count_if(
          places_[i].returned.begin(), places_[i].returned.end(), [&](const auto& place) {
            return place.first < kept[first] && place.second >= kept[first] &&
                   place.second <= kept[last];
          });
      check(
          count <= most + room, "L1",
          [&] {
            return config_->accounts[i].name + " admitted more requests than its rate allows";
          },
          now);
    }
  }
}

// Leases are asked for as of the beginning: one that ended by itself was never given back.
void Checker::at_rest(Instant now) {
  const relay::Engines& engines = simulator_->relay().engines();
  check(calls_.empty(), "R3", "a call was never answered", now);
  check(simulator_->relay().open_calls() == 0, "L4", "a call is still open", now);
  check(engines.attempts.empty(), "L4", "an attempt is still in flight", now);
  check(engines.budget->open_holds() == 0, "L4", "a hold is still open", now);
  check(engines.flights.members() == 0, "L4", "a call still waits for an equal one", now);
  for (TargetIndex i = 0; i < engines.targets.size(); ++i) {
    const auto& target = engines.targets[i];
    check(
        target.pool->in_flight(Instant{}) == 0, "L4",
        [&] { return "in-flight count of " + config_->targets[i].name; }, now);
    check(
        target.breaker.permits_given() == target.breaker.permits_returned(), "C4",
        [&] { return "permits of " + config_->targets[i].name + " are not all back"; }, now);
  }
  for (const auto& provider : engines.providers) {
    check(provider.keys.in_flight(Instant{}) == 0, "L4", "a key lease is still out", now);
    check(!provider.limits.concurrency || provider.limits.concurrency->in_flight(Instant{}) == 0,
          "L4", "a provider's concurrency did not return to 0", now);
  }
  for (const auto& account : engines.accounts)
    check(!account.limits.concurrency || account.limits.concurrency->in_flight(Instant{}) == 0,
          "L4", "an account's concurrency did not return to 0", now);
  const NanoUsd ledger = engines.budget->lifetime(0).posted;
  check(
      ledger == posted_, "B2",
      [&] {
        return "the ledger says " + to_usd_text(ledger) + ", the attempts say " +
               to_usd_text(posted_);
      },
      now);
  check(true_bill_ <= posted_, "B3", "the providers' bill is above what was posted", now);
  check(
      engines.metrics.violations() == 0, "counted",
      [&] {
        return std::to_string(engines.metrics.violations()) + " violations in the relay's metrics";
      },
      now);
  check_rates(now);
}

}  // namespace keel::sim
