#pragma once
// A relay on its driver as Python holds it.

#include "base/time.hpp"
#include "binding/given_answer.hpp"
#include "binding/outbox.hpp"
#include "io/line_file.hpp"
#include "net/driver.hpp"
#include "policy/registry.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace keel::binding {

struct HostOptions {
  std::string ca_file;
  std::vector<std::string> resolve;
  std::vector<std::string> plugin_directories;
  uint64_t seed = 0;  // 0: the configuration's, else drawn
};

class Host {
 public:
  // Throws Refusal, with every problem the policies have.
  Host(std::shared_ptr<const relay::Config> config, HostOptions options);
  // In a child of fork() what the parent's threads may hold is left to leak.
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // `done` runs on the driver's thread, once. Throws Refusal: "closed", "forked".
  CallId submit(relay::Request request, std::function<void(GivenAnswer&&)> done);
  CallId submit(relay::Request request, std::shared_ptr<net::StreamCaller> caller);
  void backpressure(CallId call, bool full) { driver_->backpressure(call, full); }
  void cancel(CallId call) { driver_->cancel(call); }

  std::string metrics() { return driver_->metrics(); }
  void close();
  bool started() const { return driver_->started(); }
  bool forked() const { return driver_->forked(); }

  struct News {
    std::vector<Told> told;
    std::vector<std::string> complaints;  // of the request log and of this queue itself
    bool closed = false;                  // nothing will follow
  };
  // Waits up to `limit` for something to tell; writes the request log on the way. One thread.
  News news(Duration limit);
  void close_news() { outbox_->close(); }
  // As Python may hold it. On any thread.
  GivenAnswer given(relay::Answer&& answer) const { return {std::move(answer), config_, returns_}; }

  // Callers between giving up the GIL and having it back. At the interpreter's end nobody may be
  // left there: a thread that asks for the GIL then is killed in the middle of C++.
  std::atomic<int> callers_outside{0};

 private:
  std::shared_ptr<const relay::Config> config_;
  policy::Registry registry_;
  std::optional<io::LineFile> request_log_;
  std::shared_ptr<Outbox> outbox_;
  const std::shared_ptr<Returns> returns_ = std::make_shared<Returns>();
  std::unique_ptr<net::Driver> driver_;
};

}  // namespace keel::binding
