#pragma once
// Who asks, beyond the relay and its providers: a source that the driver pulls from, one thing at a
// time, so that nothing has to be known, or held, before its time.

#include "base/time.hpp"

namespace keel::sim {

class Simulator;

class Callers {
 public:
  virtual ~Callers() = default;
  // When something happens here next; never: not before somebody is answered.
  virtual Instant next_at() const = 0;
  // Carries out one thing that is due: Simulator::ask() or leave().
  virtual void due(Simulator& simulator, Instant now) = 0;
};

}  // namespace keel::sim
