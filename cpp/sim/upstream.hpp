#pragma once
// A seeded provider in virtual time: for every send it draws how the exchange goes, when, and what
// the provider truly bills for it. Of plain replies it makes the outcomes directly, without bytes;
// of streams it makes the bytes, because what matters of them is what is where in them.

#include "base/money.hpp"
#include "base/random.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/stream_plan.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace keel::sim {

// What a provider can do to a send. Every row of SEMANTICS A2 that a first release can meet.
enum class Fault : uint8_t {
  none,
  no_usage,        // a good answer that does not say its tokens
  filtered,        // 200, finish_reason content_filter
  refused,         // connect, DNS or TLS fails
  connect_hangs,   // nothing ever leaves
  reset,           // broken after the request left
  silence,         // no answer, ever
  throttled,       // 429 with a delay
  throttled_bare,  // 429 without one
  slow_down,
  quota,              // insufficient_quota
  unauthorized,       // 401
  forbidden,          // 403
  no_such_model,      // 404
  bad_request,        // 400
  too_long,           // 400 context_length_exceeded
  content_policy,     // 400 content policy
  server_error,       // 500
  unavailable,        // 503 with a delay
  gateway_timeout,    // 504
  overloaded,         // 529
  unsupported,        // 501
  redirect,           // 302
  error_inside,       // 200 with an error object
  empty,              // 200 without a body
  told_not_to_retry,  // 503 with x-should-retry: false
  overrun,            // a good answer, longer than max_tokens allowed
};
inline constexpr int kFaultCount = 27;

// What a fault forbids, as the checker knows it; written apart from the classifier on purpose.
bool ends_the_request(Fault fault);     // no send may follow
bool ends_the_target(Fault fault);      // this target not again in this request
bool refuses_the_content(Fault fault);  // content policy: nobody may be asked, or no such model
bool answers(Fault fault);              // the caller gets a 200 of it
bool never_billed(Fault fault);

// What a driver reports of a fault. `delay` is what the provider states, if it states one.
Outcome outcome_of(Fault fault, const Usage& usage, Duration delay);

// Relative weights of the faults; all zero counts as none only.
struct FaultMix {
  std::array<uint32_t, kFaultCount> weight{};
  uint32_t& operator[](Fault fault) { return weight[static_cast<size_t>(fault)]; }
  Fault draw(Random& random) const;
};

// From `from` on (until the next phase) a provider behaves like this.
struct Phase {
  Instant from;
  FaultMix mix;
  double slowness = 1.0;  // multiplies latencies
  EndingMix endings;      // of the streams that begin well
};

struct ProviderModel {
  Duration connect = milliseconds(20);
  Duration first_byte_p50 = milliseconds(400);  // log-normal
  double spread = 0.5;                          // sigma of its logarithm
  double tokens_per_second = 80;
  bool pauses = true;         // its streams do, now and then, for up to half a minute
  std::vector<Phase> phases;  // ascending; the first from the beginning
  int64_t capacity = 0;       // at once, beyond it honest 429s; 0: no limit
  bool probe_answers = true;  // while not refused or silent, the free call works
  Manner manner = Manner::same;
};

// How one exchange will go. Absent instants never come.
struct Exchange {
  Fault fault = Fault::none;
  std::optional<Instant> sent_at;
  std::optional<Instant> finished_at;
  Outcome outcome;
  Usage true_usage;  // what the provider bills, whether it says so or not
  // Of a stream: how it goes, if it comes to one; then nobody knows yet when it is finished. And
  // the answer that it was asked to go on with, and whether it repeats that.
  std::shared_ptr<const StreamPlan> stream;
  std::string begun;
  bool echoes = false;
};

// What a provider reads in a request, and how much a truthful one can bill for it.
struct Asked {
  int64_t in = 0;
  int64_t in_bound = 0;
  int64_t max_out = 0;
  int64_t choices = 1;
  bool tools = false;
  std::string begun;
  bool echoes = false;
  // What the question is, for providers that answer it and do not invent their own.
  std::optional<int64_t> says;  // so many tokens
  uint64_t identity = 0;        // equal for questions that are equal; 0: like no other
  bool deterministic = false;
};

// A send that leaves at once and comes back after `takes` with this fault.
Exchange exchange_of(Fault fault, const Usage& usage, Duration takes, Instant now,
                     Duration delay = seconds(1));

// The providers' side, as the driver asks for it.
class Providers {
 public:
  virtual ~Providers() = default;
  virtual Exchange begin(const relay::Send& send, const Asked& asked, Instant now) = 0;
  virtual void end(TargetIndex target) = 0;  // finished or aborted: frees its place
  // `takes` is Duration::max() where nothing ever comes.
  virtual relay::Probed probe(const relay::Probe& probe, Instant now, Duration& takes) = 0;
};

// Hostile nights' providers: they also bill what nobody would expect.
class Upstream final : public Providers {
 public:
  Upstream(const relay::Config& config, std::vector<ProviderModel> models, uint64_t seed);

  Exchange begin(const relay::Send& send, const Asked& asked, Instant now) override;
  void end(TargetIndex target) override;
  relay::Probed probe(const relay::Probe& probe, Instant now, Duration& takes) override;

 private:
  const Phase& phase_of(ProviderIndex provider, Instant now) const;
  Duration log_normal(Duration p50, double sigma);
  // A 200 that is a stream, instead of the plain reply it would have been.
  void answer_in_a_stream(const relay::Send& send, const Asked& asked, const Phase& phase,
                          Exchange& out);
  std::vector<Said> answer_to(const relay::Send& send, const Asked& asked);

  const relay::Config& config_;
  std::vector<ProviderModel> models_;
  std::vector<int64_t> in_flight_;
  Random random_;
};

}  // namespace keel::sim
