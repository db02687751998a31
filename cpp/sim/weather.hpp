#pragma once
// What holds at a provider at an instant: its outages, brown-outs and drains as planned, and those
// that a seed draws. Asked with instants that do not run backwards; what was found holds until the
// next boundary, so that most questions cost a comparison.

#include "sim/scenario.hpp"

#include <vector>

namespace keel::sim {

class Weather {
 public:
  struct Conditions {
    std::optional<Fault> outage;
    double slowness = 1;
    const TroubleMix* errors = nullptr;
    double tokens_per_second = 0;
    // The next outage that breaks what is under way (refused) or leaves it hanging (silence).
    Instant breaks = Instant::never();
    Fault breaks_by = Fault::refused;
    Instant until;  // these hold
  };

  Weather(const Scenario& scenario, uint64_t seed);

  const Conditions& at(uint32_t behaviour, Instant now);

 private:
  // One process of outages: the one under way or to come. Drawn as time goes.
  struct Process {
    Random random;
    Duration mean_between, mean_length;
    Instant from, to;

    void go_to(Instant now);
    void draw(Instant after);
  };

  void look(uint32_t behaviour, Instant now);
  void apply(Conditions& out, Instant from, Instant to, Fault kind, Instant now) const;

  const Scenario& scenario_;
  std::vector<Conditions> now_;  // per behaviour
  std::vector<Process> own_;     // per provider; none where there are no random outages
  std::vector<Process> common_;  // one or none
};

}  // namespace keel::sim
