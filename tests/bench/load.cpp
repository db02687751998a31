// The load of the benchmarks: keeps CONNECTIONS connections to a port of this machine busy with one
// request, repeated, and says in JSON what came of it.
//
//   bench_load PORT REQUEST-FILE CONNECTIONS (--seconds S | --requests N) [--rate R] [--first W]
//   bench_load PORT REQUEST-FILE CONNECTIONS --hold 1
//
// `first_us` is when the first piece of a body came, or the first with W in it: a stream's first
// token rather than its first event.
//
// To hold is to ask once on each connection, say so when something of every answer has come, and
// leave the rest unread until the input ends.
//
// Without a rate the loop is closed: each connection asks again when it has its answer. With one it
// is open: requests are due at R a second in Poisson's way, the same for every run, whatever became
// of those before, and latency counts from when a request was due. A stall then shows in all that
// waited, where a closed loop would only ask less.

#include "message.hpp"

#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <vector>

namespace keel::bench {
namespace {

constexpr int64_t kHungNs = 300'000'000'000;

struct Plan {
  uint16_t port = 0;
  std::string request;
  size_t connections = 1;
  double seconds = 0;
  uint64_t requests = 0;
  double rate = 0;
  bool hold = false;
  std::string first;
};

struct Connection {
  int socket = -1;
  Message reply;
  int64_t due_ns = 0;
  uint64_t hash = 0;
  bool first_seen = false;
  bool busy = false;
};

class Load {
 public:
  explicit Load(Plan plan) : plan_(std::move(plan)), connections_(plan_.connections) {
    for (size_t i = 0; i < connections_.size(); ++i) open(i);
  }

  void hold() {
    for (size_t i = 0; i < connections_.size(); ++i) ask(i, now_ns());
    while (first_.size() < connections_.size() && failed_ == 0) wait();
    std::printf("{\"held\":%zu,\"failed\":%llu}\n", first_.size(),
                static_cast<unsigned long long>(failed_));
    std::fflush(stdout);
    char ended;
    while (read(STDIN_FILENO, &ended, 1) > 0) continue;
  }

  void run() {
    int64_t began = now_ns();
    end_ns_ = plan_.seconds > 0 ? began + static_cast<int64_t>(plan_.seconds * 1e9) : INT64_MAX;
    int64_t hung_ns = (plan_.seconds > 0 ? end_ns_ : began) + kHungNs;
    next_due_ns_ = began;
    if (plan_.rate == 0) {
      for (size_t i = 0; i < connections_.size() && more(began); ++i) ask(i, now_ns());
    } else {
      for (size_t i = connections_.size(); i-- > 0;) idle_.push_back(i);
    }
    while (busy_ > 0 || !waiting_.empty() || more(now_ns())) {
      if (plan_.rate > 0) ask_what_is_due();
      wait();
      if (now_ns() > hung_ns) break;  // what is open counts as failed
    }
    took_ns_ = now_ns() - began;
    failed_ += busy_;
    say();
  }

 private:
  bool more(int64_t now) const {
    return plan_.requests > 0 ? asked_ < plan_.requests
                              : (plan_.rate > 0 ? next_due_ns_ : now) < end_ns_;
  }

  void open(size_t i) {
    Connection& connection = connections_[i];
    connection.socket = socket(AF_INET, SOCK_STREAM, 0);
    int little = 16 * 1024;  // a reader that is slow is slow at once
    if (plan_.hold) {
      setsockopt(connection.socket, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    }
    sockaddr_in address = loopback(plan_.port);
    if (connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      give_up("connect to port " + std::to_string(plan_.port));
    }
    no_delay(connection.socket);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) give_up("epoll_ctl");
  }

  void ask(size_t i, int64_t due_ns) {
    Connection& connection = connections_[i];
    connection.reply.reset();
    connection.due_ns = due_ns;
    connection.hash = 0xcbf29ce484222325;
    connection.first_seen = false;
    connection.busy = true;
    ++busy_;
    ++asked_;
    if (!send_all(connection.socket, plan_.request)) fail(i);
  }

  void ask_what_is_due() {
    for (int64_t now = now_ns(); next_due_ns_ <= now && more(now);) {
      waiting_.push_back(next_due_ns_);
      next_due_ns_ += static_cast<int64_t>(-std::log(1 - unit()) / plan_.rate * 1e9);
    }
    while (!waiting_.empty() && !idle_.empty()) {
      size_t i = idle_.back();
      idle_.pop_back();
      ask(i, waiting_.front());
      waiting_.pop_front();
    }
  }

  double unit() {  // xorshift64*
    chance_ ^= chance_ >> 12;
    chance_ ^= chance_ << 25;
    chance_ ^= chance_ >> 27;
    return static_cast<double>((chance_ * 0x2545F4914F6CDD1D) >> 11) * 0x1.0p-53;
  }

  void wait() {
    int64_t wait_ns = 1'000'000'000;
    if (plan_.rate > 0 && more(0)) {
      wait_ns = std::clamp<int64_t>(next_due_ns_ - now_ns(), 0, wait_ns);
    }
    timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    epoll_event ready[256];
    int count = epoll_pwait2(epoll_, ready, 256, &timeout, nullptr);
    for (int n = 0; n < count; ++n) read_some(ready[n].data.u64);
  }

