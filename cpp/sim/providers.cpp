#include "sim/providers.hpp"

#include "sim/coarse_stream.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

namespace keel::sim {

namespace {

constexpr uint64_t kSpread = 0x9e3779b97f4a7c15ULL;  // makes seeds of neighbours differ
constexpr double kMinute_ns = 60e9;

// What a plain reply makes of a stream's ending.
Fault plainly(Ending ending) {
  switch (ending) {
    case Ending::cut:
      return Fault::reset;
    case Ending::stall:
      return Fault::silence;
    case Ending::error_event:
    case Ending::garbage:
      return Fault::error_inside;
    default:
      return Fault::none;
  }
}

Duration whole_seconds(Duration at_least) {
  return seconds(std::max<int64_t>(1, (at_least.ns + 999'999'999) / 1'000'000'000));
}

uint64_t hash_of(std::string_view text, uint64_t seed) {  // FNV-1a
  uint64_t out = 0xcbf29ce484222325ULL ^ seed;
  for (char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return out * kSpread;
}

std::string hex_of(uint64_t seed) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out(32, '0');
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = kHex[seed >> 60];
    seed = (seed << 4 | seed >> 60) * 0xd1342543de82ef95ULL + 1;
  }
  return out;
}

}  // namespace

ScenarioProviders::ScenarioProviders(std::shared_ptr<const relay::Config> config, Scenario scenario,
                                     uint64_t seed)
    : config_(std::move(config)),
      scenario_(std::move(scenario)),
      random_(seed),
      weather_(scenario_, random_.next()),
      loads_(scenario_.behaviours.size()) {
  for (size_t i = 0; i < loads_.size(); ++i) {
    const Capacity& capacity = scenario_.behaviours[i].capacity;
    const auto requests = static_cast<double>(capacity.requests_per_minute);
    const auto tokens = static_cast<double>(capacity.tokens_per_minute);
    const double minutes_at_once = capacity.burst.seconds() / 60;
    loads_[i].requests = {requests, requests * minutes_at_once, requests * minutes_at_once, {}};
    loads_[i].tokens = {tokens, tokens * minutes_at_once, tokens * minutes_at_once, {}};
  }
}

void ScenarioProviders::Bucket::fill(Instant now) {
  const auto passed = static_cast<double>(elapsed(at, now).ns);
  level = std::min(most, level + per_minute * passed / kMinute_ns);
  at = std::max(at, now);
}

Duration ScenarioProviders::Bucket::until(double amount) const {
  const double missing = std::min(amount, most) - level;
  return missing <= 0 ? Duration::zero() : from_seconds(missing / per_minute * 60);
}

// After how long there is room, if there is none.
std::optional<Duration> ScenarioProviders::refuses(Load& load, const Capacity& capacity,
                                                   double tokens, Instant now) {
  while (!load.begins_at.empty() && load.begins_at.front() <= now) load.begins_at.pop_front();
  const bool full = capacity.queue > 0
                        ? std::ssize(load.begins_at) >= capacity.queue
                        : capacity.concurrent > 0 && load.in_flight >= capacity.concurrent;
  if (full) return seconds(1);
  Duration wait;
  if (capacity.requests_per_minute > 0) {
    load.requests.fill(now);
    wait = std::max(wait, load.requests.until(1));
  }
  if (capacity.tokens_per_minute > 0) {
    load.tokens.fill(now);
    wait = std::max(wait, load.tokens.until(tokens));
  }
  if (wait > Duration::zero()) return whole_seconds(wait);
  return std::nullopt;
}

void ScenarioProviders::take(Load& load, const Capacity& capacity, double tokens) {
  if (capacity.requests_per_minute > 0) load.requests.level -= 1;
  if (capacity.tokens_per_minute > 0) load.tokens.level -= tokens;
}

Duration ScenarioProviders::wait_in_line(Load& load, const Capacity& capacity, Duration service,
                                         Instant at) {
  constexpr auto kEarliestFirst = std::greater<Instant>();
  Instant begins = at;
  if (std::ssize(load.free_at) == capacity.concurrent) {
    begins = std::max(begins, load.free_at.front());
    std::pop_heap(load.free_at.begin(), load.free_at.end(), kEarliestFirst);
    load.free_at.pop_back();
  }
  load.free_at.push_back(begins + service);
  std::push_heap(load.free_at.begin(), load.free_at.end(), kEarliestFirst);
  if (begins > at) load.begins_at.push_back(begins);
  return begins - at;
}

Exchange ScenarioProviders::begin(const relay::Send& send, const Asked& asked, Instant now) {
  const uint32_t index = scenario_.of_target[send.target];
  const Behaviour& behaviour = scenario_.behaviours[index];
  const Weather::Conditions& conditions = weather_.at(index, now);
  Exchange out;
  out.true_usage.in = std::min(asked.in, std::max<int64_t>(asked.in_bound, 0));
  out.true_usage.out = asked.says.value_or(0);
  if (!asked.says && asked.max_out > 0) out.true_usage.out = behaviour.output_tokens.draw(random_);
  out.true_usage.out = std::min(out.true_usage.out, std::max<int64_t>(asked.max_out, 0));
  Duration delay = seconds(1);
  const Trouble trouble = trouble_of(index, conditions, out.true_usage, send.stream, delay, now);
  ++loads_[index].in_flight;
  out.fault = trouble.fault;
  out.outcome = outcome_of(out.fault, out.true_usage, delay);
  if (out.fault == Fault::overrun) out.outcome.usage->out = asked.max_out + 1;
  if (never_billed(out.fault)) out.true_usage = {};
  if (out.fault == Fault::connect_hangs) return out;
  const Instant sent = now + scaled(behaviour.connect, conditions.slowness);
  if (out.fault == Fault::refused) {
    out.finished_at = sent;
    return out;
  }
  out.sent_at = sent;
  if (out.fault == Fault::silence) return out;
  if (never_billed(out.fault)) {
    out.finished_at = sent + scaled(behaviour.error_latency, conditions.slowness);
    return out;
  }
  Course course;
  course.ending = trouble.ending;
  course.first = scaled(scaled(behaviour.ttft_p50, log_normal(behaviour.ttft_spread, random_)),
                        conditions.slowness);
  course.rest = from_seconds(static_cast<double>(out.true_usage.out) /
                             conditions.tokens_per_second * conditions.slowness);
  if (behaviour.capacity.queue > 0)
    course.first = course.first + wait_in_line(loads_[index], behaviour.capacity,
                                               course.first + course.rest, sent);
  reply(out, send, asked, course, conditions);
  return out;
}

// What goes wrong with a send, and the delay that a refusal states.
Trouble ScenarioProviders::trouble_of(uint32_t index, const Weather::Conditions& conditions,
                                      const Usage& usage, bool stream, Duration& delay,
                                      Instant now) {
  const Capacity& capacity = scenario_.behaviours[index].capacity;
  const auto tokens = static_cast<double>(usage.in + usage.out);
  if (conditions.outage) return {*conditions.outage, Ending::whole};
  if (auto wait = refuses(loads_[index], capacity, tokens, now)) {
    delay = *wait;
    if (capacity.refusals_count && capacity.requests_per_minute > 0)
      loads_[index].requests.level = std::max(loads_[index].requests.level - 1, 0.0);
    return {capacity.refuses_with, Ending::whole};
  }
  take(loads_[index], capacity, tokens);
  const Trouble drawn = conditions.errors->draw(random_);
  if (stream || drawn.fault != Fault::none) return drawn;
  return {plainly(drawn.ending), Ending::whole};
}

// A 200, or what looks like one at first; an outage that begins before its end breaks it off.
void ScenarioProviders::reply(Exchange& out, const relay::Send& send, const Asked& asked,
                              Course course, const Weather::Conditions& conditions) {
  const Instant sent = *out.sent_at;
  const Duration whole = course.first + course.rest;
  const Instant breaks = std::max(conditions.breaks, sent);
  const bool hangs = conditions.breaks_by == Fault::silence;
  if (send.stream && (answers(out.fault) || out.fault == Fault::filtered)) {
    course.ends_after = scaled(whole, course.ending == Ending::whole ? 1 : random_.unit());
    if (breaks < sent + course.ends_after) {
      course.ending = hangs ? Ending::stall : Ending::cut;
      course.ends_after = breaks - sent;
    }
    return speak(out, send, asked, course);
  }
  out.finished_at = sent + whole;
  if (breaks >= *out.finished_at) return;
  out.fault = hangs ? Fault::silence : Fault::reset;
  out.outcome = outcome_of(out.fault, out.true_usage, {});
  out.finished_at = breaks;
  if (hangs) out.finished_at.reset();
}

// A 200 that is a stream.
void ScenarioProviders::speak(Exchange& out, const relay::Send& send, const Asked& asked,
                              const Course& course) {
  const relay::TargetConfig& target = config_->targets[send.target];
  const relay::ModelConfig& model = config_->providers[target.provider].models[target.model];
  const uint64_t question = asked.identity != 0 ? asked.identity : send.call;
  CoarseStream stream;
  stream.attempt = send.attempt;
  stream.model = model.name;
  // Only what is deterministic is said in the same words again.
  stream.text = hex_of(asked.deterministic ? hash_of(model.name, question) : random_.next());
  if (!asked.begun.empty()) {
    const bool knows_it =
        stream.text.size() > asked.begun.size() && stream.text.starts_with(asked.begun);
    std::string rest = knows_it ? stream.text.substr(asked.begun.size()) : stream.text;
    stream.text = asked.echoes ? asked.begun + rest : rest;
  }
  stream.usage = out.true_usage;
  stream.first = course.first;
  stream.rest = course.rest;
  stream.ending = course.ending;
  stream.ends_after = course.ends_after;
  StreamPlan plan = plan_coarsely(stream);
  if (out.fault == Fault::no_usage || out.fault == Fault::filtered)
    for (StreamEvent& event : plan.events) {
      if (out.fault == Fault::no_usage) event.usage.reset();
      event.content_filtered =
          out.fault == Fault::filtered && event.kind == StreamEvent::Kind::finish;
    }
  const bool in_part = course.ending != Ending::whole && course.ending != Ending::no_end_marker &&
                       course.ending != Ending::no_finish && course.rest > Duration::zero();
  if (in_part) {  // billed for what was said
    const Duration spoke = std::max(course.ends_after - course.first, Duration::zero());
    const double share = std::min(1.0, spoke.seconds() / course.rest.seconds());
    out.true_usage.out =
        static_cast<int64_t>(std::ceil(static_cast<double>(out.true_usage.out) * share));
  }
  out.stream = std::make_shared<const StreamPlan>(std::move(plan));
  out.outcome = {};
  out.outcome.status = 200;
  out.outcome.ended = out.stream->broken ? Ended::broken : Ended::replied;
}

void ScenarioProviders::end(TargetIndex target) {
  --loads_[scenario_.of_target[target]].in_flight;
}

relay::Probed ScenarioProviders::probe(const relay::Probe& probe, Instant now, Duration& takes) {
  const uint32_t index = scenario_.of_provider[probe.provider];
  const Weather::Conditions& conditions = weather_.at(index, now);
  takes = scaled(scenario_.behaviours[index].connect, 2 * conditions.slowness);
  if (!conditions.outage) return {probe.probe, true, 200};
  const Fault kind = *conditions.outage;
  if (kind == Fault::silence || kind == Fault::connect_hangs) takes = Duration::max();
  const int status = outcome_of(kind, {}, {}).status;
  return {probe.probe, status >= 200 && status < 500, status};
}

}  // namespace keel::sim
