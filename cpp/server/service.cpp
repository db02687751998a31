#include "server/service.hpp"

#include "io/clock.hpp"
#include "server/error_body.hpp"
#include "server/front.hpp"
#include "server/health.hpp"
#include "server/metrics_page.hpp"
#include "server/models.hpp"
#include "server/reply_head.hpp"

#include <utility>

namespace keel::server {

namespace {

class Counted {
 public:
  explicit Counted(size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  size_t& count_;
};

std::optional<Operation> operation_of(What what) {
  switch (what) {
    case What::chat:
      return Operation::chat;
    case What::completions:
      return Operation::completions;
    case What::embeddings:
      return Operation::embeddings;
    default:
      return std::nullopt;
  }
}

http::Reply unknown_path(std::string_view path) {
  return refusal(404, "not_found",
                 "there is no " + std::string(path) + "; there are: " + endpoints_text());
}

http::Reply shutting_down() {
  http::Reply reply = refusal(503, "no_target_available", "the gateway is shutting down");
  reply.fields.emplace_back("retry-after", "1");
  return reply;
}

http::Reply wrong_method(const http::Head& head, const std::string& allow) {
  http::Reply reply =
      refusal(405, "method_not_allowed",
              std::string(head.path()) + " takes " + allow + ", not " + std::string(head.method()));
  reply.fields.emplace_back("allow", allow);
  return reply;
}

}  // namespace

Service::Service(Logbook& log, bool loopback)
    : log_(log),
      loopback_(loopback),
      started_(io::now()),
      started_unix_s_(io::wall_unix_ns() / seconds(1).ns) {}

bool Service::needs_key(Access access) const {
  switch (access) {
    case Access::everybody:
      return false;
    case Access::tenant_off_loopback:
      return !loopback_;
    case Access::tenant:
      return true;
  }
  return true;
}

std::optional<http::Reply> Service::identify(const http::Request& request, std::string& tenant) {
  Caller caller =
      current_->tenants().identify(request.head, request.peer->address, wrong_keys_, io::now());
  http::Reply reply;
  switch (caller.kind) {
    case Caller::Kind::known:
      tenant = std::move(caller.tenant);
      return std::nullopt;
    case Caller::Kind::no_key:
      reply = refusal(401, "unauthorized",
                      "wanted a client key in Authorization: Bearer, x-api-key or api-key");
      reply.fields.emplace_back("www-authenticate", "Bearer");
      return reply;
    case Caller::Kind::wrong_key:
      reply = refusal(401, "unauthorized", "this client key is not known");
      reply.fields.emplace_back("www-authenticate", "Bearer");
      return reply;
    case Caller::Kind::too_many:
      break;
  }
  reply = refusal(429, "rate_limited", "too many wrong client keys came from this address");
  reply.fields.emplace_back("retry-after", retry_after_text(caller.retry_after));
  reply.fields.emplace_back("x-should-retry", "false");
  return reply;
}

// All that a head can be refused for, in this order: what, who, how.
Service::Looked Service::look(const http::Request& request) {
  Looked looked;
  Found found = find_endpoint(request.head.method(), request.head.path());
  looked.endpoint = found.endpoint;
  looked.id = found.id;
  if (!found.endpoint) {
    looked.refusal = found.allow.empty() ? unknown_path(request.head.path())
                                         : wrong_method(request.head, found.allow);
    return looked;
  }
  if (needs_key(found.endpoint->access)) looked.refusal = identify(request, looked.tenant);
  if (!looked.refusal && operation_of(found.endpoint->what))
    looked.refusal = closed_ ? shutting_down() : refuse_body(request.head);
  return looked;
}

std::optional<http::Reply> Service::turn_away(const http::Request& request) {
  Looked looked = look(request);
  if (!looked.refusal) return std::nullopt;
  return with_id(std::move(*looked.refusal), ids_.of(request.head));
}

http::Task<> Service::on_request(http::Request& request, http::Responder& responder) {
  Counted counted(open_);
  Looked looked = look(request);  // again: a reload may have come between head and body
  Exchange on{request, responder, current_, ids_.of(request.head), looked.tenant, io::now()};
  if (looked.refusal) {
    const http::Reply reply = with_id(std::move(*looked.refusal), on.id);
    co_await responder.reply(reply);
    co_return;
  }
  if (auto operation = operation_of(looked.endpoint->what)) {
    co_await infer(on, *operation);
  } else {
    const http::Reply reply = with_id(page(looked, on), on.id);
    co_await responder.reply(reply);
  }
}

http::Task<> Service::infer(Exchange& on, Operation operation) {
  relay::Request request;
  auto refused = read_request(on.request, operation, on.id, request);
  if (refused) {
    const http::Reply reply = with_id(std::move(*refused), on.id);
    co_await on.responder.reply(reply);
    co_return;
  }
  request.call = on.generation->next_call();
  request.tenant = on.tenant;
  const bool stream = request.facts.stream;
  if (stream) {
    co_await ask_stream(on, std::move(request), log_);
  } else {
    co_await ask_plain(on, std::move(request), log_);
  }
}

namespace {

// Another tenant's request is answered as one that never was.
http::Reply trace_page(const relay::Relay& relay, std::string_view id, const std::string& tenant) {
  const auto trace = relay.find_trace(id, tenant);
  if (!trace) return refusal(404, "not_found", "no trace of such a request is kept");
  return {200, trace->to_json()};
}

}  // namespace

http::Reply Service::page(const Looked& looked, const Exchange& on) const {
  const Instant now = io::now();
  const relay::Relay& relay = on.generation->relay();
  switch (looked.endpoint->what) {
    case What::models:
      return {200, models_body(on.generation->config(), started_unix_s_)};
    case What::health:
      return health(elapsed(started_, now));
    case What::liveness:
      return liveness();
    case What::readiness:
      return readiness(relay.engines(), draining_, now);
    case What::metrics:
      return metrics_reply(relay.metrics(now));
    case What::trace:
      return trace_page(relay, looked.id, on.tenant);
    default:
      return unknown_path(on.request.head.path());
  }
}

}  // namespace keel::server
