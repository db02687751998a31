#pragma once
// Provider error bodies and our own: what a provider says is read from the shapes in use (OpenAI's,
// Anthropic's, Gemini's, a bare string, flat words) and brought to ErrorCode by SEMANTICS A2.

#include "base/vocabulary.hpp"
#include "wire/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace keel::wire {

// The words of one error, each cut to kWordBytesMax or kMessageBytesMax.
struct ProviderError {
  bool present = false;
  std::string type;  // "rate_limit_error"; Gemini's status, "RESOURCE_EXHAUSTED"
  std::string code;  // "insufficient_quota"; a number as its digits
  std::string message;
  std::string detail;    // Anthropic's details.error_code, Gemini's reason, Azure's innererror.code
  bool per_day = false;  // Gemini: the quota that was passed is a daily one
  std::optional<Duration> retry_after;  // Gemini: RetryInfo.retryDelay
};

inline constexpr size_t kWordBytesMax = 128;
inline constexpr size_t kMessageBytesMax = 2048;
inline constexpr int kReplyDepthMax = 64;

// Reads the value of an `error` member: an object, a string, null (then nothing is present).
void read_error_value(json::Cursor& cursor, ProviderError& out);
// Reads one member of a reply beside `error`, in case the words stand there (Mistral, FastAPI).
void read_flat_error_member(json::Cursor& cursor, const json::String& key, ProviderError& out);
// Reads a whole error body. Nothing present if it is no JSON.
ProviderError read_error_body(std::string_view body);

// A2's column of codes. Its named codes count under any status. Other words (invalid_request_error,
// server_error ...) only where the status says the same, or where there is no status to go by: an
// error inside a 2xx, whose numeric code then stands for the status.
ErrorCode code_of(const ProviderError& error, int status);

// The error's words and code become the outcome's.
void take_words(const ProviderError& error, Outcome& outcome);

// {"error": {"message", "type", "param", "code"}}; an empty param or code is null.
std::string openai_error_body(std::string_view type, std::string_view code,
                              std::string_view message, std::string_view param = {});

// At most `bytes` of UTF-8 text, no character cut in two.
std::string_view cut_utf8(std::string_view text, size_t bytes);

}  // namespace keel::wire
