#include "server/gateway.hpp"

#include "io/clock.hpp"
#include "net/curl_report.hpp"
#include "wire/json_text.hpp"

#include <algorithm>
#include <csignal>

namespace keel::server {

namespace {

// Idle connections are left open that long when a drain begins: a request may be on its way.
constexpr Duration kLastWords = seconds(1);
// For telling clients what became of their calls, once those were cut.
constexpr Duration kFarewell = seconds(2);
constexpr Duration kWatch = milliseconds(20);

std::string names_json(const std::vector<relay::RouteConfig>& routes) {
  std::string out = "[";
  for (const relay::RouteConfig& route : routes) {
    if (route.by_name) continue;
    if (out.size() > 1) out += ',';
    out += wire::json_quote(route.name);
  }
  return out + "]";
}

}  // namespace

Gateway::Gateway(GatewayOptions options)
    : options_(std::move(options)),
      log_([this](std::function<void()> work) { loop_.post(std::move(work)); }),
      signals_(loop_.context().get_executor()),
      watch_(loop_, [this](Instant now) { watch_drain(now); }),
      metrics_page_([this] {
        const auto& current = service_->current();
        return current ? current->relay().metrics(io::now()) : std::string();
      }) {
  options_.generation.on_notice = [this](const relay::Notice& notice) { log_.notice(notice); };
  options_.generation.on_refresh = [this](const relay::Answer& answer, int64_t began_unix_ns) {
    log_.answered(answer, began_unix_ns);
  };
}

// Without start(), or where it found problems, nothing of this is there.
Gateway::~Gateway() = default;

// The file's own address was checked when it was read.
std::optional<std::string> Gateway::exposed(const Generation& generation) const {
  relay::Config config = generation.config();
  config.server.host = address_.host;
  config.server.port = address_.port;
  return relay::exposure(config);
}

std::vector<std::string> Gateway::start() {
  Opened opened = Generation::open(loop_, options_.generation);
  if (!opened.generation) return opened.problems;
  const relay::ServerConfig& server = opened.generation->config().server;
  address_ = options_.listen.value_or(relay::ListenAddress{server.host, server.port});
  if (auto problem = exposed(*opened.generation)) return {*problem};
  service_.emplace(log_, relay::is_loopback(address_.host));
  options_.limits.connections = static_cast<size_t>(server.connections);
  http::Limits limits = options_.limits;
  // On this machine a proxy may speak for everybody.
  if (!relay::is_loopback(address_.host))
    limits.connections_per_address = static_cast<size_t>(server.connections_per_address);
  server_.emplace(loop_.context(), *service_,
                  http::Options{address_.host, address_.port, {}, limits});
  auto port = server_->listen();
  if (!port) return {port.error().text()};
  port_ = *port;
  url_ = "http://" + relay::listen_text(address_.host, port_);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) signals_.add(signal);
  await_signal();
  take(opened);
  listen_for_metrics();
  log_.say(relay::LogLevel::info, "listening",
           {{"address", wire::json_quote(url_)},
            {"routes", names_json(opened.generation->config().routes)},
            {"tenants", opened.generation->tenants().any() ? "true" : "false"},
            {"libcurl", wire::json_quote(net::upstream_report())}});
  return {};
}

void Gateway::take(const Opened& opened) {
  const relay::Config& config = opened.generation->config();
  log_.set_level(options_.log_level.value_or(config.log_level));
  for (const std::string& note : opened.notes) log_.say(relay::LogLevel::info, "note", note);
  if (auto problem = log_.log_requests_to(config.request_log_path))
    log_.say(relay::LogLevel::error, "request_log", *problem);
  std::erase_if(generations_, [](const auto& generation) { return generation.expired(); });
  generations_.push_back(opened.generation);
  if (const auto& before = service_->current()) opened.generation->follow(*before);
  opened.generation->begin();
  service_->take(opened.generation);
}

void Gateway::listen_for_metrics() {
  auto address = relay::metrics_listener(service_->current()->config());
  if (!address) return;
  metrics_.emplace(loop_.context(), metrics_page_,
                   http::Options{address->host, address->port, {}, options_.limits});
  auto port = metrics_->listen();
  if (port) return;
  metrics_.reset();
  log_.say(relay::LogLevel::warning, "metrics_endpoint",
           port.error().text() + "; /metrics is on the client port only");
}

int Gateway::run() {
  while (!at_rest() && loop_.context().run_one() > 0) {
  }
  if (service_) service_->drop();
  log_.say(relay::LogLevel::info, "ended", "everything has been answered and settled");
  return hurried_ ? 1 : 0;
}

bool Gateway::at_rest() const {
  if (!cut_ || server_->connections() > 0) return false;
  return std::all_of(generations_.begin(), generations_.end(), [this](const auto& weak) {
    const auto generation = weak.lock();
    return !generation || generation == service_->current();
  });
}

void Gateway::await_signal() {
  signals_.async_wait([this](const http::error_code& ec, int signal) {
    if (ec) return;
    on_signal(signal);
    await_signal();
  });
}

void Gateway::on_signal(int signal) {
  const bool draining = drain_began_ != Instant::never();
  if (signal == SIGHUP) {
    if (!draining) reload();
  } else if (!draining) {
    drain();
  } else {
    hurried_ = true;
    cut();
    server_->stop();
  }
}

void Gateway::reload() {
  Opened opened = Generation::open(loop_, options_.generation);
  if (opened.generation) {
    if (auto problem = exposed(*opened.generation)) opened.problems.push_back(*problem);
  }
  for (const std::string& problem : opened.problems)
    log_.say(relay::LogLevel::error, "reload_refused", problem);
  if (!opened.problems.empty()) return;
  const relay::ServerConfig& server = opened.generation->config().server;
  if (!options_.listen && (server.host != address_.host || server.port != address_.port))
    log_.say(relay::LogLevel::warning, "reload", "server.listen changes with the next start only");
  take(opened);
  log_.say(relay::LogLevel::info, "reloaded",
           {{"routes", names_json(opened.generation->config().routes)}});
}

void Gateway::drain() {
  drain_began_ = io::now();
  service_->set_draining();
  server_->drain();
  log_.say(relay::LogLevel::info, "draining",
           {{"requests", std::to_string(service_->open())},
            {"connections", std::to_string(server_->connections())}});
  watch_.at(drain_began_);
}

void Gateway::watch_drain(Instant now) {
  watch_.at(now + kWatch);
  const Duration limit = service_->current()->config().server.drain;
  if (now >= drain_began_ + std::min(kLastWords, limit)) server_->drop_idle();
  const bool over = server_->connections() == 0 || now >= drain_began_ + limit;
  if (over && !cut_) cut();
  if (cut_ && (server_->connections() == 0 || now >= drain_began_ + limit + kFarewell))
    server_->stop();
}

// Whatever is still open is cancelled: its client hears so, its money is settled.
void Gateway::cut() {
  cut_ = true;
  service_->set_closed();
  for (const auto& weak : generations_) {
    if (auto generation = weak.lock()) generation->end();
  }
  if (metrics_) metrics_->stop();
}

}  // namespace keel::server
