#pragma once
// A fair night: default settings, honest requests, money and limits enough, and providers that are
// sound for a while and broken for a while, each for itself or all together, in every way that is
// theirs to blame. Whoever could be answered is to be.

#include "sim/night.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace keel::sim {

Night fair_night(uint64_t seed, int requests);

struct FairResult {
  uint64_t requests = 0;
  uint64_t answered = 0;  // with 200 and to the end
  uint64_t could = 0;     // by the oracle
  uint64_t could_and_were = 0;
  uint64_t sends = 0;
  struct Reason {
    uint64_t count = 0;
    std::string story;  // of the first of them, in full
  };
  std::map<std::string, Reason> reasons;  // of those that could and were not

  void add(const FairResult& other);
};

// Without invariants: hostile nights hold those. A request whose caller leaves is not counted.
FairResult run_fair_night(const Night& night, relay::PolicySet policies = {});

}  // namespace keel::sim
