#pragma once
// The words every layer shares: identifiers, token usage, what came of an exchange with a provider
// (Outcome) and what that means (Verdict). SEMANTICS A2 is the table behind Class and ErrorCode.

#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel {

using CallId = uint64_t;     // one client request
using AttemptId = uint64_t;  // one try at one target; unique in a relay's life
using ProbeId = uint64_t;    // one active health check

// Indices into the effective configuration.
using ProviderIndex = uint32_t;
using TargetIndex = uint32_t;
using RouteIndex = uint32_t;
using KeyIndex = uint32_t;
using AccountIndex = uint32_t;

enum class Operation : uint8_t { chat, embeddings, completions };

// How a model goes on with an answer that was begun elsewhere: its last message is the assistant's.
enum class Prefill : uint8_t {
  none,           // it would begin a new answer, or refuse
  plain,          // the message alone is enough
  prefix,         // ... with `"prefix": true` in it (Mistral, DeepSeek's beta)
  prefix_echoed,  // likewise, and the reply repeats what it was given
  final_message,  // continue_final_message and add_generation_prompt (vLLM)
};
std::string_view name_of(Prefill prefill);

// Tokens as the provider counted them. `cached` and `cache_write` are part of `in`, `reasoning` is
// part of `out` (OpenAI's convention; other dialects are converted to it in wire/).
struct Usage {
  int64_t in = 0;
  int64_t cached = 0;
  int64_t cache_write = 0;
  int64_t out = 0;
  int64_t reasoning = 0;

  friend constexpr bool operator==(const Usage&, const Usage&) = default;
};

// How an exchange with a provider ended, before anybody judges it.
enum class Ended : uint8_t {
  not_sent,   // DNS, connect or TLS failed: no byte of the request left
  broken,     // reset or truncated after request bytes left
  silent,     // a time limit passed without a complete answer
  replied,    // a complete reply with a status
  unusable,   // a complete 2xx that is no answer: error inside, empty, unparsable, no choices
  cancelled,  // we closed it because the caller went away
};

// A provider's own error words, brought to one list. `none`: no code, or one the table does not
// name.
enum class ErrorCode : uint8_t {
  none,
  rate_limited,     // rate_limit_exceeded, rate_limit_error, RESOURCE_EXHAUSTED per minute
  slow_down,        // OpenAI slow_down, Anthropic acceleration limit
  exhausted,        // insufficient_quota, credit, spend and per-day limits
  context_length,   // context_length_exceeded, prompt is too long, input token count
  content_policy,   // content_policy_violation, content_filter as an error
  overloaded,       // overloaded_error
  timeout,          // timeout_error, DEADLINE_EXCEEDED
  server_error,     // server_error, api_error, internal_error
  authentication,   // authentication_error, invalid_api_key
  permission,       // permission_error
  not_found,        // model_not_found, not_found_error
  invalid_request,  // invalid_request_error and other complaints about the request itself
};

// What the provider asked us to do about a failure.
struct RetryHint {
  std::optional<Duration> after;     // the server's delay, parsed and sane, not yet capped
  std::optional<bool> should_retry;  // x-should-retry
};

struct Outcome {
  Ended ended = Ended::replied;
  int status = 0;  // 0 when no complete head came
  ErrorCode code = ErrorCode::none;
  bool content_filtered = false;  // a 2xx whose finish_reason is content_filter
  RetryHint hint;
  std::optional<Usage> usage;
  std::string error_type;  // the provider's own words, for the client and the trace
  std::string error_code;
  std::string message;
};

// What to do about an attempt: the first column of the table in SEMANTICS A2.
enum class Class : uint8_t {
  ok,
  not_sent,
  broken,
  transient,
  throttled_key,
  throttled_pool,
  exhausted,
  key_dead,
  key_model_denied,
  fatal,
  context,
  policy,
  provider_overload,
  silent,
  unsupported,
  cancelled,  // the client went away or the deadline passed: nobody's fault
};
inline constexpr int kClassCount = 16;
std::string_view name_of(Class c);

// May the provider have billed this attempt? (SEMANTICS A2: no settles at 0, yes at the usage,
// maybe at the full hold.)
enum class Billed : uint8_t { no, yes, maybe };
std::string_view name_of(Billed b);

// What the attempt says of its target's health (SEMANTICS A5).
enum class Effect : uint8_t { success, failure, neutral };

struct Verdict {
  Class cls = Class::ok;
  Billed billed = Billed::maybe;
  Effect effect = Effect::neutral;
  bool stop_target = false;  // x-should-retry:false: this target is over for this request
};

}  // namespace keel
