#include "io/loop.hpp"

#include "io/clock.hpp"

#include <algorithm>

#include <pthread.h>
#include <signal.h>

namespace keel::io {

std::thread start_quiet_thread(const char* name, std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits the mask
  std::thread thread;
  try {
    thread = std::thread(std::move(run));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), std::string(name).substr(0, 15).c_str());
  return thread;
}

void Loop::start(const char* name) {
  thread_ = start_quiet_thread(name, [this] {
    id_ = std::this_thread::get_id();
    auto keep = boost::asio::make_work_guard(context_);
    context_.run();
  });
}

void Loop::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void Loop::post_next(std::unique_ptr<Posted> work) {
  {
    std::lock_guard lock(posting_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;  // whoever posted the first has the loop called
  }
  boost::asio::post(context_, [this] { run_posted(); });
}

void Loop::run_posted() {
  {
    std::lock_guard lock(posting_);
    running_.swap(posted_);
  }
  for (std::unique_ptr<Posted>& work : running_) {
    if (context_.stopped()) break;
    work->run();
    work.reset();
  }
  running_.clear();
}

void Loop::enlist(Timer* timer) {
  timers_.push_back(timer);
}

void Loop::strike(Timer* timer) {
  std::erase(timers_, timer);
}

// Only an earlier wish re-arms; a later one is found when the timer fires.
void Loop::arm(Instant due) {
  if (due >= armed_) return;
  int64_t grid = kTick.ns;
  armed_ = due > Instant::never() - kTick ? due : Instant{(due.ns + grid - 1) / grid * grid};
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(armed_.ns)));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) fire();
  });
}

void Loop::fire() {
  armed_ = Instant::never();
  Instant at = now();
  // By index: a callback may enlist another timer.
  for (size_t i = 0; i < timers_.size(); ++i) {
    Timer* timer = timers_[i];
    if (timer->due_ > at) continue;
    timer->due_ = Instant::never();
    timer->run_(at);
  }
  for (Timer* timer : timers_) arm(timer->due_);
}

}  // namespace keel::io
