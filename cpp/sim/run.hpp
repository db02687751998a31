#pragma once
// One simulated run: a configuration with its policies, a scenario, a workload and a seed, through
// the same Relay as in production. Memory is flat in the number of requests unless tables are
// wanted. The same seed and binary give the same bytes.

#include "relay/policy_set.hpp"
#include "sim/checker.hpp"
#include "sim/clients.hpp"
#include "sim/providers.hpp"
#include "sim/results.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keel::sim {

struct RunSettings {
  uint64_t seed = 1;
  bool tables = false;      // per request and per attempt
  bool invariants = false;  // SEMANTICS B after every event
};

struct Progress {
  double virtual_s = 0;
  uint64_t asked = 0;           // by users
  std::optional<double> share;  // of the workload, where it knows
};

class Run {
 public:
  // `trace`: of a workload that reads one; it must outlive the run.
  Run(const std::shared_ptr<const relay::Config>& config, relay::PolicySet policies,
      const Scenario& scenario, const WorkloadSettings& workload, std::string_view trace,
      const RunSettings& settings);

  // To the end, or until `go_on` says no; it is asked now and then. True if it came to the end.
  bool go(const std::function<bool(const Progress&)>& go_on = {});

  std::string summary() const;  // JSON
  Results& results() { return results_; }
  const Simulator& simulator() const { return simulator_; }
  // Why the workload's trace could not be read to its end.
  std::optional<relay::Problem> problem() const { return workload_->problem(); }
  // Everything held beside results: what must not grow with the number of requests.
  size_t held() const { return simulator_.held() + clients_.held(); }

 private:
  Progress progress() const;
  void look_at_budgets();

  RunSettings settings_;
  std::shared_ptr<const relay::Config> config_;
  std::unique_ptr<Workload> workload_;
  Results results_;
  Checker checker_;
  Clients clients_;
  Simulator simulator_;
  bool complete_ = false;
};

}  // namespace keel::sim
