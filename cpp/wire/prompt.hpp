#pragma once
// Reads the parts of a request that the model will read too: counts what they can cost and notes
// what they ask of a target. It works on the cursor of whoever reads the request.

#include "wire/json.hpp"

#include <cstdint>
#include <string_view>

namespace keel::wire {

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

// What was found so far.
struct Prompt {
  bool images = false;
  bool audio = false;
  bool tools = false;
  bool side_effects = false;       // tools the provider runs, files by id
  bool repeated_key = false;       // in some object, at any depth
  bool ends_in_assistant = false;  // the role of the last message
  int64_t inputs = 0;              // of embeddings or completions: texts, or lists of tokens
  Span first_text;  // the first message's content with its quotes, if it is a string; or the input
};

class PromptReader {
 public:
  explicit PromptReader(json::Cursor& cursor) : cursor_(cursor) {}

  // Each reads one value.
  void messages();
  void input();  // of embeddings and completions: texts, or tokens
  void tools();
  void functions();  // the older form of tools
  void any_text() { measure(weight_); }
  void pass_over();  // no prompt text, but checked and searched for repeated keys
  bool is_set();     // something other than null and false?
  bool string_is(std::string_view wanted);

  // An object's members, watched for repeated keys.
  template <typename Member>
  void members(Member&& member) {
    size_t mark = keys_.open();
    cursor_.object([&](const json::String& key) {
      keys_.add(key);
      member(key);
    });
    if (keys_.close(mark)) found_.repeated_key = true;
  }

  const Prompt& found() const { return found_; }
  int64_t tokens_bound() const;
  int64_t tokens_estimate() const;

 private:
  // Text by its UTF-8 bytes; JSON that a template may print as such also by its punctuation marks.
  struct Weight {
    int64_t bytes = 0;
    int64_t marks = 0;
  };

  void measure(Weight& weight);
  void message(bool first);
  void content(bool first);
  void part();
  void audio();
  void document();
  void one_input();
  void tool();

  json::Cursor& cursor_;
  json::RepeatedKeys keys_;
  Prompt found_;
  Weight weight_;
  int64_t messages_ = 0, inputs_ = 0, tokens_ = 0, tools_ = 0;
  int64_t images_ = 0, audios_ = 0, audio_characters_ = 0, opaques_ = 0;
};

}  // namespace keel::wire
