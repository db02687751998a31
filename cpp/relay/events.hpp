#pragma once
// Everything that can happen to a relay and everything it can ask a driver to do. What a driver
// must be able to do can be read here: send and abort an attempt, probe a provider, answer a
// caller, pass on a notice, and call again at wake_at().

#include "base/body.hpp"
#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "relay/trace.hpp"
#include "wire/facts.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace keel::relay {

// ---- events: what happens -----------------------------------------------------------------------

// A caller's request. The driver picks the id; it must be new.
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
  bool no_downgrade = false;
};
struct Cancel {
  CallId call = 0;
};
// Request bytes begin to leave. Before this an attempt is a try, from here on it is a send.
struct Sent {
  AttemptId attempt = 0;
};
// The exchange is over. `reply` holds the body of a usable answer or of an error reply.
struct Finished {
  AttemptId attempt = 0;
  Outcome outcome;
  Body reply;
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
// wake_at() has come. Carries out one thing that is due; a driver sends it while wake_at() <= now.
struct Wake {};

using Event = std::variant<Request, Cancel, Sent, Finished, Probed, WallClock, Wake>;

// ---- actions: what to do ------------------------------------------------------------------------

struct Send {
  CallId call = 0;
  AttemptId attempt = 0;
  TargetIndex target = 0;
  std::optional<KeyIndex> key;  // nothing: the provider asks for none
  Operation operation = Operation::chat;
  std::optional<int64_t> max_output_tokens;  // spliced in: a clamp, or a default where none is set
  SplicedBody body;
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
};

struct Answer {
  AnswerKind kind = AnswerKind::ok;
  int status = 200;
  Body body;         // the provider's bytes: the answer, or its last error
  std::string code;  // our error code, or the provider's
  std::string message;
  TargetIndex target = 0;  // who answered; meaningful when `from_target`
  bool from_target = false;
  NanoUsd cost;
  Usage usage;
  int sends = 0;
  int tries = 0;
  bool cached = false;
  Duration age;                    // of a cached answer
  std::string downgraded;          // "from->to (reason)", empty if not
  std::optional<int64_t> clamped;  // max_tokens after a clamp
  std::optional<Duration> retry_after;
  std::optional<bool> should_retry;
  Verdict last_verdict;
  std::shared_ptr<const Trace> trace;
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

using Action = std::variant<Send, Abort, Probe, AbortProbe, Respond, Tell>;
using Actions = std::vector<Action>;

std::string_view name_of(AnswerKind kind);
std::string_view name_of(Notice::Kind kind);

}  // namespace keel::relay
