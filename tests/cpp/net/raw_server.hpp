#pragma once
// A blocking server for tests, a thread per connection, that does exactly what a script says and
// nothing that HTTP would want it to. Plain or TLS.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace keel::net::test {

class RawConnection {
 public:
  RawConnection(int fd, ssl_ctx_st* tls);
  ~RawConnection();

  bool handshake();
  // One request, head and body (by Content-Length); empty when the client closed.
  std::string read_request();
  void write(std::string_view bytes);
  // A 200 with this body and its length.
  void answer(std::string_view body, std::string_view more_headers = "");
  // Reads and drops until the client has closed.
  void wait_closed();
  void reset();  // RST
  int fd() const { return fd_; }

 private:
  long receive(char* out, size_t room);

  int fd_;
  ssl_st* ssl_ = nullptr;
  std::string unread_;
};

class RawServer {
 public:
  using Script = std::function<void(RawConnection& connection, int number)>;

  // `number` counts connections from 1. With PEM texts it speaks TLS.
  explicit RawServer(Script script, const std::string& cert_pem = "",
                     const std::string& key_pem = "");
  ~RawServer();

  uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  std::string url() const;

 private:
  void accept_all();

  Script script_;
  ssl_ctx_st* tls_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A certificate authority made for one test run, and what it signs.
struct TestCertificate {
  std::string cert_pem;
  std::string key_pem;
};
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  // Valid from `from_days` to `to_days` from today, for one DNS name or IPv4 address.
  TestCertificate issue(const std::string& name, int from_days = -1, int to_days = 30) const;
  const std::string& ca_file() const { return ca_file_; }

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string ca_file_;
};

}  // namespace keel::net::test
