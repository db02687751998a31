#pragma once
// A small configuration, simulated: two providers with the same model, one route.

#include "config/testing.hpp"
#include "sim/policies.hpp"
#include "sim/run.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::sim {

inline const std::string kTwo = R"(
providers:
  north: {base_url: "https://north.example/v1", keys: [n], models: {m: {price: {in: 1, out: 2}}}}
  south: {base_url: "https://south.example/v1", keys: [s], models: {m: {price: {in: 1, out: 2}}}}
routes:
  chat: {targets: [north/m, {target: south/m, tier: 1}], timeout: 120s}
)";
inline const std::string kOne = R"(
providers:
  north: {base_url: "https://north.example/v1", keys: [n], models: {m: {price: {in: 1, out: 2}}}}
routes:
  chat: {targets: [north/m], timeout: 120s}
)";

inline std::shared_ptr<const relay::Config> config_of(const std::string& text) {
  relay::Loaded loaded = relay::testing::read(text);
  EXPECT_EQ(relay::format_problems(loaded), "");
  return std::make_shared<const relay::Config>(std::move(loaded.config));
}

inline std::string lines_of(const std::vector<relay::Problem>& problems) {
  std::string out;
  for (const relay::Problem& problem : problems) out += relay::format_problem("it", problem) + "\n";
  return out;
}

inline Scenario scenario_of(const std::string& text, const relay::Config& config) {
  Parsed<Scenario> read = read_scenario(text, config);
  EXPECT_EQ(lines_of(read.problems), "");
  return std::move(read.value);
}

inline WorkloadSettings workload_of(const std::string& text, const relay::Config& config) {
  Parsed<WorkloadSettings> read = read_workload(text, config);
  EXPECT_EQ(lines_of(read.problems), "");
  return std::move(read.value);
}

struct Simulated {
  Simulated(const std::string& config_text, const std::string& scenario,
            const std::string& workload, RunSettings settings = {}, std::string_view trace = {})
      : config(config_of(config_text)),
        run(config, policies_of(*config), scenario_of(scenario, *config),
            workload_of(workload, *config), trace, settings) {
    EXPECT_TRUE(run.go());
    text = run.summary();
    summary = nlohmann::json::parse(text);
    if (settings.invariants)
      for (const auto& violation : summary["invariants"]["violations"])
        ADD_FAILURE() << violation.get<std::string>();
  }

  uint64_t outcome(const char* name) const { return summary["requests"]["outcomes"][name]; }
  uint64_t asked() const { return summary["requests"]["asked"]; }
  double availability() const { return summary["requests"]["availability"]; }

  std::shared_ptr<const relay::Config> config;
  Run run;
  std::string text;
  nlohmann::json summary;
};

}  // namespace keel::sim
