#pragma once
// A hostile night from a seed: a random configuration, random providers with random faults in
// random phases, random traffic with deadlines, cancels, tenants and budgets, a share of it
// streams. The same seed is the same night.

#include "sim/simulator.hpp"
#include "sim/stream_books.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keel::sim {

struct Night {
  std::shared_ptr<relay::Config> config;
  std::vector<ProviderModel> providers;
  Unkindness unkindness;
  struct Arrival {
    relay::Request request;
    Instant at;
    std::optional<Instant> cancel_at;
    Reading reading;  // of a stream
  };
  std::vector<Arrival> arrivals;
  bool with_policies = false;  // to be run with the policies its configuration names
  uint64_t seed = 0;
};

Night hostile_night(uint64_t seed, int requests);

struct NightResult {
  uint64_t requests = 0;
  uint64_t answered = 0;  // with 200
  uint64_t cached = 0;
  uint64_t stale = 0;      // of them
  uint64_t refreshed = 0;  // by the relay itself
  uint64_t downgraded = 0;
  StreamBooks::Counts streams;
  std::map<std::string, uint64_t> by_kind;
  uint64_t sends = 0;
  uint64_t events = 0;
  uint64_t checks = 0;
  uint64_t fingerprint = 0;
  std::vector<std::string> violations;
};

// Runs it through a real Relay with every invariant checked after every event. `policies`: those
// of the configuration where the night is one with policies, else none.
NightResult run_night(const Night& night, relay::PolicySet policies = {});

}  // namespace keel::sim
