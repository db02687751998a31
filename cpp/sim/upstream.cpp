#include "sim/upstream.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace keel::sim {

bool ends_the_request(Fault fault) {
  switch (fault) {
    case Fault::filtered:
    case Fault::bad_request:
    case Fault::content_policy:
    case Fault::redirect:
      return true;
    default:
      return answers(fault);
  }
}

bool refuses_the_content(Fault fault) {
  return fault == Fault::filtered || fault == Fault::content_policy;
}

bool answers(Fault fault) {
  return fault == Fault::none || fault == Fault::no_usage || fault == Fault::overrun;
}

bool ends_the_target(Fault fault) {
  return fault == Fault::silence || fault == Fault::gateway_timeout ||
         fault == Fault::unsupported || fault == Fault::too_long ||
         fault == Fault::told_not_to_retry;
}

bool never_billed(Fault fault) {
  switch (fault) {
    case Fault::none:
    case Fault::no_usage:
    case Fault::overrun:
    case Fault::filtered:
    case Fault::reset:
    case Fault::silence:
    case Fault::gateway_timeout:
    case Fault::error_inside:
    case Fault::empty:
      return false;
    default:
      return true;
  }
}

Fault FaultMix::draw(Random& random) const {
  uint64_t total = std::accumulate(weight.begin(), weight.end(), uint64_t{0});
  uint64_t drawn = random.below(total);
  for (int i = 0; i < kFaultCount; ++i) {
    if (drawn < weight[i]) return static_cast<Fault>(i);
    drawn -= weight[i];
  }
  return Fault::none;
}

Upstream::Upstream(const relay::Config& config, std::vector<ProviderModel> models, uint64_t seed)
    : config_(config),
      models_(std::move(models)),
      in_flight_(config.providers.size()),
      random_(seed) {}

const Phase& Upstream::phase_of(ProviderIndex provider, Instant now) const {
  static const Phase calm;
  const Phase* current = &calm;
  for (const Phase& phase : models_[provider].phases)
    if (phase.from <= now) current = &phase;
  return *current;
}

// Box and Muller's transform; only the exponent's spread matters here.
Duration Upstream::log_normal(Duration p50, double sigma) {
  double u = 1.0 - random_.unit(), v = random_.unit();
  double normal = std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  return scaled(p50, std::exp(sigma * normal));
}

namespace {

Outcome reply(int status, ErrorCode code, const char* type, std::optional<Duration> after = {}) {
  Outcome out;
  out.ended = Ended::replied;
  out.status = status;
  out.code = code;
  out.error_type = type;
  out.hint.after = after;
  return out;
}

}  // namespace

Outcome outcome_of(Fault fault, const Usage& usage, Duration delay) {
  Outcome out = reply(200, ErrorCode::none, "");
  switch (fault) {
    case Fault::none:
    case Fault::overrun:
      out.usage = usage;
      return out;
    case Fault::no_usage:
      return out;
    case Fault::filtered:
      out.usage = usage;
      out.content_filtered = true;
      return out;
    case Fault::refused:
    case Fault::connect_hangs:
      out.ended = Ended::not_sent;
      break;
    case Fault::reset:
      out.ended = Ended::broken;
      break;
    case Fault::silence:
      out.ended = Ended::silent;
      break;
    case Fault::throttled:
      return reply(429, ErrorCode::rate_limited, "rate_limit_error", delay);
    case Fault::throttled_bare:
      return reply(429, ErrorCode::rate_limited, "rate_limit_error");
    case Fault::slow_down:
      return reply(429, ErrorCode::slow_down, "slow_down");
    case Fault::quota:
      return reply(429, ErrorCode::exhausted, "insufficient_quota");
    case Fault::unauthorized:
      return reply(401, ErrorCode::authentication, "authentication_error");
    case Fault::forbidden:
      return reply(403, ErrorCode::permission, "permission_error");
    case Fault::no_such_model:
      return reply(404, ErrorCode::not_found, "not_found_error");
    case Fault::bad_request:
      return reply(400, ErrorCode::invalid_request, "invalid_request_error");
    case Fault::too_long:
      return reply(400, ErrorCode::context_length, "context_length_exceeded");
    case Fault::content_policy:
      return reply(400, ErrorCode::content_policy, "content_policy");
    case Fault::server_error:
      return reply(500, ErrorCode::server_error, "server_error");
    case Fault::unavailable:
      return reply(503, ErrorCode::none, "", delay);
    case Fault::gateway_timeout:
      return reply(504, ErrorCode::timeout, "timeout_error");
    case Fault::overloaded:
      return reply(529, ErrorCode::overloaded, "overloaded_error");
    case Fault::unsupported:
      return reply(501, ErrorCode::none, "");
    case Fault::redirect:
      return reply(302, ErrorCode::none, "");
    case Fault::error_inside:
      out = reply(200, ErrorCode::server_error, "server_error");
      out.ended = Ended::unusable;
      return out;
    case Fault::empty:
      out.ended = Ended::unusable;
      return out;
    case Fault::told_not_to_retry:
      out = reply(503, ErrorCode::none, "");
      out.hint.should_retry = false;
      return out;
  }
  out.status = 0;
  return out;
}

