#pragma once
// What the relay needs to know of a request, read in one look over the client's bytes: no document
// is built and nothing but the model's name is copied. The spans point into the body that was read
// and are where splices go, so that every other byte stays the client's own.

#include "base/body.hpp"
#include "base/result.hpp"
#include "base/vocabulary.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel::wire {

enum class MaxTokensField : uint8_t { none, max_tokens, max_completion_tokens };
std::string_view name_of(MaxTokensField field);  // "" for none

// The parts of the input bound that are not bytes of text, in tokens. A bound may be loose (it only
// sizes a hold) but must not be low. No request is billed more input than its model's context, so
// a caller that knows the context may take the smaller of the two.
namespace bound {
// Once per request: the reply's priming (3, OpenAI cookbook "How to count tokens with tiktoken"),
// and the system text that some chat templates add (gpt-oss "harmony" about 70, Llama 3 about 40).
inline constexpr int64_t kPerRequest = 128;
// Per message: 3 or 4 in the cookbook, 5 in Llama 3's template, 1 more for a name.
inline constexpr int64_t kPerMessage = 8;
// Once when tools are offered: the text a provider adds about them (Anthropic's pricing page: 530
// tokens at most).
inline constexpr int64_t kToolsPreamble = 600;
// Per tool, besides its JSON: 7 to 10 before and 12 behind it in the cookbook.
inline constexpr int64_t kPerTool = 32;
// Per image: the dearest rule known is gpt-4o-mini's 2,833 + 5,667 per tile of 512 pixels, eight
// tiles at most (OpenAI, "Images and vision": 48,169).
inline constexpr int64_t kPerImage = 49'152;
// Audio is billed by time: at most 32 tokens a second (Gemini; OpenAI 10), and no codec in use
// packs a second into fewer than 500 base64 characters (3 kbit/s): a token per 8 characters
// is twice that rate.
inline constexpr int64_t kAudioCharactersPerToken = 8;
inline constexpr int64_t kPerAudio = 64;
// Documents and videos, and anything that is only named by an id: nothing in the request says how
// many tokens they are, so the largest context sold today.
inline constexpr int64_t kPerOpaque = 2'097'152;
// Per embeddings input: the marks around it (BERT's [CLS] and [SEP]).
inline constexpr int64_t kPerInput = 4;
}  // namespace bound

struct Facts {
  Operation operation = Operation::chat;
  std::string model;  // as asked, unescaped
  Span model_value;   // the JSON string with its quotes; empty if absent
  Span insert_at;     // zero-length, right behind the opening brace: where a new member goes, with
                      // a comma behind it unless the object is empty
  bool object_is_empty = false;

  // The client's own field and its value (which may be `null`: then max_output_tokens is absent but
  // the value is what a clamp must replace). Both fields at once are refused.
  MaxTokensField max_tokens_field = MaxTokensField::none;
  Span max_tokens_value;
  std::optional<int64_t> max_output_tokens;  // per choice; 0 for embeddings
  int64_t choices = 1;                       // n

  // Upper bound for tokenizers on bytes: UTF-8 bytes of all text plus the constants above; a
  // tokenizer that normalises (NFKC) wants a factor on it. And the plain guess, bytes / 4.
  int64_t input_tokens_bound = 0;
  int64_t input_tokens_estimate = 0;

  bool stream = false;
  bool include_usage = false;   // stream_options.include_usage
  bool deterministic = false;   // temperature 0 or a seed; embeddings always
  bool asks_tools = false;      // tools or functions offered
  bool asks_schema = false;     // response_format json_schema, or a strict tool
  bool asks_images = false;     // an image in a message
  bool asks_audio = false;      // audio in a message, or asked for as output
  bool asks_reasoning = false;  // reasoning_effort other than "none", `reasoning`, `thinking`
  // store, background, conversation, previous_response_id, tools the provider runs, files by id:
  // repeated only where the first send was surely not billed (SEMANTICS A2).
  bool side_effects = false;
  bool cacheable = true;  // false: a repeated nested key, or side effects

  Span first_message_text;  // the first message's content with its quotes, if it is a string
};

inline constexpr int kDepthMax = 64;                        // nesting of a request body
inline constexpr size_t kModelBytesMax = 512;               // of a model's name
inline constexpr int64_t kOutputTokensMax = 2'147'483'647;  // of max_tokens
inline constexpr int64_t kChoicesMax = 1024;                // of n

// Error code "invalid_request", `where` a path like "messages[2].content": not JSON or not UTF-8,
// not an object, a repeated top-level key, model missing or no string, max_tokens or n no positive
// integer (1e2 is one, 1.5 is none), messages or input missing, nested too deep, values beyond the
// limits above. What else may be wrong with a request is for its provider to say.
Result<Facts> read_facts(Operation operation, const Body& body);

// A JSON string literal of valid UTF-8 text.
std::string json_quote(std::string_view text);

}  // namespace keel::wire
