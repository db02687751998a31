#include "net/conductor.hpp"

#include "io/clock.hpp"
#include "net/heads.hpp"

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

bool is_answer(const Outcome& outcome) {
  return outcome.ended == Ended::replied && outcome.status >= 200 && outcome.status < 300;
}

Outcome ended_well(int status) {
  Outcome outcome;
  outcome.status = status;
  return outcome;
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

Conductor::Conductor(io::Loop& loop, const DriverPlan& plan, relay::Relay& relay)
    : plan_(plan),
      relay_(relay),
      resolver_(loop, resolver_settings(plan)),
      upstream_(loop, resolver_, *this, upstream_settings(plan)),
      wake_timer_(loop, [this](Instant now) { wake(now); }),
      wall_timer_(loop, [this](Instant now) { tell_wall_clock(now); }) {}

void Conductor::begin() {
  relay_.time_decisions(&io::now);
  tell_wall_clock(io::now());
}

void Conductor::tell_wall_clock(Instant now) {
  wall_timer_.at(now + kWallClockInterval);
  feed(relay::WallClock{io::wall_unix_ns()});
}

void Conductor::submit(relay::Request&& request, Completion&& done) {
  callers_.emplace(request.call, Caller{std::move(done), nullptr});
  feed(std::move(request));
}

void Conductor::submit(relay::Request&& request, std::shared_ptr<StreamCaller> caller) {
  callers_.emplace(request.call, Caller{nullptr, std::move(caller)});
  feed(std::move(request));
}

void Conductor::cancel(CallId call) {
  feed(relay::Cancel{call});
}

void Conductor::backpressure(CallId call, bool full) {
  feed(relay::Backpressure{call, full});
}

void Conductor::end() {
  std::vector<CallId> open;
  for (const auto& [call, caller] : callers_) open.push_back(call);
  for (CallId call : open) cancel(call);
  for (CallId call : relay_.own_calls()) cancel(call);
  for (CallId call : open) {
    relay::Respond left{call, {}};
    left.answer.kind = relay::AnswerKind::cancelled;
    carry_out(left);
  }
}

// One event at a time, whatever carrying out an action brings about at once.
void Conductor::feed(relay::Event event) {
  if (std::exchange(feeding_, true)) {
    events_.push_back(std::move(event));
    return;
  }
  feed_one(std::move(event));
  while (!events_.empty()) {
    relay::Event next = std::move(events_.front());
    events_.pop_front();
    feed_one(std::move(next));
  }
  feeding_ = false;
  wake_timer_.at(relay_.wake_at());
}

void Conductor::feed_one(relay::Event&& event) {
  actions_.clear();
  now_ = io::now();
  relay_.handle(std::move(event), now_, actions_);
  for (relay::Action& action : actions_) {
    std::visit([this](auto& what) { carry_out(what); }, action);
  }
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
  const relay::Fields none;
  const relay::Fields& forward = send.forward ? *send.forward : none;
  HttpRequest request =
      request_to(provider, provider.dialect->head(send.operation, key, user_agent_of(forward)));
  forward_fields(forward, request.headers);
  request.body = std::move(send.body);
  request.ask_at_head = send.stream;
  Pending& pending = attempts_[send.attempt];
  pending.target = send.target;
  pending.operation = send.operation;
  pending.stream = send.stream;
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
  if (caller.empty()) return;
  Caller& waiting = caller.mapped();
  if (waiting.stream) return waiting.stream->on_answer(std::move(respond.answer));
  waiting.done(std::move(respond.answer));
}

void Conductor::carry_out(relay::Pause& pause) {
  upstream_.pause(exchange_of_attempt(pause.attempt), pause.pause);
}

void Conductor::carry_out(relay::Deliver& piece) {
  auto caller = callers_.find(piece.call);
  if (caller == callers_.end() || !caller->second.stream) return;
  std::shared_ptr<StreamCaller> stream = caller->second.stream;  // it may submit, and move the map
  stream->on_piece(std::move(piece));
}

void Conductor::carry_out(relay::Tell& tell) {
  if (plan_.on_notice) plan_.on_notice(tell.notice);
}

void Conductor::carry_out(relay::Refreshed& refreshed) {
  if (!plan_.on_refresh) return;
  const Duration took = elapsed(refreshed.answer.trace->began, now_);
  plan_.on_refresh(refreshed.answer, io::wall_unix_ns() - took.ns);
}
// There is no store to ask yet, and no configuration from which it would be asked.
void Conductor::carry_out(relay::Lease&) {}

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
  finish(exchange >> 1, std::move(reply));
}

BodyWay Conductor::on_head(ExchangeId exchange, int status, const Headers& headers) {
  auto found = attempts_.find(exchange >> 1);
  bool stream = status >= 200 && status < 300 && is_event_stream(headers);
  if (found == attempts_.end() || !stream) return BodyWay::whole;
  Pending& pending = found->second;
  pending.reader = provider_of(pending.target).dialect->stream_reader(pending.operation);
  if (!pending.reader) return BodyWay::whole;
  pending.fields = fields_for_client(headers);
  return BodyWay::pieces;
}

void Conductor::on_bytes(ExchangeId exchange, std::string&& bytes) {
  auto found = attempts_.find(exchange >> 1);
  if (found == attempts_.end()) return;
  found->second.reader->feed(bytes, stream_events_);
  feed_events(exchange >> 1);
}

// One by one: over any of them the relay may give the attempt up, and then hears no more of it.
void Conductor::feed_events(AttemptId attempt) {
  for (StreamEvent& event : stream_events_) {
    auto found = attempts_.find(attempt);
    if (found == attempts_.end()) break;
    relay::Fields fields = std::exchange(found->second.fields, {});
    feed(relay::Streamed{attempt, std::move(event), std::move(fields)});
  }
  stream_events_.clear();
}

void Conductor::finish(AttemptId attempt, HttpReply&& reply) {
  auto found = attempts_.find(attempt);
  if (found == attempts_.end()) return;
  Pending& pending = found->second;
  relay::Finished finished = read_reply(pending, std::move(reply));
  finished.attempt = attempt;
  if (pending.reader) {
    pending.reader->end(stream_events_);
  } else if (pending.stream && is_answer(finished.outcome)) {  // whole, where a stream was wanted
    const wire::Dialect& dialect = *provider_of(pending.target).dialect;
    stream_events_ = dialect.events_of_plain(pending.operation, finished.reply);
    pending.fields = finished.fields;
    finished.reply = {};
    finished.outcome = ended_well(finished.outcome.status);
  }
  feed_events(attempt);
  if (attempts_.erase(attempt) > 0) feed(std::move(finished));
}

relay::Finished Conductor::read_reply(const Pending& pending, HttpReply&& reply) const {
  relay::Finished finished;
  finished.reused_connection = reply.reused_connection;
  finished.fields = fields_for_client(reply.headers);
  finished.outcome.status = reply.status;
  if (reply.end != TransportEnd::complete) {
    finished.outcome.ended = reply.end == TransportEnd::broken ? Ended::broken : Ended::not_sent;
    finished.outcome.message = std::move(reply.error);
    return finished;
  }
  if (pending.reader) return finished;  // its events say the rest
  finished.reply = Body::take(std::move(reply.body));
  const wire::Dialect& dialect = *provider_of(pending.target).dialect;
  finished.outcome = dialect
                         .decode_reply(pending.operation, reply.status, reply.headers,
                                       finished.reply, io::wall_unix_ns())
                         .outcome;
  return finished;
}

}  // namespace keel::net
