#include "wire/facts.hpp"

#include "wire/errors.hpp"
#include "wire/facts_reader.hpp"

#include <algorithm>
#include <utility>

namespace keel::wire {

using json::Kind;
using json::String;

namespace {

std::string_view prompt_name(Operation operation) {
  switch (operation) {
    case Operation::chat:
      return "messages";
    case Operation::completions:
      return "prompt";
    case Operation::embeddings:
      break;
  }
  return "input";
}

// A key as an error names it: some text, and half of a surrogate pair is none.
std::string named(std::string_view key) {
  if (!json::valid_utf8(key)) return "(a key that is no text)";
  return std::string(cut_utf8(key, kWordBytesMax));
}

}  // namespace

FactsReader::Handler FactsReader::handler_of(std::string_view key, Operation operation) {
  struct Entry {
    std::string_view key;
    Handler read;
  };
  static constexpr Entry always[] = {
      {"model", &FactsReader::model},
      {"user", &FactsReader::user},
      {"metadata", &FactsReader::metadata},
      {"safety_identifier", &FactsReader::no_prompt_text},
      {"prompt_cache_key", &FactsReader::no_prompt_text},
      {"service_tier", &FactsReader::no_prompt_text},
      {"models", &FactsReader::models},
      {"fallbacks", &FactsReader::fallbacks},
  };
  static constexpr Entry embeddings[] = {
      {"input", &FactsReader::input},
      {"encoding_format", &FactsReader::no_prompt_text},
  };
  static constexpr Entry chat[] = {
      {"messages", &FactsReader::messages},
      {"continue_final_message", &FactsReader::continue_final},
      {"add_generation_prompt", &FactsReader::generation_prompt},
  };
  static constexpr Entry completions[] = {
      {"prompt", &FactsReader::input},
      {"best_of", &FactsReader::best_of},
  };
  static constexpr Entry generated[] = {
      {"max_tokens", &FactsReader::max_tokens},
      {"max_completion_tokens", &FactsReader::max_completion_tokens},
      {"n", &FactsReader::choices},
      {"stream", &FactsReader::stream},
      {"stream_options", &FactsReader::stream_options},
      {"temperature", &FactsReader::temperature},
      {"seed", &FactsReader::seed},
      {"tools", &FactsReader::tools},
      {"functions", &FactsReader::functions},
      {"response_format", &FactsReader::response_format},
      {"reasoning_effort", &FactsReader::reasoning_effort},
      {"reasoning", &FactsReader::reasoning},
      {"thinking", &FactsReader::reasoning},
      {"modalities", &FactsReader::modalities},
      {"audio", &FactsReader::audio_output},
      {"store", &FactsReader::provider_acts},
      {"background", &FactsReader::provider_acts},
      {"conversation", &FactsReader::provider_acts},
      {"previous_response_id", &FactsReader::provider_acts},
      {"web_search_options", &FactsReader::provider_acts},  // OpenAI
      {"search_parameters", &FactsReader::provider_acts},   // xAI
      {"enable_search", &FactsReader::provider_acts},       // Qwen
      {"plugins", &FactsReader::provider_acts},             // OpenRouter
      {"stop", &FactsReader::no_prompt_text},
      {"logit_bias", &FactsReader::no_prompt_text},
      {"verbosity", &FactsReader::no_prompt_text},
  };
  auto find = [key](const auto& table) -> Handler {
    for (const Entry& entry : table) {
      if (entry.key == key) return entry.read;
    }
    return nullptr;
  };
  Handler handler = find(always);
  if (!handler && operation == Operation::embeddings) handler = find(embeddings);
  if (!handler && operation == Operation::chat) handler = find(chat);
  if (!handler && operation == Operation::completions) handler = find(completions);
  if (!handler && operation != Operation::embeddings) handler = find(generated);
  return handler ? handler : &FactsReader::other;
}

Result<Facts> FactsReader::read() {
  if (!json::valid_utf8(text_)) return Error{"invalid_request", "", "the body is not UTF-8"};
  if (Kind kind = cursor_.kind(); kind != Kind::object && kind != Kind::bad) {
    return Error{"invalid_request", "",
                 "found " + std::string(name_of(kind)) + ", wanted a JSON object"};
  }
  facts_.insert_at = {cursor_.offset() + 1, 0};
  facts_.object_is_empty = true;
  std::string decoded;
  bool kept = false;
  cursor_.object([&](const String& key) {
    facts_.object_is_empty = false;
    keys_.add(key);
    decoded.clear();
    key.append_exact(decoded);
    member_ = decoded;
    key_ = cursor_.span_of(key);
    ours_ = false;
    (this->*handler_of(decoded, facts_.operation))();
    kept |= !ours_;
    if (!ours_ || cursor_.failed()) return;
    facts_.ours.push_back(member_with_comma(text_, key_.offset, cursor_.offset(), kept));
  });
  if (!cursor_.finish()) {
    return Error{"invalid_request", "", "the body is not JSON: " + cursor_.problem()};
  }
  if (keys_.close(0)) {
    return Error{"invalid_request", named(keys_.found()),
                 "found this key twice in the request, wanted it once"};
  }
  name_models();
  if (!prompt_seen_) reject_missing(prompt_name(facts_.operation));
  if (error_) return *std::move(error_);
  add_up();
  return std::move(facts_);
}

// OpenRouter takes `models` without `model`, and the first of them may be the model once more.
void FactsReader::name_models() {
  std::vector<std::string>& names = facts_.fallbacks;
  if (facts_.model_value.empty()) {
    if (names.empty()) return reject_missing("model");
    facts_.model = names.front();
  }
  std::vector<std::string> others;
  for (std::string& name : names) {
    bool known =
        name == facts_.model || std::find(others.begin(), others.end(), name) != others.end();
    if (!known) others.push_back(std::move(name));
  }
  names = std::move(others);
}

void FactsReader::add_up() {
  const Prompt& found = prompt_.found();
  facts_.input_tokens_bound = prompt_.tokens_bound();
  facts_.input_tokens_estimate = prompt_.tokens_estimate();
  facts_.asks_images = found.images;
  facts_.asks_audio |= found.audio;
  facts_.asks_tools = found.tools;
  facts_.side_effects |= found.side_effects;
  facts_.first_message_text = found.first_text;
  facts_.prefilled = found.ends_in_assistant;
  if (facts_.operation == Operation::completions) {
    facts_.choices = std::max(facts_.choices, best_of_) * std::max<int64_t>(found.inputs, 1);
  }
  if (facts_.operation == Operation::embeddings) {
    facts_.deterministic = true;
    facts_.max_output_tokens = 0;
  }
  facts_.cacheable = !found.repeated_key && !facts_.side_effects;
}

void FactsReader::wrong(std::string_view wanted) {
  reject("found " + std::string(name_of(cursor_.kind())) + ", wanted " + std::string(wanted));
  prompt_.pass_over();
}

void FactsReader::reject(std::string message) {
  if (!error_) error_ = Error{"invalid_request", std::string(member_), std::move(message)};
}

void FactsReader::reject_missing(std::string_view where) {
  member_ = where;
  reject("missing, wanted in every request");
}

std::string_view name_of(MaxTokensField field) {
  switch (field) {
    case MaxTokensField::none:
      return "";
    case MaxTokensField::max_tokens:
      return "max_tokens";
    case MaxTokensField::max_completion_tokens:
      return "max_completion_tokens";
  }
  return "";
}

Result<Facts> read_facts(Operation operation, const Body& body) {
  return FactsReader(operation, body.view()).read();
}

}  // namespace keel::wire
