#pragma once
// What is asked, and when: a source that is pulled from, one arrival at a time, never a list. Made
// up from a seed (Poisson, diurnal, spike, closed loop, agents), or read from a trace.

#include "base/random.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::sim {

// Sizes and an identity; nobody's words.
struct Arrival {
  Instant at;
  std::string model;
  std::string tenant;  // empty: the relay's own
  int64_t tokens_in = 1;
  std::optional<int64_t> tokens_out;  // nothing: as the provider draws
  std::optional<int64_t> max_tokens;
  uint64_t identity = 0;  // equal for equal questions; 0: like no other
  bool stream = false;
  bool deterministic = false;
  std::optional<Duration> timeout;
  uint32_t client = 0;  // whose: comes back with answered()
};

class Workload {
 public:
  virtual ~Workload() = default;
  // When the next one comes; never: not before somebody is answered, or not at all.
  virtual Instant next_at() const = 0;
  // The next one; instants do not run backwards. Nothing where next_at() is never.
  virtual std::optional<Arrival> next() = 0;
  // That client's question is over, retries included: who waits for it goes on.
  virtual void answered(uint32_t /*client*/, Instant /*now*/) {}
  // Why a trace ended before its end.
  virtual std::optional<relay::Problem> problem() const { return std::nullopt; }
  // What this source cannot know and nobody guesses, one sentence each.
  virtual std::vector<std::string> unknown() const { return {}; }
  // The wall clock at its first instant, if it has one.
  virtual std::optional<int64_t> wall_start_unix_ns() const { return std::nullopt; }
  // Share of it that has been given, where it knows: 0 to 1.
  virtual std::optional<double> progress() const { return std::nullopt; }
  // How much is held; flat in the number of arrivals.
  virtual size_t held() const { return 0; }
};

// What arrivals are like where nothing else says it.
struct Asking {
  struct Weighted {
    std::string name;
    double below = 1;  // cumulative share
  };
  std::vector<Weighted> models;
  std::vector<std::string> tenants;  // equally often; empty: the relay's own
  Sizes tokens_in{400, 1.0, 100'000};
  std::optional<Sizes> tokens_out;
  std::optional<int64_t> max_tokens;
  double stream_share = 0;
  double repeat_share = 0;         // asks what others ask too ...
  int64_t repeat_pool = 100;       // ... one of so many questions, the first the most often
  double deterministic_share = 0;  // of the questions
  std::optional<Duration> timeout;

  // Everything but `at` and `client`. Of a repeated question all that is asked is the same.
  Arrival draw(Random& random) const;
  // The rest of what a trace does not say.
  void fill(Arrival& arrival, Random& random) const;
};

struct WorkloadSettings {
  enum class Kind : uint8_t {
    poisson,
    diurnal,
    spike,
    closed_loop,
    agents,
    azure_trace,
    request_log,
  };
  Kind kind = Kind::poisson;
  double rate = 10;       // per second; of agents: that many begin
  uint64_t requests = 0;  // ends after so many; 0: by duration alone
  Instant end = Instant::never();
  // diurnal: rate * (1 + swing * cos(2 pi (t - peak_at) / period))
  double swing = 0.8;
  Duration period = hours(24);
  Duration peak_at = hours(14);
  // spike: rate * factor within [from, to)
  double factor = 10;
  Instant from, to;
  // closed loop
  int64_t clients = 10;
  Duration think = seconds(1);  // exponential
  // agents: each asks so many times, its context growing, with a pause (exponential) between
  int64_t steps = 8;
  double growth = 1.3;
  // traces
  double speed = 1;  // 2: twice as fast
  Asking asking;
};
std::string_view name_of(WorkloadSettings::Kind kind);

// `text` as in ARCHITECTURE: {kind: spike, rate: 20, ...}. What it names must be in `config`.
Parsed<WorkloadSettings> read_workload(std::string_view text, const relay::Config& config);

// `trace`: the text of a trace, for the kinds that read one; it must outlive the workload.
std::unique_ptr<Workload> make_workload(const WorkloadSettings& settings, std::string_view trace,
                                        uint64_t seed);

// The two traces (workload_azure.cpp, workload_log.cpp).
std::unique_ptr<Workload> azure_trace(const WorkloadSettings& settings, std::string_view trace,
                                      uint64_t seed);
std::unique_ptr<Workload> request_log(const WorkloadSettings& settings, std::string_view trace,
                                      uint64_t seed);

}  // namespace keel::sim
