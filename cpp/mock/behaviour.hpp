#pragma once
// How the mock answers one request. Every way of scripting it (the script's default and rules, a
// model name, a header) is a JSON object with the keys below, laid over the one before it.

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace keel::mock {

// A fixed value, or log-normal given by its median and its 99th percentile.
struct Spread {
  double p50 = 0;
  double p99 = 0;

  double draw(Random& random) const;
};

enum class Fault : uint8_t {
  none,
  close,  // FIN instead of an answer
  reset,  // RST before any byte of an answer
  reset_after_head,
  reset_mid_body,  // after `cut_after_tokens` of a stream, half of a plain body
  truncated,       // as reset_mid_body, but FIN: content-length larger than sent, or no last chunk
  silence,         // never a byte
  head_then_silence,  // a head (and `cut_after_tokens` of a stream), then nothing
  empty,              // 200 with an empty body
  no_choices,         // 200 with `choices: []`
  error_inside,       // 200 with an error object, or as a stream's event
  unparsable,         // 200 whose body is cut JSON, or such an event
};

enum class Reuse : uint8_t { keep, idle, first_byte };
enum class Outage : uint8_t { none, accept_and_close, refuse };
enum class UsageMode : uint8_t { honest, missing, null, zero, over };

struct ErrorReply {
  int status = 500;
  std::string message;
  std::optional<std::string> type;
  std::optional<std::string> code;
  std::optional<double> retry_after;       // seconds, as written
  std::optional<double> retry_after_date;  // seconds from now, sent as an HTTP date
  std::optional<int64_t> retry_after_ms;
  std::optional<bool> should_retry;
};

struct Capacity {
  int64_t concurrent = 0;  // 0: no limit
  int64_t rpm = 0;         // requests per window
  double window_s = 60;
  bool per_key = true;
};

struct Behaviour {
  Spread latency_ms;              // before the first byte of any answer
  std::optional<Spread> ttft_ms;  // a stream's instead of latency_ms
  double tokens_per_second = 0;   // 0: at once
  Spread out_tokens{16, 16};
  std::optional<ErrorReply> error;
  Fault fault = Fault::none;
  int64_t cut_after_tokens = -1;  // -1: half of the reply; 0 for head_then_silence, error_inside
  Reuse close_on_reuse = Reuse::keep;
  int64_t reuse_limit = 1;   // requests a connection serves before it is closed
  double reuse_idle_ms = 0;  // idle: wait this long after the last reply
  Outage outage = Outage::none;
  Capacity capacity;
  UsageMode usage = UsageMode::honest;
  bool bills_errors = false;  // error replies cost as much as answers
  bool bills_faults = true;   // so do broken ones: the tokens were made
  std::string content;        // fixed reply text instead of the made one
  std::string finish_reason;
};

// Unknown keys and wrong types are refused with their path. Error code `bad_script`.
Result<Behaviour> parse_behaviour(const nlohmann::json& from, const std::string& where);

// The words of a model name or of the header `x-mock`, as a patch: "503", "latency-200ms",
// "429-retry-after-2", "reset-mid-body", ... (cpp/mock/README.md lists them).
// Words are joined by '+'. Error code `bad_word` names the word.
Result<nlohmann::json> patch_of_words(std::string_view words);

}  // namespace keel::mock
