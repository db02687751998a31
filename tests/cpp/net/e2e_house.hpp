#pragma once
// A relay on the real driver over fake providers on real sockets, with what it needs to be asked
// and audited: traffic from many threads, and the books of both sides side by side.

#include "config/reader.hpp"
#include "io/clock.hpp"
#include "mock/server.hpp"
#include "net/driver.hpp"
#include "relay/relay.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::net::e2e {

using nlohmann::json;
using relay::Answer;
using relay::AnswerKind;
using relay::AttemptRecord;

// What a sanitizer makes ten times slower is asked a fifth as often.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kSlowed = 5;
#else
constexpr int kSlowed = 1;
#endif

inline std::string nonce_of(int number) {
  return "[[nonce=n" + std::to_string(number) + "]]";
}

inline relay::Request request(int number) {
  relay::Request made;
  made.id = "n" + std::to_string(number);
  made.body =
      Body::take(R"({"model":"r","max_tokens":40,"messages":[{"role":"user","content":"hi )" +
                 nonce_of(number) + "\"}]}");
  made.facts = *wire::read_facts(Operation::chat, made.body);
  return made;
}

// Waits for what another thread will do; a bound, not a measure.
template <typename Condition>
bool eventually(Condition is_so, Duration limit = seconds(10)) {
  const Instant end = io::now() + limit;
  while (!is_so()) {
    if (io::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// What a test's configuration says beyond its providers.
struct HouseStyle {
  std::string sections;   // more of them, as YAML
  std::string route;      // more of the route `r`, as in a flow mapping
  bool in_order = false;  // p0 first, p1 when it cannot be asked, and so on
};

// Providers p0, p1, ... with one model `m` at 1 and 2 USD per million tokens, each its own mock; a
// route `r` over all of them; a budget, so that every send is posted.
class House {
 public:
  House(const std::vector<std::string>& scripts, const HouseStyle& style,
        DriverOptions options = {}) {
    std::string providers, targets;
    for (const std::string& script : scripts) {
      mock::Settings settings;
      settings.script = "prices: {\"*\": {in: 1, out: 2}}\nrecords: 100000\n" + script;
      auto started = mock::Server::start(std::move(settings));
      EXPECT_TRUE(started) << started.error().text();
      mocks.push_back(std::move(*started));
      const std::string name = "p" + std::to_string(mocks.size() - 1);
      providers += "  " + name + ": {base_url: \"" + mocks.back()->url() +
                   "/v1\", dialect: openai, keys: [a, b, c, d], models: {m: {price: {in: 1, out: "
                   "2}, output: 100}}}\n";
      const size_t tier = style.in_order ? mocks.size() : 0;
      targets += (targets.empty() ? "{target: " : ", {target: ") + name +
                 "/m, tier: " + std::to_string(tier) + "}";
    }
    build("version: \"1.0\"\nproviders:\n" + providers + "budgets: {relay: {usd: 1000000}}\n" +
              style.sections + "\nroutes: {r: {targets: [" + targets + "]" + style.route + "}}\n",
          std::move(options));
  }

  json state(size_t provider) const { return json::parse(mocks[provider]->state_json(100'000)); }
  int64_t seen() const {
    int64_t out = 0;
    for (size_t i = 0; i < mocks.size(); ++i) out += state(i)["requests"].get<int64_t>();
    return out;
  }
  // Waits until the mocks have read what is still in their sockets.
  void settle() const {
    int64_t before = -1;
    eventually([&] {
      bool idle = true;
      for (size_t i = 0; i < mocks.size(); ++i) idle &= state(i)["connections_open"] == 0;
      return std::exchange(before, seen()) == seen() && idle;
    });
  }
  // Only once the driver is closed: before, all of it is its thread's.
  const relay::Engines& engines() const { return relay_->engines(); }

  std::vector<std::unique_ptr<mock::Server>> mocks;
  std::unique_ptr<Driver> driver;

 private:
  void build(const std::string& yaml, DriverOptions options) {
    auto loaded = relay::read_config(yaml, "e2e.yaml", {});
    ASSERT_TRUE(loaded.ok()) << relay::format_problems(loaded) << yaml;
    auto config = std::make_shared<const relay::Config>(std::move(loaded.config));
    auto made = std::make_unique<relay::Relay>(config, relay::PolicySet(config->routes.size()), 7,
                                               io::now());
    relay_ = made.get();
    auto driven = Driver::create(config, std::move(made), std::move(options));
    ASSERT_TRUE(driven) << driven.error().text();
    driver = std::move(*driven);
  }

  const relay::Relay* relay_ = nullptr;
};

// What became of every request, by its number; each thread has `at_once` of them under way. `shape`
// may change a request before it is sent and says whether its caller goes away at once.
template <typename Shape>
std::vector<Answer> ask_all(Driver& driver, int threads, int each, int at_once, Shape shape) {
  std::vector<Answer> answers(static_cast<size_t>(threads * each));
  auto work = [&](int thread) {
    auto free = std::make_shared<std::counting_semaphore<>>(at_once);
    for (int i = thread * each; i < (thread + 1) * each; ++i) {
      free->acquire();
      relay::Request made = request(i);
      const bool goes_away = shape(i, made);
      auto call = driver.submit(std::move(made), [&answers, free, i](Answer&& answer) {
        answers[static_cast<size_t>(i)] = std::move(answer);
        free->release();
      });
      EXPECT_TRUE(call) << call.error().text();
      if (goes_away) driver.cancel(*call);
    }
    for (int left = 0; left < at_once; ++left) free->acquire();
  };
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) all.emplace_back(work, t);
  for (std::thread& thread : all) thread.join();
  return answers;
}

}  // namespace keel::net::e2e
