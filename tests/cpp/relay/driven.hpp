#pragma once
// A small relay driven by hand: one route over two targets of two providers, a budget, a tenant.
// It waits where the relay waits, and keeps what the relay said.

#include "relay/log.hpp"
#include "relay/relay.hpp"
#include "wire/facts.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace keel::relay {

inline constexpr std::string_view kCanary = "sk-canary-5f1c0a7e9b3d2468";

inline Config small_config() {
  Config config;
  for (const char* name : {"near", "far"}) {
    ProviderConfig provider;
    provider.name = name;
    provider.base_url = std::string("https://") + name + ".test/v1";
    provider.models.push_back({.name = std::string(name) + "-model",
                               .price = Price{.in = 1'000'000'000, .out = 2'000'000'000},
                               .context_tokens = 100'000,
                               .output_tokens = 1'000});
    KeyConfig key;
    key.secret = Secret(std::string(kCanary) + name);
    key.label = std::string("label-") + name;
    provider.keys.push_back(std::move(key));
    config.providers.push_back(std::move(provider));
  }
  config.targets = {{.name = "near/near-model", .provider = 0},
                    {.name = "far/far-model", .provider = 1}};
  RouteConfig route;
  route.name = "main";
  route.targets = {{.target = 0}, {.target = 1}};
  config.routes.push_back(std::move(route));
  AccountConfig relay{.name = "relay"};
  relay.budget = engine::AccountSettings{.name = "relay", .limit = {10'000'000'000}};
  AccountConfig shop{.name = "shop"};
  shop.limits.requests_per_minute = 600;
  config.accounts = {relay, shop};
  config.health_check.interval = Duration::zero();
  return config;
}

class Driven {
 public:
  static constexpr int64_t kUnixNs = 1'770'000'000'000'000'000;  // the wall clock at instant 0

  explicit Driven(Config config = small_config(), PolicySet policies = {})
      : relay_(std::make_shared<const Config>(std::move(config)), std::move(policies), 7,
               Instant{}) {
    feed(WallClock{kUnixNs});
  }

  void feed(Event event) {
    Actions actions;
    relay_.handle(std::move(event), now, actions);
    for (Action& action : actions) {
      if (auto* abort = std::get_if<Abort>(&action)) aborted.push_back(abort->attempt);
      if (auto* probe = std::get_if<Probe>(&action)) probes.push_back(*probe);
      if (auto* send = std::get_if<Send>(&action)) {
        tries.push_back({send->target, now});
        asked[send->call].push_back(send->attempt);
        last_send = std::move(*send);
      }
      if (auto* piece = std::get_if<Deliver>(&action)) {
        delivered += piece->bytes;
        delivered_to[piece->call] += piece->bytes;
        if (piece->head) heads.push_back(piece->head);
      }
      if (auto* pause = std::get_if<Pause>(&action)) pauses.push_back(pause->pause);
      if (auto* respond = std::get_if<Respond>(&action)) {
        answers[respond->call] = respond->answer;
        answer = std::move(respond->answer);
      }
      if (auto* own = std::get_if<Refreshed>(&action)) refreshed.push_back(std::move(*own));
      if (auto* lease = std::get_if<Lease>(&action)) leases.push_back(lease->ask);
      if (auto* tell = std::get_if<Tell>(&action)) notices.push_back(std::move(tell->notice));
    }
  }
  void pass(Duration time) {
    now = now + time;
    feed(Wake{});
  }
  // Lets time go by, every timer at its instant.
  void wait(Duration time) {
    const Instant end = now + time;
    while (relay_.wake_at() <= end) {
      now = std::max(now, relay_.wake_at());
      feed(Wake{});
    }
    now = end;
  }

  void ask(std::string model = "main", std::string tenant = "", std::string text = "hello") {
    ask(request(std::move(model), std::move(tenant), std::move(text)));
  }
  // Given a body of your own, say it again in facts (see with_body).
  void ask(Request request) {
    request.call = ++calls_;
    answer.reset();
    last_send.reset();
    feed(std::move(request));
  }
  Request request(std::string model = "main", std::string tenant = "", std::string text = "hello") {
    Request request;
    request.id = "request-" + std::to_string(calls_ + 1);
    request.tenant = std::move(tenant);
    request.body = Body::take(R"({"model":")" + model +
                              R"(","max_tokens":100,"messages":[{"role":"user","content":")" +
                              text + R"("}]})");
    request.facts = *wire::read_facts(Operation::chat, request.body);
    return request;
  }
  static Request with_body(std::string body) {
    Request request;
    request.id = "request";
    request.body = Body::take(std::move(body));
    request.facts = *wire::read_facts(Operation::chat, request.body);
    return request;
  }
  // The same for tests with several calls at a time: each by its number.
  CallId come(Request request) {
    ask(std::move(request));
    return last_call();
  }
  bool asks(CallId call) const { return asked.count(call) > 0; }
  void end(CallId call, Outcome outcome, std::string reply) {
    const AttemptId id = asked.at(call).back();
    feed(Sent{id});
    feed(Finished{
        .attempt = id, .outcome = std::move(outcome), .reply = Body::take(std::move(reply))});
    wait(Duration::zero());
  }
  void cancel() { feed(Cancel{calls_}); }
  CallId last_call() const { return calls_; }

  // Waits out the relay's waits until it sends.
  const Send& send() {
    for (int i = 0; !last_send && !answer && i < 100; ++i) {
      now = std::max(now, relay_.wake_at());
      feed(Wake{});
    }
    if (!last_send) throw std::runtime_error("the relay sends nothing");
    return *last_send;
  }
  // The attempt leaves and comes back after `took`.
  void finish(Outcome outcome, std::string reply = {}, Duration took = milliseconds(400)) {
    const AttemptId id = send().attempt;
    last_send.reset();
    feed(Sent{id});
    now = now + took;
    feed(Finished{
        .attempt = id, .outcome = std::move(outcome), .reply = Body::take(std::move(reply))});
  }
  void succeed(Usage usage = {.in = 20, .out = 10}, Duration took = milliseconds(400)) {
    Outcome outcome;
    outcome.status = 200;
    outcome.usage = usage;
    finish(std::move(outcome), "{}", took);
  }
  void fail(int status, std::string message = "no", ErrorCode code = ErrorCode::none) {
    Outcome outcome;
    outcome.status = status;
    outcome.code = code;
    outcome.error_type = "error";
    outcome.message = message;
    finish(std::move(outcome), R"({"error":{"message":")" + message + R"("}})");
  }

  void lease_as(engine::HolderId holder) { relay_.lease_as(holder); }
  // Takes over from another, as after a reload; that one goes on with its open calls.
  void follow(Driven& before) {
    now = before.now;
    relay_.take_over(before.relay_, now);
  }

  void time_decisions(policy::Clock clock) { relay_.time_decisions(clock); }
  std::string metrics() const { return relay_.metrics(now); }
  std::string log_line() const {
    return request_log_line(*answer, *answer->trace, kUnixNs + answer->trace->began.ns);
  }
  const Relay& relay() const { return relay_; }
  const Engines& engines() const { return relay_.engines(); }
  engine::Breaker::State breaker(TargetIndex target) const {
    return engines().targets[target].breaker.state();
  }
  NanoUsd spent() const { return engines().budget->lifetime(0).posted; }
  // What every call must leave behind: nothing.
  bool at_rest() const {
    bool rest = relay_.open_calls() == 0 && engines().attempts.empty() &&
                engines().budget->open_holds() == 0 && engines().flights.members() == 0 &&
                engines().flights.in_the_air() == 0;
    for (const TargetEngines& target : engines().targets)
      rest &= target.pool->in_flight(Instant{}) == 0 &&
              target.breaker.permits_given() == target.breaker.permits_returned();
    for (const ProviderEngines& provider : engines().providers)
      rest &= provider.keys.in_flight(Instant{}) == 0;
    return rest;
  }
  size_t told(Notice::Kind kind) const {
    return static_cast<size_t>(std::count_if(notices.begin(), notices.end(),
                                             [&](const Notice& n) { return n.kind == kind; }));
  }

  struct Try {
    TargetIndex target;
    Instant at;
  };

  Instant now;
  std::optional<Send> last_send;
  std::optional<Answer> answer;
  std::vector<Notice> notices;
  std::vector<Refreshed> refreshed;  // by the relay itself
  std::vector<Try> tries;
  std::vector<engine::LeaseAsk> leases;  // what it would have an authority asked
  std::vector<AttemptId> aborted;
  std::vector<Probe> probes;
  std::string delivered;  // of all streams
  std::map<CallId, std::string> delivered_to;
  std::map<CallId, std::vector<AttemptId>> asked;  // the attempts of each call
  std::map<CallId, Answer> answers;
  std::vector<std::shared_ptr<const StreamHead>> heads;
  std::vector<bool> pauses;

 private:
  Relay relay_;
  CallId calls_ = 0;
};

}  // namespace keel::relay
