#include "http/server.hpp"

#include "http/connection.hpp"
#include "io/clock.hpp"

#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace keel::http {

namespace {

constexpr Duration kTick = milliseconds(100);

// One coarse timer for every deadline of every connection.
Task<> tick(std::shared_ptr<Floor> floor, std::shared_ptr<Timer> timer) {
  while (!floor->stopped) {
    floor->date = http_date(io::wall_unix_ns() / 1'000'000'000);
    const Instant now = io::now();
    for (Connection* connection : floor->connections) connection->check_deadline(now);
    timer->expires_after(std::chrono::nanoseconds(kTick.ns));
    co_await timer->async_wait(use_task);
  }
}

// The coroutine's own reference keeps the connection.
Task<> live(std::shared_ptr<Connection> connection) {
  co_await connection->run();
}

bool has_room_for(const Floor& floor, const Socket& socket) {
  const Limits& limits = floor.options.limits;
  if (floor.connections.size() >= limits.connections) return false;
  if (limits.connections_per_address == 0) return true;
  auto from = floor.connections_from.find(origin_of(socket));
  return from == floor.connections_from.end() || from->second < limits.connections_per_address;
}

// What the kernel may hold for a client beyond what is on the wire. More would help nobody: a fast
// reader's share is on the wire, and for one that stalls the kernel would take megabytes.
using UnsentLimit = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
constexpr int kUnsentBytes = 128 << 10;

void welcome(const std::shared_ptr<Floor>& floor, Socket socket) {
  error_code ec;
  socket.set_option(asio::ip::tcp::no_delay(true), ec);
  socket.set_option(UnsentLimit(kUnsentBytes), ec);
  Admission admission = floor->handler.on_connect();
  if (!has_room_for(*floor, socket)) admission = Admission::close;
  if (admission != Admission::keep) {
    if (admission == Admission::reset) socket.set_option(asio::socket_base::linger(true, 0), ec);
    socket.close(ec);
    return;
  }
  asio::co_spawn(floor->loop.get_executor(),
                 live(std::make_shared<Connection>(floor, std::move(socket))), asio::detached);
}

Task<> accept(std::shared_ptr<Floor> floor, std::shared_ptr<Acceptor> acceptor) {
  Timer breath(floor->loop.get_executor());
  while (acceptor->is_open()) {
    Socket socket(floor->loop.get_executor());
    auto [ec] = co_await acceptor->async_accept(socket, use_task);
    if (!ec) {
      welcome(floor, std::move(socket));
    } else if (acceptor->is_open()) {  // out of descriptors: let some come back
      breath.expires_after(std::chrono::milliseconds(50));
      co_await breath.async_wait(use_task);
    }
  }
}

}  // namespace

Server::Server(asio::io_context& loop, Handler& handler, Options options)
    : floor_(new Floor{loop, handler, std::move(options), {}, {}, 1, {}, false, false}) {}

Server::~Server() {
  stop();
}

Result<uint16_t> Server::listen() {
  Options& options = floor_->options;
  const std::string where = options.host + ":" + std::to_string(options.port);
  error_code ec;
  auto address = asio::ip::make_address(options.host, ec);
  if (ec) return Error{"cannot_listen", where, "wanted a literal IP address: " + ec.message()};
  auto acceptor = std::make_shared<Acceptor>(floor_->loop.get_executor());
  asio::ip::tcp::endpoint endpoint(address, options.port);
  acceptor->open(endpoint.protocol(), ec);
  if (!ec) acceptor->set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor->bind(endpoint, ec);
  if (!ec) acceptor->listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return Error{"cannot_listen", where, ec.message()};
  options.port = acceptor->local_endpoint().port();
  close_listener();
  acceptor_ = acceptor;
  asio::co_spawn(floor_->loop.get_executor(), accept(floor_, acceptor), asio::detached);
  if (!tick_) {
    floor_->date = http_date(io::wall_unix_ns() / 1'000'000'000);
    tick_ = std::make_shared<Timer>(floor_->loop.get_executor());
    asio::co_spawn(floor_->loop.get_executor(), tick(floor_, tick_), asio::detached);
  }
  return options.port;
}

void Server::close_listener() {
  if (!acceptor_) return;
  error_code ec;
  acceptor_->close(ec);
  acceptor_.reset();
}

void Server::drain() {
  floor_->draining = true;
  error_code ec;
  if (acceptor_) acceptor_->non_blocking(true, ec);
  while (acceptor_ && !ec) {
    Socket socket(floor_->loop.get_executor());
    acceptor_->accept(socket, ec);
    if (!ec) welcome(floor_, std::move(socket));
  }
  close_listener();
}

void Server::drop_idle() {
  const std::vector<Connection*> open(floor_->connections.begin(), floor_->connections.end());
  for (Connection* connection : open)
    if (connection->idle()) connection->end(false);
}

void Server::drop_connections(bool reset) {
  const std::vector<Connection*> open(floor_->connections.begin(), floor_->connections.end());
  for (Connection* connection : open) connection->end(reset);
}

void Server::stop() {
  if (floor_->stopped) return;
  floor_->stopped = true;
  close_listener();
  drop_connections(false);
  if (tick_) tick_->cancel();
}

size_t Server::connections() const {
  return floor_->connections.size();
}

}  // namespace keel::http
