#include "sim/simulator.hpp"

#include "sim/checker.hpp"

#include <algorithm>

namespace keel::sim {

namespace {
// The simulated wall clock at virtual instant 0: 2026-11-27 00:00 UTC, a Black Friday.
constexpr int64_t kWallStart_unix_ns = 1'795'737'600'000'000'000;
}  // namespace

Simulator::Simulator(std::shared_ptr<const relay::Config> config, relay::PolicySet policies,
                     std::vector<ProviderModel> models, uint64_t seed, Checker* checker,
                     Unkindness unkindness)
    : config_(std::move(config)),
      random_(seed),
      upstream_(*config_, std::move(models), random_.next()),
      relay_(config_, std::move(policies), random_.next(), Instant{}),
      checker_(checker),
      unkindness_(unkindness) {
  if (checker_) checker_->attach(*this, *config_);
  feed(relay::WallClock{kWallStart_unix_ns}, now_);
}

void Simulator::push(Instant at, decltype(Step::what) what) {
  steps_.push({at, order_++, std::move(what)});
}

void Simulator::arrive(relay::Request request, Instant at, Reading reading) {
  ++arrivals_left_;
  push(at, Arrival{std::move(request), reading});
}

void Simulator::cancel(CallId call, Instant at) {
  push(at, relay::Cancel{call});
}

bool Simulator::busy() const {
  return arrivals_left_ > 0 || relay_.open_calls() > 0 || !in_flight_.empty();
}

void Simulator::run(Instant end) {
  while (busy()) {
    const Instant wake = relay_.wake_at();
    const Instant step = steps_.empty() ? Instant::never() : steps_.top().at;
    const Instant next = std::min(wake, step);
    if (next == Instant::never() || next > end) return;
    now_ = std::max(now_, next);
    if (wake <= step) {
      feed(relay::Wake{}, now_);
      continue;
    }
    Step due = std::move(const_cast<Step&>(steps_.top()));
    steps_.pop();
    Instant seen = now_;
    if (random_.chance(unkindness_.clock_steps_per_mille, 1000)) seen = seen - milliseconds(50);
    if (!still_wanted(due, std::max(clock_, seen))) continue;
    clock_ = std::max(clock_, seen);
    std::visit(
        [&](auto& what) {
          if constexpr (std::is_same_v<std::decay_t<decltype(what)>, Arrival>) {
            --arrivals_left_;
            const wire::Facts& facts = what.request.facts;
            bounds_[what.request.call] = {facts.input_tokens_estimate, facts.input_tokens_bound,
                                          facts.max_output_tokens,
                                          std::max<int64_t>(facts.choices, 1), facts.asks_tools};
            if (what.reading.slowly()) readers_.emplace(what.request.call, what.reading);
            if (checker_) checker_->arrived(what.request, clock_);
            feed(std::move(what.request), seen);
          } else if constexpr (std::is_same_v<std::decay_t<decltype(what)>, Bytes>) {
            read_on(what.attempt, seen);
          } else {
            feed(std::move(what), seen);
          }
        },
        due.what);
  }
}

// Drops what a well-behaved driver would not report any more, and keeps our own books of the rest.
bool Simulator::still_wanted(const Step& step, Instant told_at) {
  if (const auto* sent = std::get_if<relay::Sent>(&step.what)) {
    auto found = in_flight_.find(sent->attempt);
    return found != in_flight_.end() &&
           (!found->second.aborted || random_.chance(unkindness_.late_results_per_mille, 1000));
  }
  if (const auto* finished = std::get_if<relay::Finished>(&step.what)) {
    auto found = in_flight_.find(finished->attempt);
    if (found == in_flight_.end()) return false;
    const bool aborted = found->second.aborted;
    if (!aborted && !found->second.scripted) upstream_.end(found->second.target);
    if (checker_ && !aborted)
      checker_->finished(finished->attempt, found->second.exchange, finished->reply, told_at);
    in_flight_.erase(found);
    return !aborted || random_.chance(unkindness_.late_results_per_mille, 1000);
  }
  if (const auto* pressed = std::get_if<relay::Backpressure>(&step.what)) {
    if (!relay_.find(pressed->call)) return false;
    if (!pressed->full) readers_.at(pressed->call).has_room(told_at);
    return true;
  }
  if (const auto* probed = std::get_if<relay::Probed>(&step.what))
    return probes_.erase(probed->probe) > 0;
  return true;
}

void Simulator::feed(relay::Event event, Instant now) {
  fold(event.index());
  fold(static_cast<uint64_t>(now.ns));
  if (checker_) {
    if (const auto* sent = std::get_if<relay::Sent>(&event)) checker_->sent(sent->attempt, clock_);
    if (const auto* probed = std::get_if<relay::Probed>(&event)) checker_->probed(*probed);
    if (const auto* pressed = std::get_if<relay::Backpressure>(&event)) checker_->pressed(*pressed);
    if (const auto* cancel = std::get_if<relay::Cancel>(&event)) checker_->left(cancel->call);
  }
  clock_ = std::max(clock_, now);
  actions_.clear();
  relay_.handle(std::move(event), now, actions_);
  ++events_;
  relay::Actions todo;
  todo.swap(actions_);
  for (relay::Action& action : todo) {
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
              .echoes = model.prefill == Prefill::prefix_echoed};
  Exchange out = upstream_.begin(send, asked, now_);
  out.begun = std::move(asked.begun);
  out.echoes = asked.echoes;
  return out;
}

void Simulator::carry_out(relay::Send& send) {
  fold(send.attempt * 31 + send.target);
  ++sends_;
  std::optional<Exchange> scripted = script ? script(send, now_) : std::nullopt;
  const bool is_scripted = scripted.has_value();
  Exchange exchange = is_scripted ? std::move(*scripted) : draw(send);
  if (checker_) checker_->send(send, exchange, clock_);
  if (exchange.sent_at) {
    push(*exchange.sent_at, relay::Sent{send.attempt});
  }
  if (exchange.finished_at) {
    relay::Finished finished{.attempt = send.attempt, .outcome = exchange.outcome};
    if (!send.body.body.empty() && exchange.outcome.status == 200)  // a nonce: whose reply is it?
      finished.reply = Body::copy_of("reply to attempt " + std::to_string(send.attempt) + " by " +
                                     config_->targets[send.target].name);
    push(*exchange.finished_at, std::move(finished));
  }
  auto [place, is_new] = in_flight_.emplace(send.attempt, InFlight{.call = send.call,
                                                                   .target = send.target,
                                                                   .exchange = std::move(exchange),
                                                                   .scripted = is_scripted,
                                                                   .flow = nullptr});
  if (place->second.exchange.stream) begin_stream(send.attempt, place->second);
}

void Simulator::carry_out(relay::Abort& abort) {
  fold(abort.attempt);
  auto found = in_flight_.find(abort.attempt);
  if (found == in_flight_.end()) return;
  if (!found->second.scripted) upstream_.end(found->second.target);
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
    result = upstream_.probe(probe, now_, takes);
  }
  if (checker_) checker_->probe(probe);
  if (takes == Duration::max()) return;
  probes_.emplace(probe.probe, true);
  push(now_ + takes, result);
}

void Simulator::carry_out(relay::AbortProbe& abort) {
  probes_.erase(abort.probe);
}

void Simulator::carry_out(relay::Respond& respond) {
  fold(respond.call);
  fold(static_cast<uint64_t>(respond.answer.cost.value));
  fold(static_cast<uint64_t>(respond.answer.status));
  bounds_.erase(respond.call);
  readers_.erase(respond.call);
  if (checker_) checker_->responded(respond.call, respond.answer, clock_);
  if (on_answer) on_answer(respond.call, respond.answer, now_);
}

void Simulator::carry_out(relay::Tell& tell) {
  if (on_notice) on_notice(tell.notice, now_);
}

void Simulator::fold(uint64_t value) {
  fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3ULL;
  fingerprint_ ^= fingerprint_ >> 29;
}

}  // namespace keel::sim
