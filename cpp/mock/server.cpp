#include "mock/server.hpp"

#include "io/loop.hpp"

#include <future>

#include <boost/asio/post.hpp>

namespace keel::mock {

Result<std::unique_ptr<Server>> Server::start(Settings settings) {
  std::unique_ptr<Server> server(new Server);
  server->host_ = settings.http.host;
  server->tls_ = settings.http.tls != nullptr;
  auto service = Service::start(server->loop_, std::move(settings));
  if (!service) return service.error();
  server->service_ = std::move(*service);
  server->port_ = server->service_->port();
  server->thread_ = io::start_quiet_thread("keel-mock", [loop = &server->loop_] { loop->run(); });
  return server;
}

Server::~Server() {
  if (!thread_.joinable()) return;
  http::asio::post(loop_, [this] { service_->stop(); });
  thread_.join();
}

void Server::on_loop(const std::function<void()>& work) const {
  std::promise<void> done;
  http::asio::post(loop_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

std::string Server::url() const {
  return (tls_ ? "https://" : "http://") + host_ + ":" + std::to_string(port_);
}

Result<bool> Server::set_script(std::string_view text) {
  Result<bool> result(true);
  on_loop([&] { result = service_->set_script(text); });
  return result;
}

std::string Server::state_json(size_t records) const {
  std::string text;
  on_loop([&] { text = service_->state(records).dump(); });
  return text;
}

void Server::reset() {
  on_loop([&] { service_->reset(); });
}

void Server::start_clock() {
  on_loop([&] { service_->start_clock(); });
}

}  // namespace keel::mock