Exchange exchange_of(Fault fault, const Usage& usage, Duration takes, Instant now, Duration delay) {
  Exchange out;
  out.fault = fault;
  out.outcome = outcome_of(fault, usage, delay);
  if (!never_billed(fault)) out.true_usage = usage;
  if (fault == Fault::connect_hangs) return out;
  if (fault != Fault::refused) out.sent_at = now;
  if (fault != Fault::silence) out.finished_at = now + takes;
  return out;
}

Exchange Upstream::begin(const relay::Send& send, const Asked& asked, Instant now) {
  const ProviderIndex provider = config_.targets[send.target].provider;
  const ProviderModel& model = models_[provider];
  const Phase& phase = phase_of(provider, now);
  Exchange out;
  out.fault = std::accumulate(phase.mix.weight.begin(), phase.mix.weight.end(), 0u) == 0
                  ? Fault::none
                  : phase.mix.draw(random_);
  ++in_flight_[provider];
  // Not every model goes on with a begun answer, whatever its catalog says.
  if (!asked.begun.empty() && answers(out.fault) && random_.chance(1, 5))
    out.fault = random_.chance(1, 2) ? Fault::bad_request : Fault::unsupported;
  if (model.capacity > 0 && in_flight_[provider] > model.capacity) out.fault = Fault::throttled;
  const bool exact = out.fault == Fault::none || out.fault == Fault::filtered;
  const int64_t most_in = std::max<int64_t>(asked.in_bound, 0);
  out.true_usage.in = exact
                          ? std::min(asked.in, most_in)
                          : static_cast<int64_t>(random_.below(static_cast<uint64_t>(most_in) + 1));
  if (random_.chance(1, 3))
    out.true_usage.cached =
        static_cast<int64_t>(random_.below(static_cast<uint64_t>(out.true_usage.in) + 1));
  const int64_t typical = std::max<int64_t>(log_normal({200}, 0.8).ns, 1);
  out.true_usage.out = random_.chance(1, 20) ? asked.max_out : std::min(typical, asked.max_out);
  const Duration delay = milliseconds(static_cast<int64_t>(random_.below(8000)));
  out.outcome = outcome_of(out.fault, out.true_usage, delay);
  // What is beyond the limit is told with the answer or not at all: no hold could cover it.
  if (out.fault == Fault::overrun) out.outcome.usage->out = asked.max_out + 1 + typical;
  if (never_billed(out.fault)) out.true_usage = {};

  if (out.fault == Fault::connect_hangs) return out;
  Instant at = now + scaled(model.connect, phase.slowness);
  if (out.fault == Fault::refused) {
    out.finished_at = at;
    return out;
  }
  out.sent_at = at;
  if (out.fault == Fault::silence) return out;
  if (send.stream && (answers(out.fault) || out.fault == Fault::filtered)) {
    answer_in_a_stream(send, asked, phase, out);
    return out;
  }
  at = at + scaled(log_normal(model.first_byte_p50, model.spread), phase.slowness);
  if (!never_billed(out.fault) && model.tokens_per_second > 0)
    at = at + from_seconds(static_cast<double>(out.true_usage.out) / model.tokens_per_second *
                           phase.slowness);
  out.finished_at = at;
  return out;
}

void Upstream::end(TargetIndex target) {
  --in_flight_[config_.targets[target].provider];
}

relay::Probed Upstream::probe(const relay::Probe& probe, Instant now, Duration& takes) {
  const ProviderModel& model = models_[probe.provider];
  const Phase& phase = phase_of(probe.provider, now);
  Fault fault = std::accumulate(phase.mix.weight.begin(), phase.mix.weight.end(), 0u) == 0
                    ? Fault::none
                    : phase.mix.draw(random_);
  takes = scaled(model.connect, 2 * phase.slowness);
  const bool dark =
      fault == Fault::refused || fault == Fault::connect_hangs || fault == Fault::silence;
  if (fault == Fault::silence || fault == Fault::connect_hangs) takes = Duration::max();
  if (dark || !model.probe_answers) return {probe.probe, false, 0};
  return {probe.probe, true, fault == Fault::unauthorized ? 401 : 200};
}

}  // namespace keel::sim
