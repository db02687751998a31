#pragma once
// One thread around one io_context, and one coarse timer for everything that is due in it. All
// deadlines of the loop share that timer: a timer per operation costs more than the operation.

#include "base/time.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace keel::io {

// Deadlines are rounded up to this grid, so that neighbours share one wake-up.
inline constexpr Duration kTick = milliseconds(5);

// Starts a thread that takes no signals (they belong to the program; a write to a closed socket
// must give an error, not SIGPIPE). `name` is cut to 15 characters by the kernel.
std::thread start_quiet_thread(const char* name, std::function<void()> run);

class Loop {
 public:
  Loop() : context_(1), timer_(context_) {}
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Starts the thread. Once.
  void start(const char* name);
  // Ends the loop after the handler that runs, and joins. Work not yet run is dropped with the
  // loop. Not from the loop's own thread. Again: nothing.
  void stop();

  // From any thread, once start() has been called.
  bool in_loop_thread() const { return std::this_thread::get_id() == id_.load(); }
  boost::asio::io_context& context() { return context_; }

  // Runs `work` on the loop's thread, in the order posted. From any thread. The order is ours:
  // Asio keeps what the loop's thread itself posts aside, and lets other threads' posts overtake.
  template <typename Work>
  void post(Work&& work) {
    post_next(std::make_unique<PostedWork<std::decay_t<Work>>>(std::forward<Work>(work)));
  }

 private:
  struct Posted {
    virtual ~Posted() = default;
    virtual void run() = 0;
  };
  template <typename Work>
  struct PostedWork final : Posted {
    explicit PostedWork(Work&& from) : work(std::move(from)) {}
    explicit PostedWork(const Work& from) : work(from) {}
    void run() override { work(); }
    Work work;
  };

  void post_next(std::unique_ptr<Posted> work);
  void run_posted();

  friend class Timer;
  void enlist(class Timer* timer);
  void strike(class Timer* timer);
  void arm(Instant at);
  void fire();

  using SteadyTimer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>,
                                        boost::asio::io_context::executor_type>;

  boost::asio::io_context context_;
  SteadyTimer timer_;
  Instant armed_ = Instant::never();
  std::vector<class Timer*> timers_;
  std::mutex posting_;
  std::vector<std::unique_ptr<Posted>> posted_;  // under posting_
  std::vector<std::unique_ptr<Posted>> running_;
  std::thread thread_;
  std::atomic<std::thread::id> id_{};  // set by the thread itself: thread_ may not be yet
};

// Something that wants to be called when an instant has come: up to kTick late, never early.
// Belongs to the loop's thread (or to whoever owns the loop while its thread does not run).
class Timer {
 public:
  Timer(Loop& loop, std::function<void(Instant now)> run) : loop_(loop), run_(std::move(run)) {
    loop_.enlist(this);
  }
  ~Timer() { loop_.strike(this); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was asked before; never() asks for nothing.
  void at(Instant due) {
    due_ = due;
    loop_.arm(due);
  }
  Instant due() const { return due_; }

 private:
  friend class Loop;
  Loop& loop_;
  std::function<void(Instant now)> run_;
  Instant due_ = Instant::never();
};

}  // namespace keel::io
