#include "net/driver.hpp"

#include "io/clock.hpp"
#include "io/fork.hpp"
#include "io/loop.hpp"
#include "net/conductor.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <random>
#include <utility>

namespace keel::net {

// What callers' threads share. Lock order: closing, then state; neither is held while a completion
// runs, so a completion may call the driver.
struct Driver::Core {
  Core(DriverPlan&& with_plan, std::unique_ptr<relay::Relay> with_relay)
      : plan(std::move(with_plan)), relay(std::move(with_relay)) {}

  void start();
  bool on_own_thread() const { return started && loop->in_loop_thread(); }

  const DriverPlan plan;
  const std::unique_ptr<relay::Relay> relay;  // the loop's thread's, while that runs
  const uint32_t generation = io::fork_generation();
  std::mutex closing;  // held while a close() is under way
  std::mutex state;
  std::atomic<bool> started{false};
  bool closed = false;
  CallId last_call = 0;
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<Conductor> conductor;
};

void Driver::Core::start() {
  loop = std::make_unique<io::Loop>();
  conductor = std::make_unique<Conductor>(*loop, plan, *relay);
  loop->post([this] { conductor->begin(); });
  started = true;  // before the thread, which may ask for it
  try {
    loop->start("keel-driver");
  } catch (...) {  // no thread to be had: as if nothing had been tried
    started = false;
    conductor.reset();
    loop.reset();
    throw;
  }
}

Result<std::unique_ptr<Driver>> Driver::create(std::shared_ptr<const relay::Config> config,
                                               std::unique_ptr<relay::Relay> relay,
                                               DriverOptions options) {
  auto plan = plan_driver(std::move(config), std::move(options));
  if (!plan) return plan.error();
  auto core = std::make_unique<Core>(std::move(*plan), std::move(relay));
  return std::unique_ptr<Driver>(new Driver(std::move(core)));
}

Driver::Driver(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Driver::~Driver() {
  // In a child its threads are missing, its locks may be held for ever and its state may be torn.
  if (forked()) {
    static_cast<void>(core_.release());
    return;
  }
  close();
}

bool Driver::started() const {
  return core_->started;
}

bool Driver::forked() const {
  return io::fork_generation() != core_->generation;
}

template <typename Caller>
Result<CallId> Driver::submit_for(relay::Request&& request, Caller&& caller) {
  if (forked()) return Error{"forked", "", "this relay belongs to the process before fork()"};
  std::lock_guard lock(core_->state);
  if (core_->closed) return Error{"closed", "", "this relay has been closed"};
  if (!core_->started) core_->start();
  request.call = ++core_->last_call;
  CallId call = request.call;
  core_->loop->post([conductor = core_->conductor.get(), request = std::move(request),
                     caller = std::forward<Caller>(caller)]() mutable {
    conductor->submit(std::move(request), std::move(caller));
  });
  return call;
}

Result<CallId> Driver::submit(relay::Request request, Completion done) {
  return submit_for(std::move(request), std::move(done));
}

Result<CallId> Driver::submit(relay::Request request, std::shared_ptr<StreamCaller> caller) {
  return submit_for(std::move(request), std::move(caller));
}

void Driver::backpressure(CallId call, bool full) {
  if (forked()) return;
  std::lock_guard lock(core_->state);
  if (!core_->started || core_->closed) return;
  core_->loop->post(
      [conductor = core_->conductor.get(), call, full] { conductor->backpressure(call, full); });
}

void Driver::cancel(CallId call) {
  if (forked()) return;
  std::lock_guard lock(core_->state);
  if (!core_->started || core_->closed) return;
  core_->loop->post([conductor = core_->conductor.get(), call] { conductor->cancel(call); });
}

std::string Driver::metrics() {
  if (forked()) return {};
  if (core_->on_own_thread()) return core_->relay->metrics(io::now());
  std::unique_lock lock(core_->state);
  if (!core_->started) return core_->relay->metrics(io::now());
  if (!core_->closed) {
    std::promise<std::string> text;
    core_->loop->post([&] { text.set_value(core_->relay->metrics(io::now())); });
    lock.unlock();
    return text.get_future().get();  // before close()'s own work, which is posted behind it
  }
  lock.unlock();
  std::lock_guard closing(core_->closing);
  return core_->relay->metrics(io::now());
}

void Driver::close() {
  if (forked()) return;
  std::lock_guard closing(core_->closing);
  {
    std::lock_guard lock(core_->state);
    if (std::exchange(core_->closed, true) || !core_->started) return;
  }
  std::promise<void> ended;
  core_->loop->post([&] {
    core_->conductor->end();
    core_->conductor.reset();
    ended.set_value();
  });
  ended.get_future().wait();
  core_->loop->stop();
}

uint64_t draw_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace keel::net
