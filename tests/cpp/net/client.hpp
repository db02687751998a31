#pragma once
// A CurlUpstream on a loop of its own, driven from a test's thread.

#include "io/clock.hpp"
#include "io/loop.hpp"
#include "net/curl_upstream.hpp"
#include "net/resolver.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace keel::net::test {

class Client : public UpstreamListener {
 public:
  explicit Client(CurlUpstreamSettings settings = {}, ResolverSettings resolver = {}) {
    loop_.start("test-loop");
    run([&] {
      resolver_ = std::make_unique<Resolver>(loop_, std::move(resolver));
      upstream_ = std::make_unique<CurlUpstream>(loop_, *resolver_, *this, std::move(settings));
    });
  }
  ~Client() override {
    run([&] {
      upstream_.reset();
      resolver_.reset();
    });
    loop_.stop();
  }

  // What came of an exchange that asked at its head.
  struct Seen {
    int heads = 0;
    int status = 0;
    Headers headers;
    std::string bytes;
    size_t pieces = 0;
    size_t largest = 0;
  };
  // How bodies are to come, and what to do on the loop with a head or a piece; set before start().
  BodyWay way = BodyWay::pieces;
  std::function<void(ExchangeId)> at_head;
  std::function<void(ExchangeId, std::string_view)> at_bytes;
  bool keep_bytes = true;

  // Runs `work` on the loop and waits for it.
  void run(std::function<void()> work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  ExchangeId start(HttpRequest request) {
    ExchangeId id = ++last_;
    run([&] { upstream_->start(id, std::move(request), io::now()); });
    return id;
  }
  void abort(ExchangeId id) {
    run([&] { upstream_->abort(id); });
  }
  void pause(ExchangeId id, bool on) {
    run([&] { upstream_->pause(id, on); });
  }
  // For what runs on the loop already.
  CurlUpstream& upstream() { return *upstream_; }
  io::Loop& loop() { return loop_; }

  Seen seen(ExchangeId id) {
    std::lock_guard lock(mutex_);
    return seen_[id];
  }
  void wait_head(ExchangeId id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen_[id].heads > 0; });
  }
  void wait_bytes(ExchangeId id, size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen_[id].bytes.size() >= count; });
  }
  HttpReply wait(ExchangeId id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return replies_.contains(id); });
    return std::move(replies_.extract(id).mapped());
  }
  HttpReply send(HttpRequest request) { return wait(start(std::move(request))); }
  bool ended(ExchangeId id) {
    std::lock_guard lock(mutex_);
    return replies_.contains(id);
  }
  int sent(ExchangeId id) {
    std::lock_guard lock(mutex_);
    return sent_[id];
  }
  void wait_sent(ExchangeId id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sent_[id] > 0; });
  }
  size_t connections() {
    size_t count = 0;
    run([&] { count = upstream_->connections(); });
    return count;
  }
  size_t under_way() {
    size_t count = 0;
    run([&] { count = upstream_->under_way(); });
    return count;
  }

 private:
  void on_sent(ExchangeId id) override {
    std::lock_guard lock(mutex_);
    ++sent_[id];
    changed_.notify_all();
  }
  BodyWay on_head(ExchangeId id, int status, const Headers& headers) override {
    {
      std::lock_guard lock(mutex_);
      Seen& seen = seen_[id];
      ++seen.heads;
      seen.status = status;
      seen.headers = headers;
      changed_.notify_all();
    }
    if (at_head) at_head(id);
    return way;
  }
  void on_bytes(ExchangeId id, std::string&& bytes) override {
    {
      std::lock_guard lock(mutex_);
      Seen& seen = seen_[id];
      if (keep_bytes) seen.bytes += bytes;
      ++seen.pieces;
      seen.largest = std::max(seen.largest, bytes.size());
      changed_.notify_all();
    }
    if (at_bytes) at_bytes(id, bytes);
  }
  void on_end(ExchangeId id, HttpReply&& reply) override {
    std::lock_guard lock(mutex_);
    replies_[id] = std::move(reply);
    changed_.notify_all();
  }

  io::Loop loop_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<CurlUpstream> upstream_;
  ExchangeId last_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ExchangeId, HttpReply> replies_;
  std::map<ExchangeId, int> sent_;
  std::map<ExchangeId, Seen> seen_;
};

inline std::shared_ptr<const Endpoint> endpoint_of(const std::string& url, bool plaintext = false,
                                                   bool allow_private = false) {
  return std::make_shared<Endpoint>(*parse_endpoint(url, plaintext, allow_private));
}

inline HttpRequest post_to(std::shared_ptr<const Endpoint> endpoint, std::string body = "{}") {
  HttpRequest request;
  request.endpoint = std::move(endpoint);
  request.path = "/chat/completions";
  request.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer k"}};
  request.body.body = Body::take(std::move(body));
  return request;
}

}  // namespace keel::net::test
