#include "sim/checker.hpp"

#include "sim/simulator.hpp"

#include <algorithm>

namespace keel::sim {

namespace {

constexpr Duration kLongestGap = seconds(132);
constexpr Duration kLongestServerDelay = minutes(10);
constexpr Duration kHedgesWindow = minutes(1);

// The delay a provider stated, as the checker knows it from the fault, not from the relay.
bool states_a_delay(Fault fault) {
  return fault == Fault::throttled || fault == Fault::unavailable;
}

}  // namespace

void Checker::Load::forget(Instant now) {
  while (!requests.empty() && requests.front() <= now - settings.window) requests.pop_front();
  while (!extras.empty() && extras.front() <= now - settings.window) extras.pop_front();
}

bool Checker::Load::overdrawn() const {
  return static_cast<double>(extras.size()) >
         settings.ratio * static_cast<double>(requests.size()) +
             static_cast<double>(settings.floor);
}

void Checker::attach(const Simulator& simulator, const relay::Config& config) {
  simulator_ = &simulator;
  config_ = held_to_ ? held_to_.get() : &config;
  targets_.resize(config.targets.size(), {{}, {}, {.floor = -1}});
  trials_.resize(config.targets.size());
  doors_.resize(config.targets.size());
  well_since_.resize(config.providers.size());
  for (const relay::RouteConfig& route : config_->routes) {
    routes_.push_back({{}, {}, route.retry.extra_sends});
    hedges_.push_back({{}, {}, {route.hedge ? route.hedge->share : 0, 0, kHedgesWindow}});
    for (const relay::RouteTarget& entry : route.targets)  // the first route that names it
      if (targets_[entry.target].settings.floor < 0)
        targets_[entry.target].settings = route.retry.retry_budget;
  }
  places_.resize(config.accounts.size());
}

const std::string& Checker::scope_of(ProviderIndex provider, KeyIndex key) const {
  static const std::string none;
  const auto& keys = config_->providers[provider].keys;
  return key < keys.size() ? keys[key].settings.account : none;
}

RouteIndex Checker::route_of(const relay::Request& request) const {
  for (RouteIndex i = 0; i < config_->routes.size(); ++i)
    if (config_->routes[i].name == request.facts.model) return i;
  return config_->default_route.value_or(0);
}

// The call's own account so far: what a violation is read with.
std::string Checker::story_of(CallId id) const {
  const relay::Call* call = simulator_->relay().find(id);
  return call ? call->trace->explain() : "the call is gone";
}

void Checker::arrived(const relay::Request& request, Instant now) {
  Watched watched;
  watched.request = request;
  watched.began = now;
  watched.route = watched.first_route = route_of(request);
  watched.max_sends = config_->routes[watched.route].retry.max_attempts;
  watched.deadline =
      now + std::min({request.timeout, config_->routes[watched.route].timeout, seconds(600)});
  deadlines_.emplace(watched.deadline, request.call);
  streams_.asked(request, config_->routes[watched.route].stream.hold_back);
  calls_.emplace(request.call, std::move(watched));
}

void Checker::send(const relay::Send& send, const Exchange& exchange, Instant now) {
  const relay::Call* own = send.call < relay::kOwnCalls || calls_.count(send.call)
                               ? nullptr
                               : simulator_->relay().find(send.call);
  if (own) arrived(own->request, own->began);  // nobody but the relay asked
  auto found = calls_.find(send.call);
  check(found != calls_.end(), "R2", "a send for a call that was answered", now);
  if (found == calls_.end()) return;
  Watched& call = found->second;
  if (const relay::Call* open = simulator_->relay().find(send.call)) {
    call.route = open->route;
    check_downgrade(send, *open, now);
    check_tiers(*open, now);
  }
  check_stream(streams_.sent(send, exchange, config_->routes[call.route].stream), send.call, now);
  check_send(send, call, now);
  if (call.in_flight > 0)
    check_hedge(send, call, now);
  else
    check_wait(send, call, now);
  check_load(send, call, now);
  check_key(send, now);
  ++call.tries;
  ++call.in_flight;
  call.tried.insert(send.target);
  if (call.in_flight == 1) {
    call.last_target = send.target;
    call.last_key = send.key;
  }
  Ask ask{send.call,
          send.target,
          send.key,
          exchange,
          send.max_output_tokens.has_value(),
          look_at(send.target, now).epoch};
  const auto& breaker = simulator_->relay().engines().targets[send.target].breaker;
  if (breaker.state() == engine::Breaker::State::half_open) {
    ask.trial = now;
    std::vector<Instant>& trials = trials_[send.target];
    trials.push_back(now);
    const auto count = std::count_if(trials.begin(), trials.end(),
                                     [&](Instant began) { return began + kTrialCounts > now; });
    check(
        count <= config_->breaker.half_open_in_flight, "C1",
        [&] { return "too many trials at " + config_->targets[send.target].name; }, now);
  }
  asks_.emplace(send.attempt, std::move(ask));
}

void Checker::check_send(const relay::Send& send, Watched& call, Instant now) {
  const int max = call.max_sends;
  const std::string& target = config_->targets[send.target].name;
  check(
      call.sends < max, "R1",
      [&] { return "more than max_attempts sends; " + story_of(send.call); }, now);
  check(call.tries < 2 * max, "R1", "more than 2 x max_attempts tries", now);
  check(now < call.deadline, "R3", "an attempt starts at or after the deadline", now);
  check(!call.over, "R2", "a send after an outcome that ends the request", now);
  check(
      !call.targets_over.count(send.target), "R2",
      [&] { return "a send to " + target + ", which was over; " + story_of(send.call); }, now);
  const ProviderIndex provider = config_->targets[send.target].provider;
  check(!call.scopes_spent.count({provider, scope_of(provider, send.key.value_or(0))}), "R2",
        "a key of an exhausted billing scope again", now);
  check(!(call.request.facts.side_effects && call.billed_maybe), "R2",
        "side effects repeated though the first send may have been billed", now);
  const auto state = simulator_->relay().engines().targets[send.target].breaker.state();
  check(
      state != engine::Breaker::State::open, "C5",
      [&] { return "a send to " + target + " behind an open breaker"; }, now);
}

void Checker::check_wait(const relay::Send& send, const Watched& call, Instant now) {
  if (call.tries == 0) return;
  const Duration gap = elapsed(call.last_ended, now);
  check(
      gap <= kLongestGap, "R5", [&] { return "a wait longer than 132 s; " + story_of(send.call); },
      now);
  const bool same_way = call.last_target == send.target && call.last_key == send.key;
  if (same_way && call.server_delay)
    check(
        gap >= *call.server_delay, "R5",
        [&] { return "a wait ended before the server's delay; " + story_of(send.call); }, now);
}

// One at most, beside a first attempt that has left and said nothing, elsewhere, within the share.
void Checker::check_hedge(const relay::Send& send, Watched& call, Instant now) {
  const relay::RouteConfig& route = config_->routes[call.route];
  check(route.hedge.has_value(), "R1", "a second attempt at a time, and the route has no hedges",
        now);
  check(
      call.in_flight == 1 && call.tries == 1 && call.hedges++ == 0, "R1",
      [&] { return "more than one hedge, or not of a first attempt; " + story_of(send.call); },
      now);
  check(call.sends == 1, "R1", "a hedge of what has not left", now);
  check(!call.request.facts.side_effects, "R2", "a hedge of a request with side effects", now);
  check(call.last_target != send.target, "R1", "a hedge at the very target that is late", now);
  check(!streams_.has_content(send.call), "R2", "a hedge of a stream that has content", now);
  Load& load = hedges_[call.route];
  load.forget(now);
  load.extras.push_back(now);
  check(
      !load.overdrawn(), "R4",
      [&] { return "the share of hedges of route " + route.name + " is overdrawn"; }, now);
}

void Checker::check_load(const relay::Send& send, Watched& call, Instant now) {
  Load& target = targets_[send.target];
  target.forget(now);
  if (call.tried.count(send.target)) {
    target.extras.push_back(now);
    check(
        !target.overdrawn(), "R4",
        [&] { return "retry budget of " + config_->targets[send.target].name + " overdrawn"; },
        now);
  } else {
    target.requests.push_back(now);
  }
  Load& route = routes_[call.route];
  route.forget(now);
  if (call.tries == 0) {
    if (send.call < relay::kOwnCalls) hedges_[call.route].requests.push_back(now);
    return route.requests.push_back(now);
  }
  const bool elsewhere = call.last_target != send.target;
  const bool nothing_done = call.last_fault == Fault::refused ||
                            call.last_fault == Fault::connect_hangs ||
                            call.last_fault == Fault::unsupported;
  const bool from_open = simulator_->relay().engines().targets[*call.last_target].breaker.state() ==
                         engine::Breaker::State::open;
  if (elsewhere && (nothing_done || from_open)) return;  // free
  route.extras.push_back(now);
  check(
      !route.overdrawn(), "R4",
      [&] { return "extra sends of route " + config_->routes[call.route].name + " overdrawn"; },
      now);
}

void Checker::check_key(const relay::Send& send, Instant now) {
  const relay::TargetConfig& target = config_->targets[send.target];
  const KeyIndex key = send.key.value_or(0);
  check(!dead_keys_.count({target.provider, key}), "K1", "a dead key is used", now);
  auto cooling = cooling_until_.find({target.provider, key, target.model});
  check(
      cooling == cooling_until_.end() || now >= cooling->second, "K1",
      [&] { return "a (key, model) that is cooling is used; " + story_of(send.call); }, now);
  auto benched = benched_until_.find({target.provider, scope_of(target.provider, key)});
  check(
      benched == benched_until_.end() || now >= benched->second, "K1",
      [&] { return "a key of an exhausted account is used; " + story_of(send.call); }, now);
}

NanoUsd Checker::price_of(const Ask& ask, const Usage& usage) const {
  const relay::TargetConfig& t = config_->targets[ask.target];
  const auto& price = config_->providers[t.provider].models[t.model].price;
  return price ? cost_of(usage, *price) : NanoUsd{0};
}

void Checker::sent(AttemptId attempt, Instant) {
  auto found = asks_.find(attempt);
  if (found == asks_.end() || found->second.sent) return;
  Ask& ask = found->second;
  ask.sent = true;
  const NanoUsd bill = price_of(ask, ask.exchange.true_usage);
  true_bill_ += bill;
  auto call = calls_.find(ask.call);
  if (call == calls_.end()) return;
  ++call->second.sends;
  call->second.true_bill += bill;
}

// What is beyond the limit is on the bill as soon as its usage was told.
void Checker::bill_overrun(const Ask& ask, Watched& call) {
  if (!ask.exchange.outcome.usage) return;
  const NanoUsd more =
      std::max(price_of(ask, *ask.exchange.outcome.usage) - price_of(ask, ask.exchange.true_usage),
               NanoUsd{0});
  true_bill_ += more;
  call.true_bill += more;
}

// The attempt is over.
void Checker::forget(const Ask& ask) {
  note_result(ask);
  if (!ask.trial) return;
  std::vector<Instant>& trials = trials_[ask.target];
  trials.erase(std::find(trials.begin(), trials.end(), *ask.trial));
}

void Checker::finished(AttemptId attempt, const Exchange& exchange, const Body& reply,
                       Instant now) {
  auto found = asks_.find(attempt);
  if (found == asks_.end()) return;
  Ask ask = std::move(found->second);
  asks_.erase(found);
  forget(ask);
  auto call = calls_.find(ask.call);
  if (call == calls_.end()) return;
  --call->second.in_flight;
  ask.exchange = exchange;
  if (call->second.request.facts.stream)
    return end_of_stream(attempt, ask, call->second, false, now);
  if (exchange.fault == Fault::overrun && ask.sent) bill_overrun(ask, call->second);
  const bool whole =
      (exchange.fault == Fault::none || exchange.fault == Fault::overrun) && !ask.clamped;
  cache_.replied(reply.view(), call->second.request, call->second.route, ask.target, whole, now);
  learn(ask, call->second, now);
}

// What this outcome forbids from now on, by the fault the provider really had.
void Checker::learn(const Ask& ask, Watched& call, Instant now) {
  const Fault fault = ask.exchange.fault;
  const relay::TargetConfig& target = config_->targets[ask.target];
  const KeyIndex key = ask.key.value_or(0);
  call.last_fault = fault;
  call.last_ended = now;
  call.last_target = ask.target;
  call.last_key = ask.key;
  if (call.in_flight > 0 && (answers(fault) || ends_the_request(fault))) call.decided = now;
  call.server_delay.reset();
  call.billed_maybe |= ask.sent && (ask.exchange.stream || !never_billed(fault));
  rule_out_where_fault_says(fault, ask, call);
  if (states_a_delay(fault))
    call.server_delay = std::min(*ask.exchange.outcome.hint.after, kLongestServerDelay);
  if (fault == Fault::quota) {
    const std::pair scope{target.provider, scope_of(target.provider, key)};
    call.scopes_spent.insert(scope);
    Instant& until = benched_until_[scope];
    until = std::max(until, now + ask.exchange.outcome.hint.after.value_or(minutes(15)));
  }
  if (fault == Fault::unauthorized) dead_keys_.insert({target.provider, key});
  if (fault == Fault::throttled)
    cooling_until_[{target.provider, key, target.model}] = now + *call.server_delay;
  if (fault == Fault::forbidden || fault == Fault::no_such_model)
    cooling_until_[{target.provider, key, target.model}] = now + minutes(10);
}

// The "action" column of SEMANTICS A2, as far as it forbids.
void Checker::rule_out_where_fault_says(Fault fault, const Ask& ask, Watched& call) {
  if (refuses_to_resume(fault, ask, call)) return;
  const relay::RouteConfig& route = config_->routes[call.route];
  const relay::TargetConfig& target = config_->targets[ask.target];
  auto model_of = [&](TargetIndex i) -> const relay::ModelConfig& {
    return config_->providers[config_->targets[i].provider].models[config_->targets[i].model];
  };
  const relay::ModelConfig& model = model_of(ask.target);
  const bool falls_back = refuses_the_content(fault) && route.fallback_on_content_policy;
  call.over |= ends_the_request(fault) && !falls_back;
  const bool silent = fault == Fault::silence || fault == Fault::gateway_timeout;
  if (ends_the_target(fault) && !(silent && route.retry.retry_silent))
    call.targets_over.insert(ask.target);
  if (falls_back || fault == Fault::too_long)
    for (TargetIndex i = 0; i < config_->targets.size(); ++i) {
      const int64_t context = model_of(i).context_tokens;
      const bool no_larger = context > 0 && context <= model.context_tokens;
      if (model_of(i).name == model.name || (fault == Fault::too_long && no_larger))
        call.targets_over.insert(i);
    }
  if (fault == Fault::overloaded) {
    const bool several = std::any_of(
        route.targets.begin(), route.targets.end(), [&](const relay::RouteTarget& entry) {
          return config_->targets[entry.target].provider != target.provider;
        });
    for (const relay::RouteTarget& entry : route.targets)
      if (several && config_->targets[entry.target].provider == target.provider)
        call.targets_over.insert(entry.target);
  }
}

void Checker::aborted(AttemptId attempt, Instant now) {
  auto found = asks_.find(attempt);
  if (found == asks_.end()) return;
  Ask ask = std::move(found->second);
  asks_.erase(found);
  forget(ask);
  auto call = calls_.find(ask.call);
  if (call == calls_.end()) return;
  --call->second.in_flight;
  if (call->second.decided == now) {  // the other one is heard
    call->second.decided = Instant::never();
    call->second.billed_maybe |= ask.sent;
    return streams_.lost(attempt);
  }
  if (ask.sent && call->second.request.facts.stream)
    return end_of_stream(attempt, ask, call->second, true, now);
  streams_.lost(attempt);
  call->second.last_target = ask.target;
  call->second.last_key = ask.key;
  call->second.last_ended = now;
  call->second.last_fault = ask.sent ? Fault::silence : Fault::connect_hangs;
  call->second.server_delay.reset();
  call->second.billed_maybe |= ask.sent;
  if (ask.sent && !config_->routes[call->second.route].retry.retry_silent)
    call->second.targets_over.insert(ask.target);
}

void Checker::responded(CallId id, const relay::Answer& answer, Instant now) {
  auto found = calls_.find(id);
  check(found != calls_.end(), "R3", "a call is answered twice, or was never asked", now);
  if (found == calls_.end()) return;
  Watched& call = found->second;
  check(now <= call.deadline + kAnswerSlack, "R3", "an answer after the deadline", now);
  check(
      answer.sends == call.sends, "R1",
      [&] {
        return "the answer says " + std::to_string(answer.sends) + " sends, the wire saw " +
               std::to_string(call.sends);
      },
      now);
  NanoUsd posted;
  for (const relay::AttemptRecord& record : answer.trace->attempts) posted += record.posted;
  check(posted == answer.cost, "B2", "the attempts' postings are not the answer's cost", now);
  check(
      call.true_bill <= posted, "B3",
      [&] { return "billed " + to_usd_text(call.true_bill) + ", posted " + to_usd_text(posted); },
      now);
  check(
      call.in_flight == 0, "X2",
      [&] { return "a provider goes on for a call that is over; " + story_of(id); }, now);
  for (const auto& [target, epoch] : call.results)
    if (config_->targets[target].sole) note_result(target, epoch);
  judge_words(call, answer, now);
  posted_ += posted;
  for (AccountIndex account = 0; account < config_->accounts.size(); ++account) {
    if (account != 0 && config_->accounts[account].name != call.request.tenant) continue;
    if (answer.sends > 0 || answer.cached)
      places_[account].kept.push_back(call.began);
    else if (call.began < now)
      places_[account].returned.push_back({call.began, now});
  }
  if (accused_ == id && !violations_.empty()) violations_.back() += "; " + answer.trace->explain();
  deadlines_.erase({call.deadline, id});
  calls_.erase(found);
}

}  // namespace keel::sim
