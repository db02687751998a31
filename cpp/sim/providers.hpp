#pragma once
// The providers' side of a simulation, as the driver sees it; and the one a scenario describes:
// truthful about tokens and capacity, seeded in everything else.

#include "sim/upstream.hpp"
#include "sim/weather.hpp"

#include <deque>
#include <memory>
#include <vector>

namespace keel::sim {

class ScenarioProviders final : public Providers {
 public:
  ScenarioProviders(std::shared_ptr<const relay::Config> config, Scenario scenario, uint64_t seed);

  Exchange begin(const relay::Send& send, const Asked& asked, Instant now) override;
  void end(TargetIndex target) override;
  relay::Probed probe(const relay::Probe& probe, Instant now, Duration& takes) override;
  const Scenario& scenario() const { return scenario_; }

 private:
  // What is left of a limit per minute: a bucket that holds a burst's worth.
  struct Bucket {
    double per_minute = 0;
    double most = 0;
    double level = 0;
    Instant at;

    void fill(Instant now);
    Duration until(double amount) const;  // there is that much
  };
  struct Course {  // of a stream
    Duration first, rest;
    Ending ending;
    Duration ends_after;
  };
  struct Load {  // per behaviour
    int64_t in_flight = 0;
    std::vector<Instant> free_at;   // a heap, the earliest first: when each place is free again
    std::deque<Instant> begins_at;  // of those in line
    Bucket requests, tokens;
  };

  std::optional<Duration> refuses(Load& load, const Capacity& capacity, double tokens, Instant now);
  // How long a request waits in line that is there at `at` and takes `service`.
  Duration wait_in_line(Load& load, const Capacity& capacity, Duration service, Instant at);
  void take(Load& load, const Capacity& capacity, double tokens);
  Trouble trouble_of(uint32_t behaviour, const Weather::Conditions& conditions, const Usage& usage,
                     bool stream, Duration& delay, Instant now);
  void reply(Exchange& out, const relay::Send& send, const Asked& asked, Course course,
             const Weather::Conditions& conditions);
  void speak(Exchange& out, const relay::Send& send, const Asked& asked, const Course& course);

  std::shared_ptr<const relay::Config> config_;
  Scenario scenario_;
  Random random_;
  Weather weather_;
  std::vector<Load> loads_;
};

}  // namespace keel::sim
