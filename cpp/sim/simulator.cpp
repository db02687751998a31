#include "sim/simulator.hpp"

#include "sim/checker.hpp"

#include <algorithm>

namespace keel::sim {

Simulator::Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
                     std::vector<ProviderModel> models, uint64_t seed, Checker* checker,
                     Unkindness unkindness)
    : config_(std::move(config)),
      random_(seed),
      providers_(std::make_unique<Upstream>(*config_, std::move(models), random_.next())),
      relay_(config_, std::move(policies), random_.next(), Instant{}),
      checker_(checker),
      unkindness_(unkindness),
      true_bills_(config_->targets.size()) {
  if (checker_) checker_->attach(*this, *config_);
  feed(relay::WallClock{wall_start_unix_ns_}, now_);
}

Simulator::Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
                     std::unique_ptr<Providers> providers, uint64_t seed, Checker* checker,
                     Callers* callers, int64_t wall_start_unix_ns)
    : config_(std::move(config)),
      random_(seed),
      providers_(std::move(providers)),
      relay_(config_, std::move(policies), random_.next(), Instant{}),
      checker_(checker),
      callers_(callers),
      wall_start_unix_ns_(wall_start_unix_ns),
      true_bills_(config_->targets.size()) {
  if (checker_) checker_->attach(*this, *config_);
  feed(relay::WallClock{wall_start_unix_ns_}, now_);
}

Simulator::Bounds Simulator::bounds_of(const wire::Facts& facts, const Truth& truth) {
  return {facts.input_tokens_estimate,
          facts.input_tokens_bound,
          facts.max_output_tokens,
          std::max<int64_t>(facts.choices, 1),
          facts.asks_tools,
          facts.deterministic,
          truth,
          {}};
}

void Simulator::arrive(relay::Request request, Instant at, Reading reading) {
  arrivals_.emplace(++arrived_, Arrival{std::move(request), reading});
  push(at, Step::Kind::arrival, arrived_);
}

void Simulator::cancel(CallId call, Instant at) {
  push(at, Step::Kind::cancel, call);
}

void Simulator::step_wall_clock(Duration by, Instant at) {
  push(at, Step::Kind::wall, static_cast<uint64_t>(by.ns));
}

void Simulator::ask(relay::Request request, const Truth& truth, const Reading& reading) {
  clock_ = std::max(clock_, now_);
  begin_call(std::move(request), truth, reading, now_);
}

void Simulator::leave(CallId call) {
  feed(relay::Cancel{call}, now_);
}

bool Simulator::busy() const {
  return !arrivals_.empty() || relay_.open_calls() > 0 || !in_flight_.empty() ||
         (callers_ && callers_->next_at() != Instant::never());
}

void Simulator::run(Instant end) {
  while (step(end)) {
  }
}

bool Simulator::step(Instant end) {
  if (!busy()) return false;
  const Instant wake = relay_.wake_at();
  const Instant due = steps_.next();
  const Instant asked = callers_ ? callers_->next_at() : Instant::never();
  const Instant next = std::min({wake, due, asked});
  if (next == Instant::never() || next > end) return false;
  now_ = std::max(now_, next);
  if (wake == next) {
    feed(relay::Wake{}, now_);
  } else if (asked == next) {
    callers_->due(*this, now_);
  } else {
    Step what;
    steps_.pop_due(now_, what);
    carry_out_step(what);
  }
  return true;
}

void Simulator::carry_out_step(const Step& due) {
  Instant seen = now_;
  if (unkindness_.clock_steps_per_mille > 0 &&
      random_.chance(unkindness_.clock_steps_per_mille, 1000))
    seen = seen - milliseconds(50);
  relay::Finished finished;
  if (!still_wanted(due, finished, std::max(clock_, seen))) return;
  switch (due.kind) {
    case Step::Kind::arrival: {
      Arrival arrival = std::move(arrivals_.extract(due.id).mapped());
      return begin_call(std::move(arrival.request), {}, arrival.reading, seen);
    }
    case Step::Kind::cancel:
      return feed(relay::Cancel{due.id}, seen);
    case Step::Kind::full:
      return feed(relay::Backpressure{due.id, true}, seen);
    case Step::Kind::room:
      return feed(relay::Backpressure{due.id, false}, seen);
    case Step::Kind::sent:
      return feed(relay::Sent{due.id}, seen);
    case Step::Kind::bytes:
      return read_on(due.id, seen);
    case Step::Kind::finished:
      return feed(std::move(finished), seen);
    case Step::Kind::probed:
      return feed(probes_.extract(due.id).mapped(), seen);
    case Step::Kind::wall:
      wall_start_unix_ns_ += static_cast<int64_t>(due.id);
      return feed(relay::WallClock{wall_start_unix_ns_ + now_.ns}, seen);
  }
}

