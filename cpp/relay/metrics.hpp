#pragma once
// What a relay counts, by CONVENTIONS' names. Counters live here; gauges are read from the engines
// when somebody asks. Every label's values come from the configuration, so their number is bounded.
// Counting an event bumps a number at a known place: no name is looked up while requests run.

#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "relay/counters.hpp"
#include "relay/invariants.hpp"
#include "relay/trace.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

struct Config;
struct Engines;
struct Answer;

// The value of `outcome` in keel_requests_total and in the request log.
std::string_view outcome_of(const Answer& answer);

inline constexpr RouteIndex kNoRoute = UINT32_MAX;  // refused before one was found

class Metrics {
 public:
  explicit Metrics(const Config& config);

  // Counts on from where the relay before this one is, together with it. What was counted here
  // until now is forgotten: first thing of all.
  void join(const Metrics& before, const Config& config);

  void request(RouteIndex route, const Answer& answer, Duration took);
  // Of a stream, at the first content given to the client; once per request.
  void first_token(RouteIndex route, Duration took) {
    counters_->routes[routes_[route]].first_token.add(took);
  }
  // What answering cost beside waiting for providers.
  void overhead(Duration spent) { counters_->overhead.add(spent); }
  void attempt(const AttemptRecord& record);
  void retry(TargetIndex target) { ++of(target).retries; }
  void failover(TargetIndex from, TargetIndex to) {
    ++counters_->failovers[{targets_[from], targets_[to]}];
  }
  void hedge(RouteIndex route, bool won) {
    ++counters_->routes[routes_[route]].hedges[won ? 1 : 0];
  }
  void cache(std::string_view result);
  void refresh(bool ok) { ++counters_->refreshes[ok ? 0 : 1]; }
  void breaker_transition(TargetIndex target) { ++of(target).transitions; }
  void policy_error(std::string_view id);
  // Counts one decision of that policy; to be asked for after any join().
  std::function<void(Duration)> decisions_of(std::string_view id);
  void rate_limited(AccountIndex account) {
    ++counters_->accounts[accounts_[account]].rate_limited;
  }

  void require(bool holds, Invariant invariant) {
    if (!holds) ++counters_->violations[static_cast<size_t>(invariant)];
  }
  uint64_t violations() const;  // of all invariants: what must stay 0

  // Attempts that were sends: each of them, and no other, is posted to the ledger exactly once
  // (at zero where the provider does not bill).
  uint64_t postings() const { return counters_->postings; }

  // Prometheus text exposition format 0.0.4.
  std::string render(const Engines& engines, Instant now) const;

 private:
  using Places = std::vector<Counters::Place>;
  void find_places(const Config& config);
  Counters::Target& of(TargetIndex target) { return counters_->targets[targets_[target]]; }

  std::shared_ptr<Counters> counters_;
  Places routes_, targets_, accounts_;  // by their indices in the configuration
};

}  // namespace keel::relay
