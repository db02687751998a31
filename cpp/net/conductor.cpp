#include "net/conductor.hpp"

#include "io/clock.hpp"
#include "net/ca_file.hpp"

#include <utility>
#include <variant>

namespace keel::net {

namespace {

constexpr Duration kWallClockInterval = seconds(30);

// Attempts and probes are numbered apart by the relay and share the upstream's numbers.
ExchangeId exchange_of_attempt(AttemptId attempt) {
  return attempt << 1;
}
ExchangeId exchange_of_probe(ProbeId probe) {
  return probe << 1 | 1;
}
bool is_probe(ExchangeId exchange) {
  return (exchange & 1) != 0;
}

ResolverSettings resolver_settings(const DriverPlan& plan) {
  ResolverSettings settings;
  settings.redirections = plan.redirections;
  return settings;
}

CurlUpstreamSettings upstream_settings(const DriverPlan& plan) {
  CurlUpstreamSettings settings;
  settings.curl.ca_file = plan.ca_file;
  settings.connect_timeout = plan.config->connect_timeout;
  return settings;
}

HttpRequest request_to(const DriverPlan::Provider& provider, wire::HttpRequest&& head) {
  HttpRequest request;
  request.method = head.method == "GET" ? HttpRequest::Method::get : HttpRequest::Method::post;
  request.endpoint = provider.endpoint;
  request.path = std::move(head.path);
  request.headers = std::move(head.headers);
  return request;
}

}  // namespace

Result<DriverPlan> plan_driver(std::shared_ptr<const relay::Config> config, DriverOptions options) {
  DriverPlan plan;
  auto redirections = Redirections::parse(options.resolve);
  if (!redirections) return redirections.error();
  plan.redirections = std::move(*redirections);
  auto ca_file = trusted_ca_file(options.ca_file);
  if (!ca_file) return ca_file.error();
  plan.ca_file = std::move(*ca_file);
  for (const relay::ProviderConfig& provider : config->providers) {
    auto endpoint =
        parse_endpoint(provider.base_url, provider.allow_plaintext, provider.allow_private);
    if (!endpoint) return endpoint.error();
    const wire::Dialect* dialect = wire::dialect_named(provider.dialect);
    if (!dialect) {
      return Error{"unknown_dialect", "providers." + provider.name + ".dialect",
                   "nobody here speaks " + provider.dialect};
    }
    plan.providers.push_back({std::make_shared<const Endpoint>(std::move(*endpoint)), dialect});
  }
  plan.config = std::move(config);
  plan.on_notice = std::move(options.on_notice);
  return plan;
}

Conductor::Conductor(io::Loop& loop, const DriverPlan& plan, relay::Relay& relay)
    : plan_(plan),
      relay_(relay),
      resolver_(loop, resolver_settings(plan)),
      upstream_(loop, resolver_, *this, upstream_settings(plan)),
      wake_timer_(loop, [this](Instant now) { wake(now); }),
      wall_timer_(loop, [this](Instant now) { tell_wall_clock(now); }) {}

void Conductor::begin() {
  tell_wall_clock(io::now());
}

void Conductor::tell_wall_clock(Instant now) {
  wall_timer_.at(now + kWallClockInterval);
  feed(relay::WallClock{io::wall_unix_ns()});
}

void Conductor::submit(relay::Request&& request, Completion&& done) {
  callers_.emplace(request.call, std::move(done));
  feed(std::move(request));
}

void Conductor::cancel(CallId call) {
  feed(relay::Cancel{call});
}

void Conductor::end() {
  std::vector<CallId> open;
  for (const auto& [call, done] : callers_) open.push_back(call);
  for (CallId call : open) cancel(call);
  for (CallId call : open) {
    relay::Respond left{call, {}};
    left.answer.kind = relay::AnswerKind::cancelled;
    carry_out(left);
  }
}

// One event at a time, whatever carrying out an action brings about at once.
void Conductor::feed(relay::Event event) {
  events_.push_back(std::move(event));
  if (std::exchange(feeding_, true)) return;
  while (!events_.empty()) {
    relay::Event next = std::move(events_.front());
    events_.pop_front();
    actions_.clear();
    now_ = io::now();
    relay_.handle(std::move(next), now_, actions_);
    for (relay::Action& action : actions_) {
      std::visit([this](auto& what) { carry_out(what); }, action);
    }
  }
  feeding_ = false;
  wake_timer_.at(relay_.wake_at());
}

void Conductor::wake(Instant now) {
  while (relay_.wake_at() <= now) feed(relay::Wake{});
  wake_timer_.at(relay_.wake_at());
}

const DriverPlan::Provider& Conductor::provider_of(TargetIndex target) const {
  return plan_.providers[plan_.config->targets[target].provider];
}

Secret Conductor::key_of(ProviderIndex provider, std::optional<KeyIndex> key) const {
  return key ? plan_.config->providers[provider].keys[*key].secret : Secret();
}

void Conductor::carry_out(relay::Send& send) {
  const DriverPlan::Provider& provider = provider_of(send.target);
  Secret key = key_of(plan_.config->targets[send.target].provider, send.key);
  HttpRequest request = request_to(provider, provider.dialect->head(send.operation, key, ""));
  request.body = std::move(send.body);
  attempts_[send.attempt] = {send.target, send.operation};
  upstream_.start(exchange_of_attempt(send.attempt), std::move(request), now_);
}

void Conductor::carry_out(relay::Abort& abort) {
  attempts_.erase(abort.attempt);
  upstream_.abort(exchange_of_attempt(abort.attempt));
}

void Conductor::carry_out(relay::Probe& probe) {
  const DriverPlan::Provider& provider = plan_.providers[probe.provider];
  HttpRequest request =
      request_to(provider, provider.dialect->probe(key_of(probe.provider, probe.key)));
  request.path = plan_.config->providers[probe.provider].health_path;
  upstream_.start(exchange_of_probe(probe.probe), std::move(request), now_);
}

void Conductor::carry_out(relay::AbortProbe& abort) {
  upstream_.abort(exchange_of_probe(abort.probe));
}

void Conductor::carry_out(relay::Respond& respond) {
  auto caller = callers_.extract(respond.call);
  if (!caller.empty()) caller.mapped()(std::move(respond.answer));
}

void Conductor::carry_out(relay::Pause&) {}

void Conductor::carry_out(relay::Deliver&) {}

void Conductor::carry_out(relay::Tell& tell) {
  if (plan_.on_notice) plan_.on_notice(tell.notice);
}

void Conductor::on_sent(ExchangeId exchange) {
  if (!is_probe(exchange)) feed(relay::Sent{exchange >> 1});
}

void Conductor::on_end(ExchangeId exchange, HttpReply&& reply) {
  if (is_probe(exchange)) {
    bool complete = reply.end == TransportEnd::complete;
    bool reachable = complete && reply.status >= 200 && reply.status < 500;
    feed(relay::Probed{exchange >> 1, reachable, complete ? reply.status : 0});
    return;
  }
  auto pending = attempts_.extract(exchange >> 1);
  if (pending.empty()) return;
  relay::Finished finished = read_reply(pending.mapped(), std::move(reply));
  finished.attempt = exchange >> 1;
  feed(std::move(finished));
}

relay::Finished Conductor::read_reply(const Pending& pending, HttpReply&& reply) const {
  relay::Finished finished;
  finished.reused_connection = reply.reused_connection;
  if (reply.end != TransportEnd::complete) {
    finished.outcome.ended = reply.end == TransportEnd::broken ? Ended::broken : Ended::not_sent;
    finished.outcome.status = reply.status;
    finished.outcome.message = std::move(reply.error);
    return finished;
  }
  finished.reply = Body::take(std::move(reply.body));
  const wire::Dialect& dialect = *provider_of(pending.target).dialect;
  finished.outcome = dialect
                         .decode_reply(pending.operation, reply.status, reply.headers,
                                       finished.reply, io::wall_unix_ns())
                         .outcome;
  return finished;
}

}  // namespace keel::net
