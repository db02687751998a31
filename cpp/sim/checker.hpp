#pragma once
// The invariants of SEMANTICS section B, checked after every event against books of its own: it
// sees the traffic between relay and driver and the providers' true behaviour, and trusts no
// engine's word about itself where it can count. It can be held to another configuration than the
// relay runs with; that is how its own sight is tested.

#include "relay/events.hpp"
#include "sim/cache_books.hpp"
#include "sim/stream_books.hpp"
#include "sim/upstream.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace keel::relay {
struct Call;
}

namespace keel::sim {

class Simulator;

class Checker {
 public:
  // Without `held_to`: the relay's own configuration. With it: targets, routes, accounts and keys
  // must be the same ones; the numbers may differ.
  explicit Checker(std::shared_ptr<const relay::Config> held_to = nullptr)
      : held_to_(std::move(held_to)) {}
  void attach(const Simulator& simulator, const relay::Config& config);

  void arrived(const relay::Request& request, Instant now);
  void send(const relay::Send& send, const Exchange& exchange, Instant now);
  void sent(AttemptId attempt, Instant now);
  void finished(AttemptId attempt, const Exchange& exchange, const Body& reply, Instant now);
  void aborted(AttemptId attempt, Instant now);
  // Of streams: an event as wire/ read it, a piece for the caller, back-pressure, a caller gone.
  void told(AttemptId attempt, const StreamEvent& event, Instant now);
  void delivered(const relay::Deliver& piece, Instant now);
  void paused(const relay::Pause& pause);
  void pressed(const relay::Backpressure& event);
  void left(CallId call);
  void probe(const relay::Probe& probe);
  void probed(const relay::Probed& result, Instant now);
  void probe_given_up(ProbeId probe, Instant now);
  void responded(CallId call, const relay::Answer& answer, Instant now);
  void refreshed(const relay::Refreshed& event, Instant now);
  void after_event(Instant now);
  // Nothing is in flight any more: everything taken must have come back.
  void at_rest(Instant now);

  // What was violated, each with its instant; empty is what we want to see.
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t checks() const { return checks_; }
  const StreamBooks::Counts& streams() const { return streams_.counts(); }

 private:
  static constexpr size_t kViolationsKept = 20;
  static constexpr Duration kAnswerSlack = milliseconds(100);
  // A trial that has shown nothing for so long may be given up: it does not count any more.
  static constexpr Duration kTrialCounts = seconds(10);

  struct Ask {  // one attempt, as the wire saw it
    CallId call = 0;
    TargetIndex target = 0;
    std::optional<KeyIndex> key;
    Exchange exchange;
    bool clamped = false;
    uint64_t epoch = 0;            // of its breaker, as counted here
    std::optional<Instant> trial;  // of a half-open breaker, since when
    bool sent = false;
  };
  struct Watched {  // one call
    relay::Request request;
    Instant began;
    Instant deadline;
    RouteIndex route = 0;
    RouteIndex first_route = 0;  // whose cache it may be answered from
    int max_sends = 0;
    int sends = 0;
    int tries = 0;
    bool over = false;  // nothing may follow any more
    std::set<TargetIndex> targets_over;
    std::set<std::pair<ProviderIndex, std::string>> scopes_spent;
    std::set<TargetIndex> tried;
    std::optional<TargetIndex> last_target;
    std::optional<KeyIndex> last_key;
    Fault last_fault = Fault::none;
    Instant last_ended;
    std::optional<Duration> server_delay;
    NanoUsd true_bill;
    bool billed_maybe = false;
    bool left = false;  // its caller
    int in_flight = 0;  // attempts
    int hedges = 0;
    Instant decided = Instant::never();                     // between two that race
    std::vector<std::pair<TargetIndex, uint64_t>> results;  // and the epochs they are of
  };
  // A breaker as seen from outside: every change of its state begins an epoch.
  struct Door {
    engine::Breaker::State state = engine::Breaker::State::closed;
    uint64_t epoch = 0;
    uint64_t epoch_before = 0;  // this event
    Instant since;
    bool fresh = false, stale = false;  // results in this event
    bool must_move = false;
  };
  // Requests and extras with their exact times: the sliding window as it is, not in buckets.
  struct Load {
    std::deque<Instant> requests;
    std::deque<Instant> extras;
    engine::RetryBudgetSettings settings;
    void forget(Instant now);
    bool overdrawn() const;
  };

