#pragma once
// How read_facts reads: the request as a whole in facts.cpp, its members in facts_members.cpp.

#include "wire/facts.hpp"
#include "wire/fallbacks.hpp"
#include "wire/prompt.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace keel::wire {

class FactsReader {
 public:
  FactsReader(Operation operation, std::string_view text) : text_(text), cursor_(text, kDepthMax) {
    facts_.operation = operation;
  }

  Result<Facts> read();

 private:
  using Handler = void (FactsReader::*)();
  static Handler handler_of(std::string_view key, Operation operation);

  // Members of the request.
  void model();
  void messages();
  void input();
  void max_tokens() { output_limit(MaxTokensField::max_tokens); }
  void max_completion_tokens() { output_limit(MaxTokensField::max_completion_tokens); }
  void choices();
  void best_of();
  void stream() { flag(facts_.stream); }
  void stream_options();
  void temperature();
  void seed() { facts_.deterministic |= prompt_.is_set(); }
  void tools() { prompt_.tools(); }
  void functions() { prompt_.functions(); }
  void response_format();
  void reasoning_effort();
  void reasoning();
  void modalities();
  void audio_output() { facts_.asks_audio |= prompt_.is_set(); }
  void provider_acts() { facts_.side_effects |= prompt_.is_set(); }
  void continue_final() { facts_.continue_final_value = passed_over(); }
  void generation_prompt() { facts_.generation_prompt_value = passed_over(); }
  void user() { facts_.user_value = passed_over(); }
  void metadata() { facts_.metadata_value = passed_over(); }
  void no_prompt_text() { prompt_.pass_over(); }
  void models() { names(read_models(cursor_, facts_.fallbacks)); }
  void fallbacks() { names(read_fallbacks(cursor_, facts_.fallbacks)); }
  void other();

  // Values.
  void flag(bool& out);
  Span passed_over();  // where it stands
  void output_limit(MaxTokensField field);
  std::optional<int64_t> whole(int64_t min, int64_t max);

  void names(std::string problem);
  void wrong(std::string_view wanted);
  void reject(std::string message);
  void reject_missing(std::string_view where);
  void name_models();
  void add_up();

  std::string_view text_;
  json::Cursor cursor_;
  PromptReader prompt_{cursor_};
  json::RepeatedKeys keys_;  // of the request itself
  Facts facts_;
  std::optional<Error> error_;
  std::string_view member_;  // the top-level key being read
  Span key_;                 // its span, quotes included
  bool prompt_seen_ = false;
  bool limit_given_ = false;
  int limits_named_ = 0;
  bool ours_ = false;  // the member being read
  int64_t best_of_ = 1;
};

}  // namespace keel::wire
