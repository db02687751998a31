#include "sim/run.hpp"

#include <utility>

namespace keel::sim {

namespace {

constexpr uint64_t kEventsBetweenLooks = 1 << 14;

// Of the workload, the clients, the providers and the relay: none disturbs another's chance.
uint64_t seed_of(const RunSettings& settings, uint64_t part) {
  return Random(settings.seed * 8 + part).next();
}

// What a simulation does without: traces that nobody will ask for, a file that nobody writes.
std::shared_ptr<const relay::Config> bare(const relay::Config& config) {
  auto out = std::make_shared<relay::Config>(config);
  out->traces_kept = 0;
  out->traces_say_why = false;
  out->request_log_path.clear();
  return out;
}

}  // namespace

Run::Run(const std::shared_ptr<const relay::Config>& config, relay::PolicySet policies,
         const Scenario& scenario, const WorkloadSettings& workload, std::string_view trace,
         const RunSettings& settings)
    : settings_(settings),
      config_(bare(*config)),
      workload_(make_workload(workload, trace, seed_of(settings, 0))),
      results_(config_, settings.tables),
      clients_(*config_, *workload_, scenario.clients, results_, seed_of(settings, 1)),
      simulator_(config_, std::move(policies),
                 std::make_unique<ScenarioProviders>(config_, scenario, seed_of(settings, 2)),
                 seed_of(settings, 3), settings.invariants ? &checker_ : nullptr, &clients_,
                 workload_->wall_start_unix_ns().value_or(Simulator::kWallStart_unix_ns)) {
  for (const ClockStep& step : scenario.clock_steps) simulator_.step_wall_clock(step.by, step.at);
  simulator_.on_answer = [this](CallId call, const relay::Answer& answer, Instant now) {
    clients_.answered(call, answer, simulator_.truth_of(call), now);
    look_at_budgets();
  };
  simulator_.on_refresh = [this](const relay::Answer& answer, NanoUsd true_bill, Instant now) {
    results_.refreshed(answer, true_bill, now);
    look_at_budgets();
  };
  simulator_.on_notice = [this](const relay::Notice& notice, Instant now) {
    results_.noticed(notice, now);
  };
}

void Run::look_at_budgets() {
  const relay::Engines& engines = simulator_.relay().engines();
  for (AccountIndex i = 0; i < config_->accounts.size(); ++i) {
    const auto& budget = config_->accounts[i].budget;
    if (!budget || !engines.accounts[i].ledger) continue;
    const auto totals =
        engines.budget->totals(*engines.accounts[i].ledger, engines.unix_ns(simulator_.now()));
    const NanoUsd spent = totals.posted + totals.overrun;
    if (spent > budget->limit) results_.overspent(spent - budget->limit);
  }
}

Progress Run::progress() const {
  return {static_cast<double>(simulator_.now().ns) / 1e9, results_.asked_count(),
          workload_->progress()};
}

bool Run::go(const std::function<bool(const Progress&)>& go_on) {
  while (simulator_.step()) {
    if (!go_on || simulator_.events() % kEventsBetweenLooks != 0) continue;
    if (!go_on(progress())) return false;
  }
  if (settings_.invariants) checker_.at_rest(simulator_.now());
  return complete_ = true;
}

std::string Run::summary() const {
  Results::Ending ending;
  ending.seed = settings_.seed;
  ending.end = simulator_.now();
  ending.cancelled = !complete_;
  ending.events = simulator_.events();
  ending.fingerprint = simulator_.fingerprint();
  ending.true_bills = simulator_.true_bills();
  ending.unknown = workload_->unknown();
  if (settings_.invariants) {
    ending.checks = checker_.checks();
    ending.violations = checker_.violations();
  }
  return results_.json(ending);
}

}  // namespace keel::sim
