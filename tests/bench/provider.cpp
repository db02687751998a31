// The provider behind every gateway of the benchmark, as cheap as one can be: it reads each request
// to its end and answers from memory. A request for a stream gets EVENTS events, the first two at
// once and one more each GAP microseconds, as far as the other end takes them; each is about
// SIZE bytes long.
//
//   bench_provider PORT-FILE [EVENTS GAP [SIZE]]
//
// GET /stats says what it counted, and what one stream's bytes are.

#include "message.hpp"

#include <fstream>
#include <memory>
#include <unordered_map>
#include <vector>

#include <sys/timerfd.h>

namespace keel::bench {
namespace {

std::string reply(const std::string& json) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(json.size()) + "\r\n\r\n" + json;
}

// About 1.1 KB with its head.
std::string plain_answer() {
  std::string words;
  while (words.size() < 640) words += "Your order is on its way. ";
  return reply(
      R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"m",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
      words +
      R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":250,)"
      R"("completion_tokens":180,"total_tokens":430,"prompt_tokens_details":{"cached_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_1"})");
}

std::vector<std::string> stream_events(size_t count, size_t size) {
  const std::string begin =
      R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,)"
      R"("model":"m","choices":[)";
  std::vector<std::string> events;
  events.push_back(begin + R"({"index":0,"delta":{"role":"assistant","content":""},)"
                           R"("finish_reason":null}]})"
                           "\n\n");
  const std::string rest(size > 180 ? size - 180 : 0, 'x');
  while (events.size() + 3 < count) {
    events.push_back(begin + R"({"index":0,"delta":{"content":" word)" +
                     std::to_string(events.size()) + rest +
                     R"("},"finish_reason":null}]})"
                     "\n\n");
  }
  events.push_back(begin + R"({"index":0,"delta":{},"finish_reason":"stop"}]})"
                           "\n\n");
  events.push_back(begin + R"(],"usage":{"prompt_tokens":250,"completion_tokens":97,)"
                           R"("total_tokens":347}})"
                           "\n\n");
  events.push_back("data: [DONE]\n\n");
  return events;
}

std::string chunk(const std::string& text) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

struct Connection {
  Message request;
  std::string body;
  std::string unsent;
  size_t next_event = 0;  // of a stream under way
  bool streaming = false;
};

class Provider {
 public:
  Provider(size_t events, int gap_us, size_t size) : answer_(plain_answer()) {
    for (const std::string& event : stream_events(events, size)) {
      stream_bytes_ += event.size();
      chunks_.push_back(chunk(event));
    }
    chunks_.back() += "0\r\n\r\n";
    // The role says nothing; the first token comes with it.
    chunks_.front() += chunks_[1];
    chunks_.erase(chunks_.begin() + 1);
    chunks_.front() =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
        chunks_.front();
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 4096) != 0) {
      give_up("listen");
    }
    timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    itimerspec every{};
    every.it_interval.tv_sec = gap_us / 1'000'000;
    every.it_interval.tv_nsec = gap_us % 1'000'000 * 1000L;
    every.it_value = every.it_interval;
    timerfd_settime(timer_, 0, &every, nullptr);
    watch(listener_);
    watch(timer_);
  }

  uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  [[noreturn]] void run() {
    epoll_event ready[256];
    for (;;) {
      int count = epoll_wait(epoll_, ready, 256, -1);
      for (int i = 0; i < count; ++i) {
        int file = ready[i].data.fd;
        if (file == listener_) {
          accept_one();
        } else if (file == timer_) {
          tick();
        } else {
          read_some(file);
        }
      }
    }
  }

 private:
  void watch(int file) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = file;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, file, &event) != 0) give_up("epoll_ctl");
  }

  void accept_one() {
    int file = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (file < 0) return;
    no_delay(file);
    int most = 64 * 1024;  // of what the kernel holds of a stream that nobody reads
    setsockopt(file, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
    connections_[file] = std::make_unique<Connection>();
    ++connected_;
    watch(file);
  }

  void drop(int file) {
    connections_.erase(file);
    close(file);
  }

  void read_some(int file) {
    char buffer[1 << 16];
    ssize_t got = recv(file, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(file);
    Connection& connection = *connections_[file];
    std::string_view bytes(buffer, static_cast<size_t>(got));
    while (!bytes.empty()) {
      bytes.remove_prefix(connection.request.feed(
          bytes, [&](std::string_view piece) { connection.body.append(piece); }));
      if (!connection.request.done()) return;
      if (!answer(file, connection)) return drop(file);
      connection.request.reset();
      connection.body.clear();
    }
  }

  bool answer(int file, Connection& connection) {
    std::string_view head = connection.request.head();
    if (head.starts_with("GET /stats")) return put(file, connection, reply(stats()));
    if (head.starts_with("GET")) {
      return put(file, connection, reply(R"({"object":"list","data":[]})"));
    }
    ++requests_;
    if (connection.body.find("\"stream\":true") == std::string::npos) {
      return put(file, connection, answer_);
    }
    connection.streaming = true;
    connection.next_event = 1;
    return put(file, connection, chunks_[0]);
  }

  // What is not taken at once waits for a tick. False: the other end is gone.
  bool put(int file, Connection& connection, std::string_view bytes) {
    if (!connection.unsent.empty()) bytes = connection.unsent.append(bytes);
    ssize_t sent = send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    std::string rest(bytes.substr(static_cast<size_t>(std::max<ssize_t>(sent, 0))));
    connection.unsent = std::move(rest);
    return true;
  }

  void tick() {
    uint64_t ticks = 0;
    if (read(timer_, &ticks, sizeof ticks) < 0) return;
    std::vector<int> gone;
    for (auto& [file, connection] : connections_) {
      bool behind = !connection->unsent.empty();
      if (!behind && !connection->streaming) continue;
      std::string_view next;
      if (!behind) next = chunks_[connection->next_event];
      if (!put(file, *connection, next)) gone.push_back(file);
      if (!behind) connection->streaming = ++connection->next_event < chunks_.size();
    }
    for (int file : gone) drop(file);
  }

  std::string stats() const {
    return "{\"requests\":" + std::to_string(requests_) +
           ",\"connections\":" + std::to_string(connected_) +
           ",\"stream_bytes\":" + std::to_string(stream_bytes_) + "}";
  }

  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1, timer_ = -1;
  std::string answer_;
  std::vector<std::string> chunks_;
  size_t stream_bytes_ = 0;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  uint64_t requests_ = 0, connected_ = 0;
};

}  // namespace
}  // namespace keel::bench

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: bench_provider PORT-FILE [EVENTS GAP-MICROSECONDS [SIZE]]\n");
    return 2;
  }
  int events = argc > 2 ? std::atoi(argv[2]) : 100;
  int gap_us = argc > 3 ? std::atoi(argv[3]) : 1000;
  int size = argc > 4 ? std::atoi(argv[4]) : 180;
  keel::bench::Provider provider(static_cast<size_t>(events), gap_us, static_cast<size_t>(size));
  std::ofstream(argv[1]) << provider.port() << "\n";
  provider.run();
}
