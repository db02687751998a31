#pragma once
// Why each decision was made: one line from every stage that chooses, one record per attempt. The
// text is written for a tired person; the records are what the ledger, the log and metrics agree
// on.

#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "relay/choice.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace keel::relay {

enum class Stage : uint8_t {
  begin,
  admit,
  look_up,
  choose,
  attempt,
  classify,
  settle,
  retry,
  respond
};
std::string_view name_of(Stage stage);

struct TraceLine {
  Instant at;
  Stage stage = Stage::begin;
  std::string text;

  friend bool operator==(const TraceLine&, const TraceLine&) = default;
};

struct AttemptRecord {
  AttemptId id = 0;
  TargetIndex target = 0;
  std::string provider;
  std::string model;
  std::string key;  // the key's label, never the key
  Instant started;
  std::optional<Instant> sent;         // nothing: a try that was never a send
  std::optional<Instant> first_token;  // of a stream: when its first content came
  Instant ended;
  bool reused_connection = false;
  bool hedge = false;  // beside one that was late
  bool free = false;   // extra load that the route's budget of extra sends did not pay for
  int status = 0;
  Class cls = Class::ok;
  Billed billed = Billed::no;
  std::optional<Usage> usage;
  NanoUsd held;
  NanoUsd posted;
  bool estimated = false;  // posted without usage: the full hold

  friend bool operator==(const AttemptRecord&, const AttemptRecord&) = default;
};

struct Trace {
  std::string id;  // x-request-id
  std::string route;
  std::string tenant;
  std::string model_asked;
  std::string dialect = "openai";  // the caller's
  bool stream = false;
  int64_t tokens_in_estimate = 0;
  std::optional<int64_t> max_tokens;  // as asked
  std::optional<Duration> allowed;    // from its begin to its deadline; nothing: refused before
  std::string cache;     // hit, stale, miss, bypass or joined; refresh: of the relay's own; empty:
                         // never looked
  std::string identity;  // only with a request log: log_identity's
  std::string tags;      // a JSON object or empty; only with a request log
  Instant began;
  std::optional<Instant> first_token;  // of a stream: when its first content was delivered
  Instant ended;
  Duration waited;  // for the answer to an equal request, before anything was asked here
  std::vector<TraceLine> lines;
  std::vector<AttemptRecord> attempts;
  std::vector<Choice> choices;               // what was known whenever a target was to be chosen
  std::shared_ptr<const TargetNames> names;  // of the targets in them
  Duration paused;                           // between attempts: backoff, delays, a free target

  bool says_why = true;  // has lines; a simulation goes without them

  // `what` is a text, or what makes one: it is not made where nobody keeps it.
  template <typename What>
  void say(Stage stage, What&& what, Instant now) {
    if (!says_why) return;
    if constexpr (std::is_invocable_v<What>)
      lines.push_back({now, stage, what()});
    else
      lines.push_back({now, stage, std::forward<What>(what)});
  }
  // What is known of the targets now; the next line says what is made of it.
  template <typename What>
  void consider(What&& what) {
    if (!says_why) return;
    // Looked at again and again while it waits, with nothing said of it: the last look is kept.
    if (!choices.empty() && choices.back().line == lines.size()) choices.pop_back();
    choices.push_back(what());
    choices.back().line = lines.size();
  }
  void took(TargetIndex target, NanoUsd held) {
    if (choices.empty()) return;
    choices.back().taken = target;
    choices.back().held = held;
  }
  // One screen of text: every line with its time since the request began.
  std::string explain() const;
  // The same for programs: an object with every line and attempt, times in milliseconds since the
  // request began. Names, numbers and labels as in the request log; no secret.
  std::string to_json() const;
  std::string attempts_json() const;  // its `attempts` alone, an array

  friend bool operator==(const Trace&, const Trace&) = default;

 private:
  std::string summary() const;
};

}  // namespace keel::relay
