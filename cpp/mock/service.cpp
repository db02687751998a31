#include "mock/service.hpp"

#include "io/clock.hpp"
#include "mock/asked.hpp"

#include <charconv>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keel::mock {

using http::Admission;
using http::Reply;
using http::Request;
using http::Responder;
using http::Task;
using nlohmann::json;

namespace {

constexpr Duration kListenerWatch = milliseconds(20);

Endpoint endpoint_of(std::string_view path) {
  if (path.starts_with("/mock/")) return Endpoint::control;
  if (path.ends_with("/chat/completions")) return Endpoint::chat;
  if (path.ends_with("/embeddings")) return Endpoint::embeddings;
  if (path.ends_with("/models")) return Endpoint::models;
  if (path.ends_with("/health")) return Endpoint::health;
  return Endpoint::unknown;
}

bool infers(Endpoint on) {
  return on == Endpoint::chat || on == Endpoint::embeddings;
}

// What follows "records=" in a query; 100 without it.
size_t records_asked(std::string_view query) {
  size_t count = 100;
  if (query.starts_with("records=")) {
    query.remove_prefix(8);
    std::from_chars(query.data(), query.data() + query.size(), count);
  }
  return count;
}

}  // namespace

Service::Service(http::asio::io_context& loop, Settings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      http_(loop, *this, settings_.http),
      listener_watch_(loop.get_executor()) {}

Result<std::unique_ptr<Service>> Service::start(http::asio::io_context& loop, Settings settings) {
  std::unique_ptr<Service> service(new Service(loop, std::move(settings)));
  if (!service->settings_.cassettes.empty()) {
    auto cassettes = Cassettes::load(service->settings_.cassettes);
    if (!cassettes) return cassettes.error();
    service->cassettes_ = std::move(*cassettes);
  }
  auto script = parse_script(service->settings_.script);
  if (!script) return script.error();
  auto port = service->http_.listen();
  if (!port) return port.error();
  service->port_ = *port;
  service->take(std::move(*script));
  return service;
}

Result<bool> Service::set_script(std::string_view text) {
  auto script = parse_script(text);
  if (!script) return script.error();
  take(std::move(*script));
  return true;
}

void Service::take(Script script) {
  script_ = std::move(script);
  random_ = Random(settings_.seed.value_or(script_.seed));
  tally_.keep(script_.records);
  clock_start_.reset();
  if (script_.start == StartsAt::process) start_clock();
  if (!watching_) {
    watching_ = true;
    http::asio::co_spawn(loop_.get_executor(), watch_listener(), http::asio::detached);
  }
}

json Service::state(size_t records) const {
  json state = tally_.state(records);
  state["connections_open"] = http_.connections();
  state["script_time_s"] = script_time();
  return state;
}

void Service::reset() {
  tally_.reset();
  clock_start_.reset();
  if (script_.start == StartsAt::process) start_clock();
}

void Service::start_clock() {
  clock_start_ = io::now();
}

void Service::stop() {
  stopped_ = true;
  listener_watch_.cancel();
  http_.stop();
}

double Service::script_time() const {
  return clock_start_ ? elapsed(*clock_start_, io::now()).seconds() : -1;
}

// Refused connections cannot be acted out with an open listener: close it, and reopen it after.
// Runs as long as the script knows such an outage.
Task<> Service::watch_listener() {
  while (!stopped_ && (script_.may_refuse() || !http_.listening())) {
    const bool refuse = outage_now(Chances::certain) == Outage::refuse;
    if (refuse && http_.listening()) {
      http_.close_listener();
      http_.drop_connections(true);
    } else if (!refuse && !http_.listening()) {
      (void)http_.listen();  // taken by somebody for a moment: the next look tries again
    }
    listener_watch_.expires_after(std::chrono::nanoseconds(kListenerWatch.ns));
    co_await listener_watch_.async_wait(http::use_task);
  }
  watching_ = false;
}

Outage Service::outage_now(Chances chances) {
  Outage outage = script_.base_behaviour.outage;
  const double t = script_time();
  for (const Rule& rule : script_.rules) {
    if (!rule.outage || !rule.active(t)) continue;
    const bool certain = rule.chance == rule.of;
    if (!certain && chances == Chances::certain) continue;
    if (certain || random_.chance(rule.chance, rule.of)) outage = *rule.outage;
  }
  return outage;
}

Admission Service::on_connect() {
  tally_.connection();
  return outage_now(Chances::drawn) == Outage::none ? Admission::keep : Admission::close;
}

// A request that dies here was seen: its first byte was read.
Admission Service::on_first_byte(http::Peer& peer) {
  const bool worn_out = peer.tag > 0 && peer.requests > peer.tag;
  const bool outage = !worn_out && outage_now(Chances::certain) != Outage::none;
  if (!worn_out && !outage) return Admission::keep;
  const uint64_t number = tally_.seen(peer.id, peer.requests, script_time());
  tally_.answered(number, worn_out ? "first_byte_close" : "outage");
  tally_.done(number, false);
  return Admission::close;
}

void Service::on_head(Request& request) {
  const Endpoint on = endpoint_of(request.head.path());
  if (on == Endpoint::models || on == Endpoint::health) tally_.probe();
  if (!infers(on)) return;
  if (!clock_start_ && script_.start == StartsAt::first_request) start_clock();
  request.tag = tally_.seen(request.peer->id, request.peer->requests, script_time());
}

void Service::on_abandoned(Request& request) {
  if (!request.tag) return;
  tally_.answered(request.tag, "abandoned");
  tally_.done(request.tag, false);
}

Task<> Service::on_request(Request& request, Responder& responder) {
  const Endpoint on = endpoint_of(request.head.path());
  const bool wants_post = infers(on);
  const bool is_get = request.head.method() == "GET" || request.head.method() == "HEAD";
  Reply refused;
  if (on == Endpoint::unknown) {
    refused = refusal(404, "unknown path " + std::string(request.head.path()), "not_found");
  } else if (on != Endpoint::control && wants_post == is_get) {
    refused = refusal(405, wants_post ? "wanted POST" : "wanted GET", "method_not_allowed");
  }
  if (!refused.body.empty()) {
    if (request.tag) {
      tally_.answered(request.tag, std::to_string(refused.status));
      tally_.done(request.tag, true);
    }
    co_await responder.reply(refused);
  } else if (on == Endpoint::control) {
    co_await control(request, responder);
  } else if (wants_post) {
    co_await infer(request, responder, on);
  } else {
    co_await probe(request, responder, on);
  }
}

Task<> Service::control(Request& request, Responder& responder) {
  const std::string_view path = request.head.path();
  const bool post = request.head.method() == "POST";
  Reply reply(200, R"({"ok":true})");
  if (path == "/mock/state" && !post) {
    reply.body = state(records_asked(request.head.query())).dump();
  } else if (path == "/mock/script" && post) {
    auto done = set_script(request.body);
    if (!done) reply = refusal(400, done.error().text(), "bad_script");
  } else if (path == "/mock/reset" && post) {
    reset();
  } else if (path == "/mock/start" && post) {
    start_clock();
  } else {
    reply = refusal(404, "wanted GET /mock/state or POST /mock/{script,reset,start}", "not_found");
  }
  co_await responder.reply(reply);
}

// Free calls: behaviours apply to them (an outage is an outage), bills and capacity do not.
Task<> Service::probe(Request& request, Responder& responder, Endpoint on) {
  const std::string_view key = key_of(request.head);
  const std::string label = label_of_key(key);
  auto behaviour = behaviour_for({"", key, label, on}, json::object(), request.head);
  Reply reply;
  if (!behaviour) {
    reply = refusal(400, behaviour.error().text(), "bad_behaviour");
  } else {
    const double latency_ms = behaviour->latency_ms.draw(random_);
    co_await responder.sleep(from_seconds(latency_ms / 1e3));
    if (behaviour->fault == Fault::silence || behaviour->fault == Fault::head_then_silence) {
      co_await responder.wait_gone();
      responder.close();
      co_return;
    }
    if (behaviour->fault == Fault::reset || behaviour->fault == Fault::close) {
      behaviour->fault == Fault::reset ? responder.reset() : responder.close();
      co_return;
    }
    if (behaviour->error) {
      reply = error_reply(*behaviour->error, io::wall_unix_ns());
    } else {
      reply = Reply(
          200, on == Endpoint::models ? models_body(script_.models) : R"({"status":"healthy"})");
    }
  }
  co_await responder.reply(reply);
}

}  // namespace keel::mock
