#pragma once
// The gateway as a process lives it: start, serve, reload, drain, end. One thread, one loop.

#include "config/listen.hpp"
#include "http/server.hpp"
#include "io/loop.hpp"
#include "server/generation.hpp"
#include "server/logbook.hpp"
#include "server/metrics_page.hpp"
#include "server/service.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/basic_signal_set.hpp>

namespace keel::server {

struct GatewayOptions {
  GenerationOptions generation;                // what it tells is the gateway's own
  std::optional<relay::ListenAddress> listen;  // instead of the file's
  std::optional<relay::LogLevel> log_level;    // likewise
  http::Limits limits;
};

class Gateway {
 public:
  explicit Gateway(GatewayOptions options);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Reads the configuration and binds. Every problem; empty: it listens, and serves from run() on.
  std::vector<std::string> start();
  const std::string& url() const { return url_; }
  uint16_t port() const { return port_; }

  // Until a signal ended it: 0 if everything was finished or settled in time, 1 if a second signal
  // cut it short. SIGTERM and SIGINT drain, SIGHUP reloads.
  int run();

 private:
  using Signals = boost::asio::basic_signal_set<http::Executor>;

  void take(const Opened& opened);
  void listen_for_metrics();
  void await_signal();
  void on_signal(int signal);
  void reload();
  void drain();
  void watch_drain(Instant now);
  void cut();
  bool at_rest() const;
  std::optional<std::string> exposed(const Generation& generation) const;

  GatewayOptions options_;
  Logbook log_;
  io::Loop loop_;
  Signals signals_;
  io::Timer watch_;  // of a drain
  std::optional<Service> service_;
  std::optional<http::Server> server_;
  MetricsPage metrics_page_;
  std::optional<http::Server> metrics_;
  std::vector<std::weak_ptr<Generation>> generations_;  // the current one and those before
  relay::ListenAddress address_;
  std::string url_;
  uint16_t port_ = 0;
  Instant drain_began_ = Instant::never();
  bool cut_ = false;      // what was left has been cancelled
  bool hurried_ = false;  // by a second signal
};

}  // namespace keel::server
