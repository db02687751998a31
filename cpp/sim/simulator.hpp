#pragma once
// The virtual-time driver: the same Relay as in production, a queue of instants instead of a clock,
// and seeded providers instead of sockets. After every event the checker looks at everything.
// simulator_streams.cpp has what only streams need; their bytes go through the real wire/.

#include "base/random.hpp"
#include "relay/relay.hpp"
#include "sim/stream_reader.hpp"
#include "sim/upstream.hpp"
#include "wire/stream.hpp"

#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace keel::sim {

class Checker;

// How unkind the driver itself is: results that come although the relay gave the attempt up, and a
// clock that steps back.
struct Unkindness {
  uint32_t late_results_per_mille = 0;
  uint32_t clock_steps_per_mille = 0;
};

class Simulator {
 public:
  Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
            std::vector<ProviderModel> models, uint64_t seed, Checker* checker = nullptr,
            Unkindness unkindness = {});

  void arrive(relay::Request request, Instant at, Reading reading = {});
  void cancel(CallId call, Instant at);
  // Runs until nothing but health checks is left, or until `end`.
  void run(Instant end = Instant::never());

  // Asked first how an exchange goes, and how a probe; where they are not set, or say nothing, the
  // seeded providers decide.
  std::function<std::optional<Exchange>(const relay::Send&, Instant)> script;
  struct ProbeResult {
    bool reachable = true;
    int status = 200;
    Duration takes = milliseconds(10);
  };
  std::function<std::optional<ProbeResult>(const relay::Probe&, Instant)> probe_script;

  std::function<void(CallId, const relay::Answer&, Instant)> on_answer;
  std::function<void(const relay::Notice&, Instant)> on_notice;

  const relay::Relay& relay() const { return relay_; }
  Instant now() const { return now_; }
  uint64_t events() const { return events_; }
  uint64_t sends() const { return sends_; }
  // Every event, instant and action folded into one number: the same seed gives the same.
  uint64_t fingerprint() const { return fingerprint_; }
  // What the providers truly bill for everything sent so far.
  NanoUsd true_bill() const { return true_bill_; }

 private:
  struct Arrival {
    relay::Request request;
    Reading reading;
  };
  struct Bytes {  // the next ones of a stream are there
    AttemptId attempt;
  };
  struct Step {
    Instant at;
    uint64_t order;
    std::variant<Arrival, relay::Cancel, relay::Backpressure, relay::Sent, Bytes, relay::Finished,
                 relay::Probed>
        what;
  };
  struct Later {
    bool operator()(const Step& a, const Step& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct Flow {  // of a stream that comes in
    std::unique_ptr<wire::StreamReader> reader;
    size_t arrivals = 0;  // read
    bool on_the_way = false;
    bool paused = false;
    bool held = false;  // the next bytes are there and nobody reads them
  };
  struct InFlight {
    CallId call;
    TargetIndex target;
    Exchange exchange;
    bool scripted = false;
    bool aborted = false;
    std::unique_ptr<Flow> flow;
  };
  struct Bounds {
    int64_t in;
    int64_t in_bound;
    std::optional<int64_t> max_out;
    int64_t choices;
    bool tools;
  };

  void push(Instant at, decltype(Step::what) what);
  bool busy() const;
  void feed(relay::Event event, Instant now);
  bool still_wanted(const Step& step, Instant told_at);
  Exchange draw(const relay::Send& send);
  static std::string begun_in(const relay::Send& send);  // an answer to be gone on with, if any
  void begin_stream(AttemptId attempt, InFlight& exchange);
  void await_bytes(AttemptId attempt, InFlight& exchange);
  void read_on(AttemptId attempt, Instant seen);
  void tell(AttemptId attempt, std::vector<StreamEvent>& events, Instant seen);
  void end_stream(AttemptId attempt, Instant seen);
  void carry_out(relay::Send& send);
  void carry_out(relay::Abort& abort);
  void carry_out(relay::Pause& pause);
  void carry_out(relay::Deliver& piece);
  void carry_out(relay::Probe& probe);
  void carry_out(relay::AbortProbe& abort);
  void carry_out(relay::Respond& respond);
  void carry_out(relay::Tell& tell);
  void fold(uint64_t value);

  std::shared_ptr<const relay::Config> config_;
  Random random_;
  Upstream upstream_;
  relay::Relay relay_;
  Checker* checker_;
  Unkindness unkindness_;
  std::priority_queue<Step, std::vector<Step>, Later> steps_;
  std::unordered_map<AttemptId, InFlight> in_flight_;
  std::unordered_map<CallId, Bounds> bounds_;
  std::unordered_map<CallId, SlowReader> readers_;
  std::unordered_map<ProbeId, bool> probes_;
  relay::Actions actions_;
  Instant now_;
  Instant clock_;  // the latest instant the relay was told: its own time
  uint64_t order_ = 0;
  uint64_t events_ = 0;
  uint64_t sends_ = 0;
  uint64_t arrivals_left_ = 0;
  uint64_t fingerprint_ = 0x9e3779b97f4a7c15ULL;
  NanoUsd true_bill_;
};

}  // namespace keel::sim