void Simulator::begin_call(relay::Request request, const Truth& truth, const Reading& reading,
                           Instant seen) {
  bounds_[request.call] = bounds_of(request.facts, truth);
  if (reading.slowly()) readers_.emplace(request.call, reading);
  clock_ = std::max(clock_, seen);
  if (checker_) checker_->arrived(request, clock_);
  feed(std::move(request), seen);
}

void Simulator::bill(AttemptId attempt) {
  const InFlight& exchange = in_flight_.at(attempt);
  const relay::TargetConfig& target = config_->targets[exchange.target];
  const auto& price = config_->providers[target.provider].models[target.model].price;
  if (!price) return;
  const NanoUsd amount = cost_of(exchange.exchange.true_usage, *price);
  true_bills_[exchange.target] += amount;
  auto call = bounds_.find(exchange.call);
  if (call != bounds_.end()) call->second.true_bill += amount;
}

// Drops what a well-behaved driver would not report any more, and keeps our own books of the rest.
bool Simulator::still_wanted(const Step& step, relay::Finished& finished, Instant told_at) {
  switch (step.kind) {
    case Step::Kind::sent: {
      auto found = in_flight_.find(step.id);
      if (found == in_flight_.end()) return false;
      if (found->second.aborted) return random_.chance(unkindness_.late_results_per_mille, 1000);
      bill(step.id);
      return true;
    }
    case Step::Kind::finished: {
      auto found = in_flight_.find(step.id);
      if (found == in_flight_.end()) return false;
      InFlight& exchange = found->second;
      const bool aborted = exchange.aborted;
      finished = {.attempt = step.id, .outcome = exchange.exchange.outcome};
      if (exchange.has_body && finished.outcome.status == 200)  // a nonce: whose reply is it?
        finished.reply = Body::copy_of("reply to attempt " + std::to_string(step.id) + " by " +
                                       config_->targets[exchange.target].name);
      if (!aborted && !exchange.scripted) providers_->end(exchange.target);
      if (checker_ && !aborted)
        checker_->finished(step.id, exchange.exchange, finished.reply, told_at);
      in_flight_.erase(found);
      return !aborted || random_.chance(unkindness_.late_results_per_mille, 1000);
    }
    case Step::Kind::full:
    case Step::Kind::room:
      if (!relay_.find(step.id)) return false;
      if (step.kind == Step::Kind::room) readers_.at(step.id).has_room(told_at);
      return true;
    case Step::Kind::probed:
      return probes_.count(step.id) > 0;
    default:
      return true;
  }
}

void Simulator::feed(relay::Event event, Instant now) {
  fold(event.index());
  fold(static_cast<uint64_t>(now.ns));
  clock_ = std::max(clock_, now);
  if (checker_) {
    if (const auto* sent = std::get_if<relay::Sent>(&event)) checker_->sent(sent->attempt, clock_);
    if (const auto* probed = std::get_if<relay::Probed>(&event)) checker_->probed(*probed, clock_);
    if (const auto* pressed = std::get_if<relay::Backpressure>(&event)) checker_->pressed(*pressed);
    if (const auto* cancel = std::get_if<relay::Cancel>(&event)) checker_->left(cancel->call);
  }
  actions_.clear();
  relay_.handle(std::move(event), now, actions_);
  ++events_;
  for (relay::Action& action : actions_) {
    fold(action.index());
    std::visit([&](auto& a) { carry_out(a); }, action);
  }
  if (checker_) checker_->after_event(clock_);
}

Exchange Simulator::draw(const relay::Send& send) {
  const Bounds& bounds = bounds_.at(send.call);
  const relay::TargetConfig& target = config_->targets[send.target];
  const relay::ModelConfig& model = config_->providers[target.provider].models[target.model];
  int64_t each = send.max_output_tokens.value_or(
      bounds.max_out.value_or(model.output_tokens > 0 ? model.output_tokens : 4096));
  int64_t in_bound =
      model.context_tokens > 0 ? std::min(bounds.in_bound, model.context_tokens) : bounds.in_bound;
  Asked asked{.in = bounds.in,
              .in_bound = in_bound,
              .max_out = each * bounds.choices,
              .choices = bounds.choices,
              .tools = bounds.tools,
              .begun = begun_in(send),
              .echoes = model.prefill == Prefill::prefix_echoed,
              .says = bounds.truth.says,
              .identity = bounds.truth.identity,
              .deterministic = bounds.deterministic};
  Exchange out = providers_->begin(send, asked, now_);
  out.begun = std::move(asked.begun);
  out.echoes = asked.echoes;
  return out;
}

