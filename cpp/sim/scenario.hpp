#pragma once
// What the providers and the clients of a simulation do, as data: read from one YAML or JSON
// document by the configuration's own strict reader (found, wanted, where; unknown keys with the
// nearest name). Every instant is counted from the start of the simulation.

#include "base/random.hpp"
#include "config/reader.hpp"
#include "sim/upstream.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::sim {

// A word for what goes wrong: a Fault by its name (`reset`, `silence`, `error_inside`) or its
// status (`503`, `429`), or an Ending of streams (`cut`, `stall`, `error_event`). Where the reply
// is plain, an ending means what it comes to there: cut is reset, stall is silence, an error event
// or garbage is error_inside, and a missing end marker is nothing.
struct Trouble {
  Fault fault = Fault::none;
  Ending ending = Ending::whole;

  friend bool operator==(const Trouble&, const Trouble&) = default;
};
std::string_view name_of(Fault fault);
std::string_view name_of(Ending ending);
std::optional<Trouble> trouble_named(std::string_view name);
std::vector<std::string> trouble_names();

// Shares of all sends, in parts of 10^9; what is left goes well.
struct TroubleMix {
  struct Share {
    Trouble trouble;
    uint64_t below = 0;  // cumulative
  };
  std::vector<Share> shares;

  Trouble draw(Random& random) const;
};

// A log-normal size in tokens; spread 0 is always p50.
struct Sizes {
  double p50 = 200;
  double spread = 0.8;
  int64_t most = 100'000;

  int64_t draw(Random& random) const;  // at least 1
};
// exp(sigma * N(0, 1)) by Box and Muller's transform.
double log_normal(double sigma, Random& random);
double exponential(Random& random);  // mean 1

// [from, to)
struct Outage {
  Instant from, to;
  Fault kind = Fault::unavailable;
};
struct Brownout {
  Instant from, to;
  double slowness = 1;               // multiplies times
  std::optional<TroubleMix> errors;  // instead of the usual ones
};
struct SlowDrain {  // replies begin in time, and then trickle
  Instant from, to;
  double tokens_per_second = 1;
};
struct Capacity {  // 0: no limit; beyond it 429 with the delay after which there is room
  int64_t concurrent = 0;
  int64_t queue = 0;  // so many wait in line for one of the `concurrent` places; whoever leaves the
                      // line is served all the same, as a provider that does not notice serves them
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;
  Duration burst = minutes(1);  // the limits per minute hold that much at once
  Fault refuses_with = Fault::throttled;
  bool refusals_count = false;  // to the requests per minute, as at OpenAI: whoever only asks more
                                // often gets nothing at all
};

struct Behaviour {
  Duration connect = milliseconds(20);
  Duration ttft_p50 = milliseconds(400);
  double ttft_spread = 0.5;  // sigma of the logarithm
  double tokens_per_second = 80;
  Sizes output_tokens;  // where the workload does not say
  Duration error_latency = milliseconds(50);
  TroubleMix errors;
  Capacity capacity;
  std::vector<Brownout> brownouts;
  std::vector<Outage> outages;
  std::vector<SlowDrain> slow_drains;
  std::optional<ProviderIndex> drawn_outages;  // has random outages, as this provider
};

// Outages nobody planned: for each provider gaps and lengths are exponential. A `correlated` share
// of them takes all named providers at once; each provider's own sum is the same whatever it is.
struct RandomOutages {
  Duration mean_between = hours(720);
  Duration mean_length = minutes(30);
  double correlated = 0;
  Fault kind = Fault::unavailable;
  std::vector<ProviderIndex> providers;
};

struct ClockStep {  // of the wall clock, by which budget windows are counted
  Instant at;
  Duration by;
};

// Clients retry as OpenAI's official SDK does: 408, 409, 429, 5xx and broken connections, after
// min(0.5 s * 2^n, 8 s) less up to a quarter, or after the server's delay where it is at most
// 60 s; x-should-retry has the last word. (openai-python, _base_client.py.)
struct ClientModel {
  int max_retries = 0;
  std::optional<Duration> timeout;       // of one try, as the SDK's own
  double abandon_share = 0;              // of users who lose patience ...
  Duration abandon_after = seconds(10);  // ... after an exponential time of this mean
};

struct Scenario {
  std::vector<Behaviour> behaviours;  // what differs; targets share their provider's
  std::vector<uint32_t> of_target;    // index into `behaviours`
  std::vector<uint32_t> of_provider;  // likewise
  std::optional<RandomOutages> random_outages;
  std::vector<ClockStep> clock_steps;  // ascending
  ClientModel clients;
};

template <typename T>
struct Parsed {
  T value;
  std::vector<relay::Problem> problems;

  bool ok() const { return problems.empty(); }
};

// An empty text: every provider of the configuration behaves by the defaults above.
Parsed<Scenario> read_scenario(std::string_view text, const relay::Config& config);

}  // namespace keel::sim
