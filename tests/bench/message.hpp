#pragma once
// What the load generator and the provider of the benchmarks share: one HTTP/1.1 message after the
// other off a connection, read to its end, and sockets of this machine. It trusts both ends.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace keel::bench {

[[noreturn]] inline void give_up(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

inline int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline void no_delay(int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Small messages on loopback: a full socket buffer is not waited for, it is an error.
inline bool send_all(int socket, std::string_view bytes) {
  return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

class Message {
 public:
  // Takes what is its own of `bytes` and says how many that was; the body's go to `on_body`.
  template <typename OnBody>
  size_t feed(std::string_view bytes, OnBody&& on_body) {
    size_t fed = bytes.size();
    if (state_ == State::head) read_head(bytes);
    while (!bytes.empty() && state_ != State::done) {
      if (state_ == State::body) {
        std::string_view piece = bytes.substr(0, left_);
        on_body(piece);
        bytes.remove_prefix(piece.size());
        left_ -= piece.size();
        if (left_ == 0) state_ = chunked_ ? State::size : State::done;
      } else {
        read_size(bytes);
      }
    }
    return fed - bytes.size();
  }

  bool done() const { return state_ == State::done; }
  bool began() const { return !head_.empty(); }
  std::string_view head() const { return head_; }
  int status() const { return head_.size() > 12 ? std::atoi(head_.c_str() + 9) : 0; }
  void reset() { *this = Message(); }

 private:
  enum class State { head, body, size, done };

  void read_head(std::string_view& bytes) {
    size_t before = head_.size();
    head_.append(bytes);
    size_t end = head_.find("\r\n\r\n", before > 3 ? before - 3 : 0);
    if (end == std::string::npos) {
      bytes = {};
      return;
    }
    head_.resize(end + 4);
    bytes.remove_prefix(head_.size() - before);
    left_ = std::strtoull(field("content-length").c_str(), nullptr, 10);
    chunked_ = field("transfer-encoding") == "chunked";
    state_ = chunked_ ? State::size : left_ > 0 ? State::body : State::done;
  }

  std::string field(const char* name) const {
    size_t length = std::strlen(name);
    for (size_t at = head_.find('\n'); at + 1 < head_.size(); at = head_.find('\n', at + 1)) {
      const char* line = head_.c_str() + at + 1;
      if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
      std::string_view value(line + length + 1);
      value = value.substr(0, value.find('\r'));
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      return std::string(value);
    }
    return {};
  }

  // A line that ends a chunk or begins the next; after the last one, the blank line.
  void read_size(std::string_view& bytes) {
    size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (end == std::string_view::npos) {
      bytes = {};
      return;
    }
    bytes.remove_prefix(end + 1);
    bool blank = line_ == "\r";
    left_ = std::strtoull(line_.c_str(), nullptr, 16);
    line_.clear();
    if (blank) {
      if (last_) state_ = State::done;
    } else if (left_ == 0) {
      last_ = true;
    } else {
      state_ = State::body;
    }
  }

  State state_ = State::head;
  std::string head_, line_;
  size_t left_ = 0;
  bool chunked_ = false;
  bool last_ = false;
};

}  // namespace keel::bench