void Simulator::carry_out(relay::Send& send) {
  fold(send.attempt * 31 + send.target);
  ++sends_;
  if (send.call >= relay::kOwnCalls && !bounds_.count(send.call))  // nobody but the relay asked
    bounds_[send.call] = bounds_of(relay_.find(send.call)->request.facts, {});
  std::optional<Exchange> scripted = script ? script(send, now_) : std::nullopt;
  const bool is_scripted = scripted.has_value();
  Exchange exchange = is_scripted ? std::move(*scripted) : draw(send);
  if (checker_) checker_->send(send, exchange, clock_);
  if (exchange.sent_at) push(*exchange.sent_at, Step::Kind::sent, send.attempt);
  if (exchange.finished_at) push(*exchange.finished_at, Step::Kind::finished, send.attempt);
  auto [place, is_new] =
      in_flight_.emplace(send.attempt, InFlight{.call = send.call,
                                                .target = send.target,
                                                .exchange = std::move(exchange),
                                                .scripted = is_scripted,
                                                .has_body = !send.body.body.empty(),
                                                .flow = nullptr});
  if (place->second.exchange.stream) begin_stream(send.attempt, place->second);
}

void Simulator::carry_out(relay::Abort& abort) {
  fold(abort.attempt);
  auto found = in_flight_.find(abort.attempt);
  if (found == in_flight_.end()) return;
  if (!found->second.scripted) providers_->end(found->second.target);
  if (checker_) checker_->aborted(abort.attempt, clock_);
  const auto& flow = found->second.flow;
  if (flow ? flow->on_the_way : found->second.exchange.finished_at.has_value())
    found->second.aborted = true;  // its result is still on the way
  else
    in_flight_.erase(found);
}

void Simulator::carry_out(relay::Probe& probe) {
  Duration takes;
  relay::Probed result;
  if (auto scripted = probe_script ? probe_script(probe, now_) : std::nullopt) {
    result = {probe.probe, scripted->reachable, scripted->status};
    takes = scripted->takes;
  } else {
    result = providers_->probe(probe, now_, takes);
  }
  if (checker_) checker_->probe(probe);
  if (takes == Duration::max()) return;
  probes_.emplace(probe.probe, result);
  push(now_ + takes, Step::Kind::probed, probe.probe);
}

void Simulator::carry_out(relay::AbortProbe& abort) {
  if (checker_) checker_->probe_given_up(abort.probe, clock_);
  probes_.erase(abort.probe);
}

void Simulator::carry_out(relay::Respond& respond) {
  fold(respond.call);
  fold(static_cast<uint64_t>(respond.answer.cost.value));
  fold(static_cast<uint64_t>(respond.answer.status));
  if (checker_) checker_->responded(respond.call, respond.answer, clock_);
  if (on_answer) on_answer(respond.call, respond.answer, now_);
  bounds_.erase(respond.call);
  readers_.erase(respond.call);
}

void Simulator::carry_out(relay::Refreshed& refreshed) {
  fold(static_cast<uint64_t>(refreshed.answer.cost.value));
  fold(static_cast<uint64_t>(refreshed.answer.status));
  if (checker_) checker_->refreshed(refreshed, clock_);
  const auto bounds = bounds_.find(refreshed.call);  // none: it was never sent
  const NanoUsd bill = bounds == bounds_.end() ? NanoUsd{} : bounds->second.true_bill;
  if (on_refresh) on_refresh(refreshed.answer, bill, now_);
  bounds_.erase(refreshed.call);
}

void Simulator::carry_out(relay::Tell& tell) {
  if (on_notice) on_notice(tell.notice, now_);
}

// One relay alone shares nothing; sim/fleet is where several do.
void Simulator::carry_out(relay::Lease&) {}

void Simulator::fold(uint64_t value) {
  fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3ULL;
  fingerprint_ ^= fingerprint_ >> 29;
}

}  // namespace keel::sim
