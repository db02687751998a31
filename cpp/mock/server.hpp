#pragma once
// The fake provider in a thread of its own, for tests in the same process. Every method may be
// called from any thread; each waits until the mock's loop has done it.

#include "base/result.hpp"
#include "mock/service.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace keel::mock {

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(Settings settings = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }
  std::string url() const;  // "http://127.0.0.1:PORT", https with TLS
  Result<bool> set_script(std::string_view text);
  std::string state_json(size_t records = 1000) const;
  void reset();
  void start_clock();

 private:
  Server() = default;
  void on_loop(const std::function<void()>& work) const;

  mutable http::asio::io_context loop_{1};
  std::unique_ptr<Service> service_;
  std::thread thread_;
  std::string host_;
  uint16_t port_ = 0;
  bool tls_ = false;
};

}  // namespace keel::mock
