#pragma once
// What the relay needs to know of a request, read in one look over the client's bytes: no document
// is built and nothing but the model's name is copied. The spans point into the body that was read
// and are where splices go, so that every other byte stays the client's own.

#include "base/body.hpp"
#include "base/result.hpp"
#include "base/vocabulary.hpp"
#include "wire/json_text.hpp"  // json_quote, beside the facts for those who splice

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::wire {

enum class MaxTokensField : uint8_t { none, max_tokens, max_completion_tokens };
std::string_view name_of(MaxTokensField field);  // "" for none

struct Facts {
  Operation operation = Operation::chat;
  std::string model;  // as asked, unescaped
  Span model_value;   // the JSON string with its quotes; empty if absent
  Span insert_at;     // zero-length, right behind the opening brace: where a new member goes, with
                      // a comma behind it unless the object is empty
  bool object_is_empty = false;

  // The client's own field and its value (which may be `null`: then max_output_tokens is absent but
  // the value is what a clamp must replace, as with 0, which OpenAI refuses and others take for "no
  // limit"). Both fields at once are refused.
  MaxTokensField max_tokens_field = MaxTokensField::none;
  Span max_tokens_value;
  Span max_tokens_key;  // the field's name with its quotes; empty where both fields stand there
  std::optional<int64_t> max_output_tokens;  // per choice; 0 for embeddings
  int64_t choices = 1;                       // n; of completions best_of too, for every prompt

  // Upper bound for tokenizers on bytes (UTF-8 bytes of all text plus the constants in prompt.hpp);
  // a tokenizer that normalises (NFKC) wants a factor on it. And the plain guess, bytes / 4.
  int64_t input_tokens_bound = 0;
  int64_t input_tokens_estimate = 0;

  bool stream = false;
  bool include_usage = false;   // stream_options.include_usage
  bool deterministic = false;   // temperature 0 or a seed; embeddings always
  bool asks_tools = false;      // tools or functions offered
  bool asks_schema = false;     // response_format json_schema
  bool asks_images = false;     // an image in a message
  bool asks_audio = false;      // audio in a message, or asked for as output
  bool asks_reasoning = false;  // reasoning_effort other than "none", `reasoning`, `thinking`
  // store, background, conversation, previous_response_id, tools the provider runs, files by id:
  // repeated only where the first send was surely not billed (SEMANTICS A2).
  bool side_effects = false;
  bool cacheable = true;  // false: a repeated nested key, or side effects

  // Where a resumed or a metered stream's request is changed.
  Span messages_end;          // zero-length, before the closing bracket of `messages`
  bool prefilled = false;     // the last message is the assistant's: what it began is to be gone on
                              // with already
  Span stream_options_value;  // an object or null, or not for us to mend; empty if absent
  Span include_usage_value;   // within it; empty if absent
  // vLLM's two switches for going on with a begun answer, where the client set them itself.
  Span continue_final_value;
  Span generation_prompt_value;
  // Our own members: other models to fall back to (`models`, `fallbacks`), in order, and the bytes
  // to cut out of what goes upstream, each with the comma that goes with it.
  std::vector<std::string> fallbacks;
  std::vector<Span> ours;

  // The first message's content (of completions: the prompt) with its quotes, if it is a string.
  Span first_message_text;

  // What the request log takes for tags (see tags.hpp); empty if absent.
  Span user_value;
  Span metadata_value;
};

inline constexpr int kDepthMax = 64;                        // nesting of a request body
inline constexpr size_t kModelBytesMax = 512;               // of a model's name
inline constexpr int64_t kOutputTokensMax = 2'147'483'647;  // of max_tokens
inline constexpr int64_t kChoicesMax = 1024;                // of n

// Error code "invalid_request", `where` a path like "messages[2].content": not JSON or not UTF-8,
// not an object, a repeated top-level key, model missing or no string, max_tokens or n no positive
// integer (1e2 is one, 1.5 is none), messages, input or prompt missing, nested too deep, values
// beyond the limits above, fallbacks that are no names. What else may be wrong with a request is
// for its provider to say.
Result<Facts> read_facts(Operation operation, const Body& body);

}  // namespace keel::wire