  // `what` is a text, or what makes one: most checks hold and need none.
  template <typename What>
  void check(bool holds, const char* invariant, What what, Instant now) {
    ++checks_;
    if (holds || violations_.size() >= kViolationsKept) return;
    if constexpr (std::is_invocable_v<What>)
      violated(invariant, what(), now);
    else
      violated(invariant, what, now);
  }
  void violated(const char* invariant, const std::string& what, Instant now);
  std::string story_of(CallId call) const;
  void check_send(const relay::Send& send, Watched& call, Instant now);
  void check_wait(const relay::Send& send, const Watched& call, Instant now);
  void check_load(const relay::Send& send, Watched& call, Instant now);
  void check_hedge(const relay::Send& send, Watched& call, Instant now);
  void check_key(const relay::Send& send, Instant now);
  void check_downgrade(const relay::Send& send, const relay::Call& call, Instant now);
  void check_tiers(const relay::Call& call, Instant now);
  void learn(const Ask& ask, Watched& call, Instant now);
  void check_breakers(Instant now);
  void check_results(TargetIndex target, Instant now);
  void check_flights(Instant now);
  Door& look_at(TargetIndex target, Instant now);
  void note_result(const Ask& ask);
  void note_result(TargetIndex target, uint64_t epoch);
  void note_probe(ProviderIndex provider, bool well, Instant now);
  NanoUsd price_of(const Ask& ask, const Usage& usage) const;
  void bill_overrun(const Ask& ask, Watched& call);
  Duration longest_wait() const;
  void check_places(Instant now);
  void check_money(Instant now);
  void check_rates(Instant now);
  const std::string& scope_of(ProviderIndex provider, KeyIndex key) const;
  RouteIndex route_of(const relay::Request& request) const;

  void forget(const Ask& ask);
  void judge_words(const Watched& call, const relay::Answer& answer, Instant now);
  void check_stream(const StreamBooks::Wrong& wrong, CallId call, Instant now);
  void end_of_stream(AttemptId attempt, Ask& ask, Watched& call, bool given_up, Instant now);
  bool refuses_to_resume(Fault fault, const Ask& ask, Watched& call) const;
  void rule_out_where_fault_says(Fault fault, const Ask& ask, Watched& call);

  std::shared_ptr<const relay::Config> held_to_;
  const Simulator* simulator_ = nullptr;
  const relay::Config* config_ = nullptr;
  std::unordered_map<CallId, Watched> calls_;
  std::set<std::pair<Instant, CallId>> deadlines_;
  std::unordered_map<AttemptId, Ask> asks_;
  std::vector<Load> targets_;
  std::vector<std::vector<Instant>> trials_;  // in flight, per target: when they began
  std::vector<Door> doors_;                   // per target
  std::vector<Instant> well_since_;  // per provider: since when every free call ended well, and
                                     // a key was there to ask with
  std::set<CallId> forgotten_;       // they wait for who has ended
  Instant flights_seen_;
  CacheBooks cache_;
  StreamBooks streams_;
  std::vector<Load> routes_;
  std::vector<Load> hedges_;  // of routes
  std::set<std::pair<ProviderIndex, KeyIndex>> dead_keys_;
  std::map<std::tuple<ProviderIndex, KeyIndex, uint32_t>, Instant> cooling_until_;
  std::map<std::pair<ProviderIndex, std::string>, Instant> benched_until_;  // billing scopes
  struct FreeCall {
    relay::Probe probe;
    bool revives = false;  // its key was dead when it was sent: a good answer brings it back
  };
  std::unordered_map<ProbeId, FreeCall> probes_;
  struct Places {                                       // in an account's requests per minute
    std::vector<Instant> kept;                          // when they were taken
    std::vector<std::pair<Instant, Instant>> returned;  // taken, and given back
  };
  std::vector<Places> places_;  // per account
  NanoUsd posted_;              // as the answers' traces say
  NanoUsd true_bill_;           // as the providers say
  uint64_t checks_ = 0;
  CallId accused_ = 0;  // of the last violation, if it is gone: its answer has its story
  std::vector<std::string> violations_;
};

}  // namespace keel::sim
