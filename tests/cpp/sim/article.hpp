#pragma once
// The article's file, run: the fixture through the configuration reader and the built-in policies
// into a real Relay in virtual time, with the checker watching. Each model answers after 400 ms
// unless a test says otherwise.

#include "config/testing.hpp"
#include "sim/checker.hpp"
#include "sim/policies.hpp"
#include "sim/simulator.hpp"
#include "wire/facts.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keel::sim {

using Edits = std::vector<std::pair<std::string, std::string>>;

inline std::string article(const Edits& edits = {}) {
  std::string text = relay::testing::fixture("holy-sheep-config.yaml");
  for (const auto& [from, to] : edits) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
  }
  return text;
}

// The other half of `prefer_cheaper_models`, with which the configured order decides.
inline const std::pair<std::string, std::string> kNotCheaper = {"prefer_cheaper_models: true",
                                                                "prefer_cheaper_models: false"};
// Only one model, so that there is nowhere else to go.
inline const std::pair<std::string, std::string> kOnlyGpt = {
    "      - \"claude-sonnet-4.5\"\n      - \"gemini-2.5-flash\"\n      - \"deepseek-v3.2\"\n", ""};

class Article {
 public:
  // How a model takes its n-th send (from 0).
  using Manner = std::function<Exchange(int n, Instant now)>;

  explicit Article(const Edits& edits = {})
      : loaded_(relay::testing::read(article(edits))),
        config(std::make_shared<const relay::Config>(loaded_.config)),
        sim(config, policies_of(*config), std::vector<ProviderModel>(config->providers.size()), 1,
            &checker_) {
    EXPECT_EQ(relay::format_problems(loaded_), "");
    sim.script = [this](const relay::Send& send, Instant now) { return exchange(send, now); };
    sim.probe_script = [this](const relay::Probe& probe, Instant now) {
      probes.push_back({now, probe});
      return std::optional(probe_result);
    };
    sim.on_answer = [this](CallId call, const relay::Answer& answer, Instant now) {
      answers[call] = answer;
      answered_at[call] = now;
    };
    sim.on_notice = [this](const relay::Notice& notice, Instant now) {
      notices.push_back({now, notice});
    };
  }
  ~Article() {
    sim.run();
    checker_.at_rest(sim.now());
    for (const std::string& violation : checker_.violations()) ADD_FAILURE() << violation;
  }

  static relay::Request request(const std::string& model, const std::string& text = "hello",
                                int64_t max_tokens = 100, const std::string& more = "") {
    relay::Request out;
    out.body = Body::take(R"({"model":")" + model + R"(","temperature":0.7,"max_tokens":)" +
                          std::to_string(max_tokens) + more +
                          R"(,"messages":[{"role":"user","content":")" + text + R"("}]})");
    out.facts = *wire::read_facts(Operation::chat, out.body);
    return out;
  }
  // No two questions are the same unless a test says so: the cache is always on.
  CallId ask(const std::string& model, Instant at) {
    return ask(request(model, "question " + std::to_string(calls_)), at);
  }
  CallId ask(relay::Request asked, Instant at) {
    asked.call = ++calls_;
    asked.id = "request-" + std::to_string(calls_);
    sim.arrive(std::move(asked), at);
    return calls_;
  }
  // Asks when everything before is over, and waits for the answer.
  const relay::Answer& ask_now(const std::string& model) {
    return ask_now(request(model, "question " + std::to_string(calls_)));
  }
  const relay::Answer& ask_now(relay::Request asked) {
    const CallId call = ask(std::move(asked), sim.now());
    sim.run();
    return answers.at(call);
  }

  struct Asked {
    Instant at;
    std::string model;
    KeyIndex key;
    CallId call;
  };
  std::vector<std::string> models_of(CallId call) const {
    std::vector<std::string> out;
    for (const Asked& send : sends)
      if (send.call == call) out.push_back(send.model);
    return out;
  }
  std::vector<std::string> last_models() const { return models_of(calls_); }
  engine::Breaker::State breaker(const std::string& model) const {
    return sim.relay().engines().targets[target(model)].breaker.state();
  }
  TargetIndex target(const std::string& model) const {
    for (TargetIndex i = 0; i < config->targets.size(); ++i)
      if (config->targets[i].name == "relay/" + model) return i;
    ADD_FAILURE() << model;
    return 0;
  }
  size_t told(relay::Notice::Kind kind) const {
    return static_cast<size_t>(std::count_if(notices.begin(), notices.end(),
                                             [&](const auto& n) { return n.second.kind == kind; }));
  }
  NanoUsd spent() const { return sim.relay().engines().budget->lifetime(0).posted; }

  static Manner well(Usage usage = {.in = 20, .out = 10}) {
    return [=](int, Instant now) { return exchange_of(Fault::none, usage, kTakes, now); };
  }
  static Manner ill(Fault fault = Fault::server_error, Duration delay = seconds(1)) {
    return [=](int, Instant now) { return exchange_of(fault, {}, kTakes, now, delay); };
  }
  // Fails its first `times` sends.
  static Manner ill_at_first(int times, Fault fault = Fault::server_error) {
    return [=](int n, Instant now) {
      return exchange_of(n < times ? fault : Fault::none, {.in = 20, .out = 10}, kTakes, now);
    };
  }

  static constexpr Duration kTakes = milliseconds(400);

 private:
  Exchange exchange(const relay::Send& send, Instant now) {
    const std::string model = config->targets[send.target].name.substr(6);
    sends.push_back({now, model, send.key.value_or(99), send.call});
    auto found = manners.find(model);
    return (found == manners.end() ? well() : found->second)(seen_[model]++, now);
  }

  relay::Loaded loaded_;
  Checker checker_;
  std::map<std::string, int> seen_;
  CallId calls_ = 0;

 public:
  std::shared_ptr<const relay::Config> config;
  std::map<std::string, Manner> manners;
  Simulator::ProbeResult probe_result;
  std::vector<Asked> sends;
  std::vector<std::pair<Instant, relay::Probe>> probes;
  std::vector<std::pair<Instant, relay::Notice>> notices;
  std::map<CallId, relay::Answer> answers;
  std::map<CallId, Instant> answered_at;
  Simulator sim;
};

}  // namespace keel::sim
