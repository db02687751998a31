#pragma once
// The loop's side of a driver: gives the relay its events one at a time and carries out what it
// asks for. Several may share a loop.

#include "io/loop.hpp"
#include "net/curl_upstream.hpp"
#include "net/driver.hpp"
#include "net/driver_plan.hpp"
#include "net/resolver.hpp"
#include "relay/relay.hpp"
#include "wire/stream.hpp"

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace keel::net {

// Belongs to the loop's thread: made, used and destroyed there, or while that does not run.
// Completions and stream callers are called there, and may call all of this but the destructor.
class Conductor final : private UpstreamListener {
 public:
  // Plan and relay outlive it; the relay was built from the plan's configuration and hears of
  // nobody else.
  Conductor(io::Loop& loop, const DriverPlan& plan, relay::Relay& relay);
  ~Conductor() override = default;

  // Tells the relay the time of day; once, first.
  void begin();
  // Who submits picks request.call, new in the relay's life. `done` hears the answer whole, the
  // caller in pieces if the request wants a stream; perhaps before this returns.
  void submit(relay::Request&& request, Completion&& done);
  void submit(relay::Request&& request, std::shared_ptr<StreamCaller> caller);
  void cancel(CallId call);
  // Stops the pieces of a stream, but for what is on its way, or lets them come again.
  void backpressure(CallId call, bool full);
  // Cancels every call; afterwards each has been answered. What is still under way, because its
  // connection is worth an orderly end, goes with this object.
  void end();

  // To look at: metrics, readiness, what is open.
  const relay::Relay& relay() const { return relay_; }
  size_t open_calls() const { return callers_.size(); }

 private:
  struct Pending {  // an attempt under way
    TargetIndex target = 0;
    Operation operation = Operation::chat;
    bool stream = false;                         // a 2xx is to be reported event by event
    std::unique_ptr<wire::StreamReader> reader;  // where the reply is a stream
    relay::Fields fields;                        // of the reply's head, until they were told
  };
  struct Caller {  // one of the two
    Completion done;
    std::shared_ptr<StreamCaller> stream;
  };

  void feed(relay::Event event);
  void feed_one(relay::Event&& event);
  void wake(Instant now);
  void tell_wall_clock(Instant now);

  void carry_out(relay::Send& send);
  void carry_out(relay::Abort& abort);
  void carry_out(relay::Pause& pause);
  void carry_out(relay::Deliver& piece);
  void carry_out(relay::Probe& probe);
  void carry_out(relay::AbortProbe& abort);
  void carry_out(relay::Respond& respond);
  void carry_out(relay::Tell& tell);
  void carry_out(relay::Refreshed& refreshed);
  void carry_out(relay::Lease& lease);

  void on_sent(ExchangeId exchange) override;
  BodyWay on_head(ExchangeId exchange, int status, const Headers& headers) override;
  void on_bytes(ExchangeId exchange, std::string&& bytes) override;
  void on_end(ExchangeId exchange, HttpReply&& reply) override;
  void feed_events(AttemptId attempt);
  void finish(AttemptId attempt, HttpReply&& reply);
  relay::Finished read_reply(const Pending& pending, HttpReply&& reply) const;

  const DriverPlan::Provider& provider_of(TargetIndex target) const;
  Secret key_of(ProviderIndex provider, std::optional<KeyIndex> key) const;

  const DriverPlan& plan_;
  relay::Relay& relay_;
  Resolver resolver_;
  CurlUpstream upstream_;
  io::Timer wake_timer_;  // after the upstream's, whose word on a late connection is more exact
  io::Timer wall_timer_;
  std::unordered_map<CallId, Caller> callers_;
  std::unordered_map<AttemptId, Pending> attempts_;
  std::deque<relay::Event> events_;
  relay::Actions actions_;
  std::vector<StreamEvent> stream_events_;  // read at once, fed one by one
  Instant now_;                             // of the event whose actions are carried out
  bool feeding_ = false;
};

}  // namespace keel::net
