#pragma once
// Everything that can happen to a relay and everything it can ask a driver to do. What a driver
// must be able to do can be read here: send and abort an attempt, probe a provider, answer a
// caller, pass on a notice, and call again at wake_at().

#include "base/body.hpp"
#include "base/money.hpp"
#include "base/stream.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/escrow.hpp"
#include "relay/trace.hpp"
#include "wire/facts.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace keel::relay {

using Fields = std::vector<std::pair<std::string, std::string>>;  // of a head: names in lower case

// ---- events: what happens -----------------------------------------------------------------------

// From here on call ids are the relay's own: what it asks for itself.
inline constexpr CallId kOwnCalls = CallId{1} << 63;

// A caller's request. The driver picks the id; it must be new, and below kOwnCalls.
struct Request {
  CallId call = 0;
  std::string id;  // x-request-id
  Body body;
  wire::Facts facts;
  std::string tenant;                  // empty: the relay's own
  Duration timeout = Duration::max();  // the caller's own limit, from now
  bool no_cache = false;               // skips the look-up, still stores
  bool no_store = false;               // neither
  Duration max_age = Duration::max();  // no older answer than this
  std::string cache_namespace;         // answers are shared within one only
  bool no_downgrade = false;
  std::string tags;  // of the client's head, for the request log (wire/tags)
  // What the client's head says to the provider, by the allow-list of CONVENTIONS.md; kept for
  // every attempt.
  std::shared_ptr<const Fields> forward;
};
// The caller went away, or wants no more.
struct Cancel {
  CallId call = 0;
};
// The caller of a stream cannot take more for now, or can again.
struct Backpressure {
  CallId call = 0;
  bool full = false;
};
// Request bytes begin to leave. Before this an attempt is a try, from here on it is a send.
struct Sent {
  AttemptId attempt = 0;
};
// The next event of a 2xx that is a stream, in order.
struct Streamed {
  AttemptId attempt = 0;
  StreamEvent event;
  Fields fields;  // with an exchange's first event only: of the reply's head, as in Finished
};
// The exchange is over. `reply` holds the body of a usable answer or of an error reply; of a stream
// nothing, and the outcome says only how the transport ended (replied, broken) and the status.
struct Finished {
  AttemptId attempt = 0;
  Outcome outcome;
  Body reply;
  Fields fields;  // of the reply's head, what a client may see: upstream request id, rate limits
  bool reused_connection = false;
};
struct Probed {
  ProbeId probe = 0;
  bool reachable = false;  // any 2xx to 4xx
  int status = 0;          // 0: no reply
};
// The wall clock, told at start and from time to time: calendar windows of budgets need it.
struct WallClock {
  int64_t unix_ns = 0;
};
// What the authority over a shared account said (engine/escrow). It may come late, twice or never.
struct Leased {
  engine::LeaseGrant grant;
};
// wake_at() has come. Carries out one thing that is due; a driver sends it while wake_at() <= now.
struct Wake {};

using Event = std::variant<Request, Cancel, Backpressure, Sent, Streamed, Finished, Probed,
                           WallClock, Wake, Leased>;

// ---- actions: what to do ------------------------------------------------------------------------

struct Send {
  CallId call = 0;
  AttemptId attempt = 0;
  TargetIndex target = 0;
  std::optional<KeyIndex> key;  // nothing: the provider asks for none
  Operation operation = Operation::chat;
  std::optional<int64_t> max_output_tokens;  // spliced in: a clamp, or a default where none is set
  SplicedBody body;
  bool stream = false;                    // a 2xx is to be reported by Streamed
  std::shared_ptr<const Fields> forward;  // beside the dialect's own headers
};
// Stop reading the exchange's reply, or go on; what was read before may still be reported.
struct Pause {
  AttemptId attempt = 0;
  bool pause = true;
};
// Close the exchange upstream; no event about this attempt is wanted any more.
struct Abort {
  AttemptId attempt = 0;
};
struct Probe {
  ProbeId probe = 0;
  ProviderIndex provider = 0;
  std::optional<KeyIndex> key;
  Duration limit;  // the relay itself gives up then; the driver may use it as its own limit too
};
struct AbortProbe {
  ProbeId probe = 0;
};

// Ask the authority over a shared account; report what it says as Leased. Only a relay with shared
// accounts asks for it.
struct Lease {
  engine::LeaseAsk ask;
};

enum class AnswerKind : uint8_t {
  ok,
  invalid_request,
  unknown_model,
  unknown_tenant,
  account_frozen,
  rate_limited,
  request_too_large,
  budget_exceeded,
  policy_refused,
  no_target,
  deadline_exceeded,
  upstream_error,
  cancelled,
  stream_interrupted,  // after content was delivered: nothing could go on with it
};

struct Answer {
  AnswerKind kind = AnswerKind::ok;
  int status = 200;
  Body body;         // the provider's bytes: the answer, or its last error
  std::string code;  // our error code, or the provider's
  std::string message;
  std::string refused_by;  // the policy that refused it: its id
  TargetIndex target = 0;  // who answered; meaningful when `from_target`
  bool from_target = false;
  NanoUsd cost;
  Usage usage;
  int sends = 0;
  int tries = 0;
  bool cached = false;             // a stored answer, or one that another call was given
  bool stale = false;              // ... past its time, by a rule that the route names
  Duration age;                    // of a cached answer
  std::string downgraded;          // "from->to (reason)", empty if not
  std::optional<int64_t> clamped;  // max_tokens after a clamp
  std::optional<Duration> retry_after;
  std::optional<bool> should_retry;
  Verdict last_verdict;
  Fields fields;          // of the provider's reply, for the client
  bool streamed = false;  // pieces were delivered before this: the body is empty
  std::shared_ptr<const Trace> trace;
};

// What is known when a stream begins: a gateway writes its head from it.
struct StreamHead {
  TargetIndex target = 0;
  int sends = 0;
  std::string_view cache;  // hit, stale, miss, bypass or joined; empty: never looked
  Duration age;            // of a cached answer
  std::string downgraded;
  std::optional<int64_t> clamped;
  Fields fields;
};
// The next bytes of a streamed answer: whole events. The first one brings the head. Respond follows
// the last: with kind ok everything was delivered, the end marker included; with any other the
// client is owed an error event in its own dialect, and no end marker.
struct Deliver {
  CallId call = 0;
  std::string bytes;
  std::shared_ptr<const StreamHead> head;  // with the first only
};
struct Respond {
  CallId call = 0;
  Answer answer;
};

// What the relay tells (SEMANTICS A13): each once per window.
struct Notice {
  enum class Kind : uint8_t {
    budget_alert,
    budget_exhausted,
    breaker,
    key_dead,
    key_back,
    key_benched,
    downgrade_began,
    downgrade_ended,
    cache_only_began,
    policy_failed,
    overrun,
  };
  Kind kind = Kind::breaker;
  std::string subject;  // an account, target or key label
  std::string text;     // one sentence
};
struct Tell {
  Notice notice;
};

// The relay asked for itself, to have a fresh answer in its cache, and this is how it went: for the
// request log, which would lack what was sent and posted. The trace's id is that of the request
// that was given a stale answer, and ".refresh"; of a stream the body is all of it. Nobody waits.
struct Refreshed {
  CallId call = 0;
  Answer answer;
};

using Action =
    std::variant<Send, Abort, Pause, Probe, AbortProbe, Deliver, Respond, Tell, Refreshed, Lease>;
using Actions = std::vector<Action>;

std::string_view name_of(AnswerKind kind);
std::string_view name_of(Notice::Kind kind);

}  // namespace keel::relay
