#pragma once
// Why each decision was made: one line from every stage that chooses, one record per attempt. The
// text is written for a tired person; the records are what the ledger, the log and metrics agree
// on.

#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"

#include <optional>
#include <string>
#include <string_view>
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
  std::string cache;                  // hit, miss, bypass or joined; empty: never looked
  std::string identity;               // only with a request log: log_identity's
  std::string tags;                   // a JSON object or empty; only with a request log
  Instant began;
  std::optional<Instant> first_token;  // of a stream: when its first content was delivered
  Instant ended;
  Duration waited;  // for the answer to an equal request, before anything was asked here
  std::vector<TraceLine> lines;
  std::vector<AttemptRecord> attempts;

  void say(Stage stage, std::string text, Instant now) {
    lines.push_back({now, stage, std::move(text)});
  }
  // One screen of text: every line with its time since the request began.
  std::string explain() const;
  // The same for programs: an object with every line and attempt, times in milliseconds since the
  // request began. Names, numbers and labels as in the request log; no secret.
  std::string to_json() const;
  std::string attempts_json() const;  // its `attempts` alone, an array

  friend bool operator==(const Trace&, const Trace&) = default;
};

}  // namespace keel::relay
