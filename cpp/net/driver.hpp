#pragma once
// Runs a Relay on the real clock and the real network: one thread with an Asio loop, libcurl below,
// the relay's actions carried out as they come. Everything that decides is in relay/.

#include "base/result.hpp"
#include "base/vocabulary.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keel::relay {
class Relay;
}

namespace keel::net {

struct DriverOptions {
  std::string ca_file;               // PEM, in place of the system's store; empty: the system's
  std::vector<std::string> resolve;  // HOST:PORT:ADDR:PORT, as in net/endpoint.hpp
  std::function<void(const relay::Notice&)> on_notice;  // on the driver's thread; must be cheap
  std::function<void(const relay::Answer&, int64_t began_unix_ns)>
      on_refresh;  // for a log; as well
};

// Called on the driver's thread, once, for every call that was submitted; must be cheap and must
// not throw.
using Completion = std::function<void(relay::Answer&& answer)>;

// Who waits for a stream. Both are called on the driver's thread, must be cheap and must not throw.
class StreamCaller {
 public:
  virtual ~StreamCaller() = default;
  virtual void on_piece(relay::Deliver&& piece) = 0;   // in order; the first has the head
  virtual void on_answer(relay::Answer&& answer) = 0;  // once, last
};

// No thread, no socket and no libcurl handle before the first submit. Every method may be called
// from any thread.
//
// After fork() the child's copy is dead: forked() is true, submit refuses, and destroying it leaks
// what the parent was using instead of touching it (its connections' descriptors are closed by
// then). The owner builds a new Relay and a new Driver from configuration.
class Driver {
 public:
  // `relay` was built from `config`. Error codes "invalid_resolve", "invalid_base_url",
  // "unreadable_ca_file", "unknown_dialect".
  static Result<std::unique_ptr<Driver>> create(std::shared_ptr<const relay::Config> config,
                                                std::unique_ptr<relay::Relay> relay,
                                                DriverOptions options);
  ~Driver();  // close()
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // The driver picks the call's id (request.call is overwritten). Error codes "closed", "forked":
  // then `done` is never called.
  Result<CallId> submit(relay::Request request, Completion done);
  // The same for a request that wants a stream. The caller is kept until it was answered.
  Result<CallId> submit(relay::Request request, std::shared_ptr<StreamCaller> caller);
  // The caller of a stream cannot take more for now, or can again; a few pieces may still come.
  void backpressure(CallId call, bool full);
  // The call is answered as cancelled, unless it has been answered already.
  void cancel(CallId call);

  // The relay's Prometheus text. Waits for the driver's thread.
  std::string metrics();
  // Aborts what is under way, answers every pending call as cancelled, joins the thread. Not from
  // the driver's thread. Again: nothing.
  void close();

  bool started() const;  // its thread runs, or ran until close()
  bool forked() const;

 private:
  struct Core;
  explicit Driver(std::unique_ptr<Core> core);
  template <typename Caller>
  Result<CallId> submit_for(relay::Request&& request, Caller&& caller);
  std::unique_ptr<Core> core_;
};

// For a relay whose configuration names no seed.
uint64_t draw_seed();

}  // namespace keel::net
