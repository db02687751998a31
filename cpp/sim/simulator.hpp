#pragma once
// The virtual-time driver: the same Relay as in production, a queue of instants instead of a clock,
// and seeded providers instead of sockets. After every event the checker looks at everything.
// simulator_streams.cpp has what only streams need; their bytes go through the real wire/.

#include "base/deadlines.hpp"
#include "base/random.hpp"
#include "relay/relay.hpp"
#include "sim/callers.hpp"
#include "sim/stream_reader.hpp"
#include "sim/upstream.hpp"
#include "wire/stream.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace keel::sim {

class Checker;

// How unkind the driver itself is: results that come although the relay gave the attempt up, and a
// clock that steps back.
struct Unkindness {
  uint32_t late_results_per_mille = 0;
  uint32_t clock_steps_per_mille = 0;
};

// What the relay cannot see of a question, and its providers answer by.
struct Truth {
  std::optional<int64_t> says;  // so many tokens of answer
  uint64_t identity = 0;        // equal for equal questions; 0: like no other
  uint32_t asker = 0;           // the callers' own word for who asks: comes back with truth_of()
};

class Simulator {
 public:
  Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
            std::vector<ProviderModel> models, uint64_t seed, Checker* checker = nullptr,
            Unkindness unkindness = {});
  // `callers` (or nobody) are pulled from; `wall_start`: the wall clock at the first instant.
  Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
            std::unique_ptr<Providers> providers, uint64_t seed, Checker* checker, Callers* callers,
            int64_t wall_start_unix_ns = kWallStart_unix_ns);

  // 2026-11-27 00:00 UTC, a Black Friday.
  static constexpr int64_t kWallStart_unix_ns = 1'795'737'600'000'000'000;

  void arrive(relay::Request request, Instant at, Reading reading = {});
  void cancel(CallId call, Instant at);
  // The wall clock jumps then.
  void step_wall_clock(Duration by, Instant at);
  // Runs until nothing but health checks is left, or until `end`.
  void run(Instant end = Instant::never());
  // One thing that happens; false: nothing is left, or not before `end`.
  bool step(Instant end = Instant::never());
  // For callers, at the instant they were called with.
  void ask(relay::Request request, const Truth& truth, const Reading& reading = {});
  void leave(CallId call);

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
  // Of the relay's own calls; the amount is what the providers really charge for it.
  std::function<void(const relay::Answer&, NanoUsd, Instant)> on_refresh;
  std::function<void(const relay::Notice&, Instant)> on_notice;

  const relay::Relay& relay() const { return relay_; }
  Instant now() const { return now_; }
  uint64_t events() const { return events_; }
  uint64_t sends() const { return sends_; }
  // Every event, instant and action folded into one number: the same seed gives the same.
  uint64_t fingerprint() const { return fingerprint_; }
  // What the providers truly bill for what was sent, per target; and for a call that is open or is
  // being answered.
  const std::vector<NanoUsd>& true_bills() const { return true_bills_; }
  struct Told {
    const Truth& truth;
    NanoUsd true_bill;
  };
  Told truth_of(CallId call) const {
    const Bounds& bounds = bounds_.at(call);
    return {bounds.truth, bounds.true_bill};
  }
  // How much is held: what must not grow with the number of requests.
  size_t held() const {
    return steps_.size() + in_flight_.size() + bounds_.size() + readers_.size() + probes_.size() +
           arrivals_.size();
  }

 private:
  struct Arrival {
    relay::Request request;
    Reading reading;
  };
  struct Step {
    enum class Kind : uint8_t {
      arrival,   // id: its number
      cancel,    // id: call
      full,      // id: call
      room,      // id: call
      sent,      // id: attempt
      bytes,     // id: attempt; the next ones of a stream are there
      finished,  // id: attempt
      probed,    // id: probe
      wall,      // id: so many ns more, in two's complement
    };
    Kind kind = Kind::arrival;
    uint64_t id = 0;
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
    bool has_body = false;
    std::unique_ptr<Flow> flow;
  };
  struct Bounds {
    int64_t in;
    int64_t in_bound;
    std::optional<int64_t> max_out;
    int64_t choices;
    bool tools;
    bool deterministic;
    Truth truth;
    NanoUsd true_bill;
  };

  static Bounds bounds_of(const wire::Facts& facts, const Truth& truth);
  void push(Instant at, Step::Kind kind, uint64_t id) { steps_.add(at, {kind, id}); }
  bool busy() const;
  void feed(relay::Event event, Instant now);
  bool still_wanted(const Step& step, relay::Finished& finished, Instant told_at);
  void carry_out_step(const Step& due);
  void begin_call(relay::Request request, const Truth& truth, const Reading& reading, Instant seen);
  void bill(AttemptId attempt);
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
  void carry_out(relay::Refreshed& refreshed);
  void carry_out(relay::Lease& lease);
  void fold(uint64_t value);

  std::shared_ptr<const relay::Config> config_;
  Random random_;
  std::unique_ptr<Providers> providers_;
  relay::Relay relay_;
  Checker* checker_;
  Callers* callers_ = nullptr;
  Unkindness unkindness_;
  int64_t wall_start_unix_ns_ = kWallStart_unix_ns;
  Deadlines<Step> steps_;
  std::unordered_map<uint64_t, Arrival> arrivals_;  // those of arrive(), by number
  std::unordered_map<AttemptId, InFlight> in_flight_;
  std::unordered_map<CallId, Bounds> bounds_;
  std::unordered_map<CallId, SlowReader> readers_;
  std::unordered_map<ProbeId, relay::Probed> probes_;  // under way, with their results
  relay::Actions actions_;
  Instant now_;
  Instant clock_;  // the latest instant the relay was told: its own time
  uint64_t arrived_ = 0;
  uint64_t events_ = 0;
  uint64_t sends_ = 0;
  uint64_t fingerprint_ = 0x9e3779b97f4a7c15ULL;
  std::vector<NanoUsd> true_bills_;
};

}  // namespace keel::sim