  void read_some(size_t i) {
    Connection& connection = connections_[i];
    char buffer[1 << 16];
    ssize_t got = recv(connection.socket, buffer, sizeof buffer, 0);
    if (got <= 0) return fail(i);
    int64_t now = now_ns();
    connection.reply.feed({buffer, static_cast<size_t>(got)}, [&](std::string_view piece) {
      if (!connection.first_seen && piece.find(plan_.first) != std::string_view::npos) {
        first_.push_back(now - connection.due_ns);
        connection.first_seen = true;
      }
      body_bytes_ += piece.size();
      for (char c : piece) {
        connection.hash = (connection.hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
      }
    });
    if (plan_.hold && connection.first_seen) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.socket, nullptr);
    } else if (connection.reply.done()) {
      answered(i, now);
    }
  }

  void answered(size_t i, int64_t now) {
    Connection& connection = connections_[i];
    if (connection.reply.status() != 200) {
      ++failed_;
      if (complaint_.empty()) complaint_ = connection.reply.head().substr(0, 40);
    }
    latency_.push_back(now - connection.due_ns);
    if (bodies_ == 0) hash_ = connection.hash;
    if (connection.hash != hash_) ++differing_;
    ++bodies_;
    again(i, now);
  }

  void fail(size_t i) {
    ++failed_;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, connections_[i].socket, nullptr);
    close(connections_[i].socket);
    bool was_busy = connections_[i].busy;
    if (failed_ > 1000 + connections_.size()) give_up("too many failures");
    open(i);
    if (was_busy) again(i, now_ns());
  }

  void again(size_t i, int64_t now) {
    connections_[i].busy = false;
    --busy_;
    if (plan_.rate > 0) {
      idle_.push_back(i);
    } else if (more(now)) {
      ask(i, now);
    }
  }

  static std::string quantiles(std::vector<int64_t>& values) {
    if (values.empty()) return "null";
    std::sort(values.begin(), values.end());
    auto at = [&](double q) {
      auto i = static_cast<size_t>(q * static_cast<double>(values.size() - 1));
      return std::to_string(static_cast<double>(values[i]) / 1000);
    };
    return "{\"p50\":" + at(0.5) + ",\"p90\":" + at(0.9) + ",\"p99\":" + at(0.99) +
           ",\"max\":" + at(1) + "}";
  }

  void say() {
    std::printf(
        "{\"requests\":%llu,\"failed\":%llu,\"complaint\":\"%s\",\"seconds\":%.6f,"
        "\"body_bytes\":%llu,\"hash\":\"%016llx\",\"differing\":%llu,\"latency_us\":%s,"
        "\"first_us\":%s}\n",
        static_cast<unsigned long long>(bodies_), static_cast<unsigned long long>(failed_),
        complaint_.substr(0, complaint_.find('\r')).c_str(), static_cast<double>(took_ns_) / 1e9,
        static_cast<unsigned long long>(body_bytes_), static_cast<unsigned long long>(hash_),
        static_cast<unsigned long long>(differing_), quantiles(latency_).c_str(),
        quantiles(first_).c_str());
  }

  Plan plan_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;
  std::deque<int64_t> waiting_;  // due, and no connection is free
  int64_t end_ns_ = 0, next_due_ns_ = 0, took_ns_ = 0;
  uint64_t chance_ = 0x9E3779B97F4A7C15;
  uint64_t asked_ = 0, busy_ = 0, bodies_ = 0, failed_ = 0, differing_ = 0, body_bytes_ = 0;
  uint64_t hash_ = 0;
  std::vector<int64_t> latency_, first_;
  std::string complaint_;
};

int main(int argc, char** argv) {
  Plan plan;
  bool odd = argc < 6 || argc % 2 == 1;
  for (int i = 4; !odd && i + 1 < argc; i += 2) {
    std::string_view option = argv[i];
    if (option == "--seconds") {
      plan.seconds = std::atof(argv[i + 1]);
    } else if (option == "--requests") {
      plan.requests = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (option == "--rate") {
      plan.rate = std::atof(argv[i + 1]);
    } else if (option == "--hold") {
      plan.hold = true;
    } else if (option == "--first") {
      plan.first = argv[i + 1];
    } else {
      odd = true;
    }
  }
  if (odd || (plan.seconds <= 0 && plan.requests == 0 && !plan.hold)) {
    std::fprintf(stderr,
                 "usage: bench_load PORT REQUEST-FILE CONNECTIONS "
                 "(--seconds S | --requests N | --hold 1) [--rate R] [--first W]\n");
    return 2;
  }
  plan.port = static_cast<uint16_t>(std::atoi(argv[1]));
  std::ifstream file(argv[2], std::ios::binary);
  plan.request = {std::istreambuf_iterator<char>(file), {}};
  if (plan.request.empty()) give_up(argv[2]);
  plan.connections = std::strtoull(argv[3], nullptr, 10);
  bool hold = plan.hold;
  Load load(std::move(plan));
  hold ? load.hold() : load.run();
  return 0;
}

}  // namespace
}  // namespace keel::bench

int main(int argc, char** argv) {
  return keel::bench::main(argc, argv);
}
