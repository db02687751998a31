#pragma once
// Several relays on one store model, in one virtual time: eight instances of the same service that
// spend from the same accounts, with requests, cancels, lost replies, doubled and late results,
// partitions and crashes. After every event: no account is spent beyond its limit over all of them
// (B1), none spends what it has not leased (B4), and the providers' bill is covered (B3).
// A driver of its own, as small as can be: what one relay does in all else is the simulator's.

#include "base/random.hpp"
#include "relay/relay.hpp"
#include "sim/store_model.hpp"
#include "sim/upstream.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace keel::sim {

struct FleetSettings {
  size_t relays = 8;
  uint64_t requests = 200'000;  // of all together
  uint64_t seed = 1;
  Duration between = milliseconds(20);      // a relay's requests, on average
  Duration between_cuts = seconds(120);     // from the store, of one relay, on average
  Duration longest_cut = seconds(45);       // longer than a lease
  Duration between_crashes = seconds(400);  // of one relay, on average
  StoreNetwork network{.lease = seconds(30)};
};

struct FleetResult {
  uint64_t requests = 0;
  uint64_t answered = 0;
  uint64_t refused = 0;  // no money, or none leased in time
  uint64_t cancelled = 0;
  uint64_t sends = 0;
  uint64_t repeats = 0;  // results told twice, or after nobody wanted them
  uint64_t cuts = 0;
  uint64_t crashes = 0;
  uint64_t events = 0;
  uint64_t checks = 0;
  uint64_t windows = 0;  // of shared accounts that money was spent in
  StoreModel::Counts store;
  NanoUsd posted;  // and held at a crash
  NanoUsd true_bill;
  NanoUsd overruns;   // billed beyond what was held, apart
  NanoUsd overspent;  // the most that any window of any account was spent beyond its limit
  uint64_t fingerprint = 0;
  std::vector<std::string> violations;
};

class Fleet {
 public:
  explicit Fleet(const FleetSettings& settings);
  FleetResult run();

 private:
  struct Pending {  // an exchange at a provider
    Fault fault = Fault::none;
    NanoUsd bill;  // of which is more than `held` only in an overrun
    NanoUsd held;
    std::vector<std::pair<AccountIndex, int64_t>> charged;  // accounts and their windows
    relay::Finished finished;
  };
  struct Seen {  // of one account's window, at one relay
    int64_t window = INT64_MIN;
    NanoUsd used;
  };
  struct Instance {
    std::unique_ptr<relay::Relay> relay;  // none while it is down
    uint64_t life = 0;
    std::unordered_map<AttemptId, Pending> pending;
    std::vector<std::array<Seen, 2>> seen;  // by account: its newest window, and the one before
    int64_t skew_ns = 0;
  };
  struct Arrive {};
  struct Crash {};
  struct Start {};
  struct Cut {};
  struct SetClock {};
  struct Step {
    Instant at;
    uint64_t order;
    size_t instance;
    uint64_t life;  // 0: whichever
    std::variant<Arrive, Crash, Start, Cut, SetClock, relay::Cancel, relay::Sent, relay::Finished>
        what;
  };
  struct Later {
    bool operator()(const Step& a, const Step& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct Books {   // of one account's window, over all relays
    NanoUsd used;  // posted and held; of the dead, when they died
    NanoUsd bill;
    NanoUsd out;  // leased, as the authority says
  };

  void push(Instant at, size_t instance, uint64_t life, decltype(Step::what) what);
  Instant after(Duration mean);  // exponentially distributed
  bool going_on() const;
  void carry_out(Step& step);
  void start(size_t instance);
  void arrive(size_t instance);
  void feed(size_t instance, relay::Event event);
  void send(size_t instance, const relay::Send& send);
  void store_moved();
  void look_at(size_t instance);
  void look_at_window(Instance& at, AccountIndex account, Seen& seen);
  void at_rest();
  void check(bool holds, const char* invariant, AccountIndex account, NanoUsd is, NanoUsd most);
  Books& books(AccountIndex account, int64_t window) { return books_[{account, window}]; }

  FleetSettings settings_;
  std::shared_ptr<relay::Config> config_;
  Random random_;
  StoreModel store_;
  std::vector<Instance> instances_;
  std::priority_queue<Step, std::vector<Step>, Later> steps_;
  std::map<std::pair<AccountIndex, int64_t>, Books> books_;
  relay::Actions actions_;
  Instant now_;
  uint64_t order_ = 0;
  uint64_t lives_ = 0;
  CallId calls_ = 0;
  FaultMix mix_;
  FleetResult result_;
};

}  // namespace keel::sim
