#pragma once
// The users of a simulation and their clients: a workload's arrivals become requests, failures are
// tried again as OpenAI's official SDK does, limits pass, patience ends. Holds what is under way
// and nothing else.

#include "base/deadlines.hpp"
#include "sim/callers.hpp"
#include "sim/questions.hpp"
#include "sim/results.hpp"
#include "sim/simulator.hpp"

#include <vector>

namespace keel::sim {

// What the SDK does with a failure after `retries` retries of `model.max_retries`; nothing: it
// gives up. `unit` in [0, 1) is its jitter. openai-python 1.x, _base_client.py.
std::optional<Duration> sdk_retries_after(const ClientModel& model, const relay::Answer& answer,
                                          bool timed_out, int retries, double unit);

class Clients final : public Callers {
 public:
  Clients(const relay::Config& config, Workload& workload, const ClientModel& model,
          Results& results, uint64_t seed);

  Instant next_at() const override;
  void due(Simulator& simulator, Instant now) override;
  // A call was answered: does its client try again?
  void answered(CallId call, const relay::Answer& answer, const Simulator::Told& asked,
                Instant now);
  // How much is held: users whose requests are under way.
  size_t held() const { return users_.size() - free_.size() + due_.size() + workload_.held(); }

 private:
  struct User {
    Arrival asks;
    uint64_t request = 0;
    Instant first_arrived, arrived;
    CallId call = 0;
    int retries = 0;
    bool timed_out = false;
    bool left = false;
    uint32_t timeout_timer = UINT32_MAX;
    uint32_t patience_timer = UINT32_MAX;
    uint32_t retry_timer = UINT32_MAX;
  };
  struct Due {
    enum class Kind : uint8_t { retry, timeout, patience };
    Kind kind = Kind::retry;
    uint32_t user = 0;
  };

  void begin(Simulator& simulator, Arrival&& arrival, Instant now);
  void call(Simulator& simulator, uint32_t user, Instant now);
  void release(uint32_t user, Instant now);
  uint32_t take_place();

  Workload& workload_;
  ClientModel model_;
  Results& results_;
  Random random_;
  Questions questions_;
  std::vector<User> users_;
  std::vector<uint32_t> free_;
  Deadlines<Due> due_;
  CallId next_call_ = 1;
  uint64_t next_request_ = 1;
};

}  // namespace keel::sim
