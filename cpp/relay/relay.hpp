#pragma once
// The unit without I/O: events in, actions out. It owns all calls, engines and policies and is
// confined to one thread; it has no clock, no thread and no randomness of its own.

#include "base/time.hpp"
#include "relay/call.hpp"
#include "relay/engines.hpp"
#include "relay/events.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::relay {

class Relay {
 public:
  // `policies` has one entry per route (load_policies); an empty one means the host's defaults.
  // `seed` is all the chance there is: the same seed, events and instants give the same actions.
  Relay(std::shared_ptr<const Config> config, PolicySet policies, uint64_t seed, Instant now);

  // Goes on where `before` is, for a configuration that was read anew: money, limits, counters,
  // what is known of targets and keys, the cache. First thing of all. `before` finishes its calls:
  // what they settle is seen here. By name: a target at another address begins anew, and so does
  // a budget over another kind of window.
  void take_over(Relay& before, Instant now);

  // For a driver with an authority to ask: the shared accounts of the configuration are leased in
  // this name, which must be another one for every life of every instance. Before take_over();
  // until then nothing is sent on them.
  void lease_as(engine::HolderId holder);

  // Appends to `actions`. `now` never runs backwards by the driver's doing; if it does, no time has
  // passed.
  void handle(Event event, Instant now, Actions& actions);
  // When to send Wake at the latest; never while nothing is due.
  Instant wake_at() const;

  std::string metrics(Instant now) const { return engines_.metrics.render(engines_, now); }
  // Why an answered call went the way it went: the last config.traces_kept are there, each for the
  // tenant whose it was. O(1).
  std::shared_ptr<const Trace> find_trace(std::string_view request_id,
                                          std::string_view tenant = {}) const {
    return engines_.traces->find(request_id, tenant);
  }
  // What answering cost beside waiting for providers, measured by whoever has a clock.
  void note_overhead(Duration overhead) { engines_.metrics.overhead(overhead); }
  // Policies' decisions are timed by that clock and change by nothing. Once, after any take_over();
  // who drives without a clock leaves it.
  void time_decisions(policy::Clock clock);
  const Engines& engines() const { return engines_; }
  // Its own among them, and those that it is about to begin.
  size_t open_calls() const { return calls_.size() + engines_.refreshes.size(); }
  std::vector<CallId> own_calls() const;
  // The call's state while it is open: what the simulator's invariants look at.
  const Call* find(CallId call) const;

 private:
  void on(Request& event, Actions& actions);
  void on(Cancel& event, Actions& actions);
  void on(Backpressure& event, Actions& actions);
  void on(Sent& event, Actions& actions);
  void on(Streamed& event, Actions& actions);
  void on(Finished& event, Actions& actions);
  void on(Probed& event, Actions& actions);
  void on(WallClock& event, Actions& actions);
  void on(Wake& event, Actions& actions);
  void on(Leased& event, Actions& actions);
  Call* call_due(const Due& what);  // whose time has come; it may be over
  void due(Due what, Actions& actions);

  Call* call_of(AttemptId attempt);
  void forget_if_closed(CallId call);

  Engines engines_;
  Instant now_;
  std::unordered_map<CallId, std::unique_ptr<Call>> calls_;
};

}  // namespace keel::relay
