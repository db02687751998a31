#include "server/generation.hpp"

#include "io/clock.hpp"
#include "net/driver_plan.hpp"
#include "relay/policy_set.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace keel::server {

namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Error{"unreadable", path, "cannot be read"};
  return text.str();
}

relay::ConfigSources this_process() {
  relay::ConfigSources sources;
  sources.env = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  sources.read_file = read_file;
  return sources;
}

void add(const std::string& file, const std::vector<Error>& errors, std::vector<std::string>& out) {
  for (const Error& error : errors)
    out.push_back(relay::format_problem(file, {0, error.where, error.message}));
}

}  // namespace

Generation::Generation(std::shared_ptr<const relay::Loaded> loaded,
                       const GenerationOptions& options)
    : loaded_(std::move(loaded)),
      registry_(options.plugin_directories),
      tenants_(loaded_->config) {}

void Generation::follow(Generation& before) {
  relay_->take_over(*before.relay_, io::now());
}

Opened Generation::open(io::Loop& loop, const GenerationOptions& options) {
  Opened opened;
  const std::string& file = options.config_path;
  auto text = read_file(file);
  if (!text) {
    opened.problems.push_back(text.error().text());
    return opened;
  }
  auto loaded =
      std::make_shared<const relay::Loaded>(relay::read_config(*text, file, this_process()));
  for (const relay::Problem& problem : loaded->problems)
    opened.problems.push_back(relay::format_problem(file, problem));
  opened.notes = loaded->notes;
  if (!opened.problems.empty()) return opened;

  std::shared_ptr<Generation> made(new Generation(loaded, options));
  std::shared_ptr<const relay::Config> config(loaded, &loaded->config);
  relay::PolicyLoad policies = relay::load_policies(*config, made->registry_);
  add(file, policies.problems, opened.problems);
  auto plan = net::plan_driver(
      config, {options.ca_file, options.resolve, options.on_notice, options.on_refresh});
  if (!plan) add(file, {plan.error()}, opened.problems);
  if (!opened.problems.empty()) return opened;

  made->plan_ = std::move(*plan);
  const uint64_t seed = config->seed != 0 ? config->seed : net::draw_seed();
  made->relay_ =
      std::make_unique<relay::Relay>(config, std::move(policies.policies), seed, io::now());
  made->conductor_ = std::make_unique<net::Conductor>(loop, made->plan_, *made->relay_);
  opened.generation = std::move(made);
  return opened;
}

}  // namespace keel::server
