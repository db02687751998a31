#pragma once
// The loop's side of a driver: gives the relay its events one at a time and carries out what it
// asks for. Belongs to the loop's thread.

#include "base/result.hpp"
#include "io/loop.hpp"
#include "net/curl_upstream.hpp"
#include "net/driver.hpp"
#include "net/resolver.hpp"
#include "relay/relay.hpp"
#include "wire/exchange.hpp"

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace keel::net {

// What a driver's options and the configuration's URLs come to, checked before anything runs.
struct DriverPlan {
  struct Provider {
    std::shared_ptr<const Endpoint> endpoint;
    const wire::Dialect* dialect = nullptr;
  };
  std::shared_ptr<const relay::Config> config;
  std::vector<Provider> providers;  // as in the configuration
  Redirections redirections;
  std::string ca_file;
  std::function<void(const relay::Notice&)> on_notice;
};
Result<DriverPlan> plan_driver(std::shared_ptr<const relay::Config> config, DriverOptions options);

class Conductor final : private UpstreamListener {
 public:
  Conductor(io::Loop& loop, const DriverPlan& plan, relay::Relay& relay);
  ~Conductor() override = default;

  // Tells the relay the time of day; once, first.
  void begin();
  void submit(relay::Request&& request, Completion&& done);
  void cancel(CallId call);
  // Cancels every call; afterwards each has been answered and nothing is under way.
  void end();

 private:
  struct Pending {  // an attempt under way
    TargetIndex target = 0;
    Operation operation = Operation::chat;
  };

  void feed(relay::Event event);
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

  void on_sent(ExchangeId exchange) override;
  void on_end(ExchangeId exchange, HttpReply&& reply) override;
  relay::Finished read_reply(const Pending& pending, HttpReply&& reply) const;

  const DriverPlan::Provider& provider_of(TargetIndex target) const;
  Secret key_of(ProviderIndex provider, std::optional<KeyIndex> key) const;

  const DriverPlan& plan_;
  relay::Relay& relay_;
  Resolver resolver_;
  CurlUpstream upstream_;
  io::Timer wake_timer_;  // after the upstream's, whose word on a late connection is more exact
  io::Timer wall_timer_;
  std::unordered_map<CallId, Completion> callers_;
  std::unordered_map<AttemptId, Pending> attempts_;
  std::deque<relay::Event> events_;
  relay::Actions actions_;
  Instant now_;  // of the event whose actions are carried out
  bool feeding_ = false;
};

}  // namespace keel::net
