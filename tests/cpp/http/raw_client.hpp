#pragma once
// A client that says exactly the bytes it is given and tells exactly what came back.

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace keel::test {

struct RawReply {
  int status = 0;
  std::string head;
  std::string body;       // de-chunked
  bool complete = false;  // the framing was kept
};

class RawClient {
 public:
  enum class End { open, closed, reset, timed_out };

  // `from`: the address it calls from.
  explicit RawClient(uint16_t port, const char* from = nullptr)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    connected_ = true;
    if (from) {
      const sockaddr_in own = ipv4(inet_addr(from), 0);
      connected_ = bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
    }
    const sockaddr_in to = ipv4(htonl(INADDR_LOOPBACK), port);
    connected_ = connected_ && connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  End end() const { return end_; }
  const std::string& received() const { return received_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void half_close() { shutdown(fd_, SHUT_WR); }

  // Everything until the connection ends, or `patience_ms` pass without a byte.
  const std::string& read_to_end(int patience_ms = 5000) {
    while (read_some(patience_ms)) {
    }
    return received_;
  }

  // One reply with its framing; what follows it stays for the next call.
  RawReply read_reply(int patience_ms = 5000) {
    RawReply reply;
    size_t blank;
    while ((blank = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_some(patience_ms)) return reply;
    }
    reply.head = received_.substr(0, blank + 4);
    received_.erase(0, blank + 4);
    reply.status = std::atoi(reply.head.c_str() + 9);
    if (reply.head.find("transfer-encoding: chunked") != std::string::npos) {
      reply.complete = read_chunks(reply.body, patience_ms);
    } else if (size_t at = reply.head.find("content-length: "); at != std::string::npos) {
      const size_t length = std::strtoul(reply.head.c_str() + at + 16, nullptr, 10);
      while (received_.size() < length && read_some(patience_ms)) {
      }
      reply.complete = received_.size() >= length;
      reply.body = received_.substr(0, length);
      received_.erase(0, length);
    }
    return reply;
  }

 private:
  static sockaddr_in ipv4(in_addr_t address, uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = address;
    return out;
  }

  bool read_some(int patience_ms) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, patience_ms) <= 0) {
      end_ = End::timed_out;
      return false;
    }
    char buffer[16384];
    ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) {
      received_.append(buffer, static_cast<size_t>(n));
      return true;
    }
    end_ = n == 0 ? End::closed : End::reset;
    return false;
  }

  bool read_chunks(std::string& body, int patience_ms) {
    for (;;) {
      size_t eol;
      while ((eol = received_.find("\r\n")) == std::string::npos) {
        if (!read_some(patience_ms)) return false;
      }
      const size_t size = std::strtoul(received_.c_str(), nullptr, 16);
      while (received_.size() < eol + 2 + size + 2) {
        if (read_some(patience_ms)) continue;
        body += received_.substr(eol + 2);
        return false;
      }
      body += received_.substr(eol + 2, size);
      received_.erase(0, eol + 2 + size + 2);
      if (size == 0) return true;
    }
  }

  int fd_;
  bool connected_ = false;
  End end_ = End::open;
  std::string received_;
};

}  // namespace keel::test
