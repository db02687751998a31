#include "wire/facts.hpp"

#include "wire/fallbacks.hpp"
#include "wire/prompt.hpp"

#include <algorithm>
#include <utility>

namespace keel::wire {

namespace {

using json::Kind;
using json::String;

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

class Reader {
 public:
  Reader(Operation operation, std::string_view text) : text_(text), cursor_(text, kDepthMax) {
    facts_.operation = operation;
  }

  Result<Facts> read();

 private:
  using Handler = void (Reader::*)();
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
  void no_prompt_text() { prompt_.pass_over(); }
  void models() { names(read_models(cursor_, facts_.fallbacks)); }
  void fallbacks() { names(read_fallbacks(cursor_, facts_.fallbacks)); }
  void other();

  // Values.
  void flag(bool& out);
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
  bool prompt_seen_ = false;
  bool limit_given_ = false;
  bool ours_ = false;  // the member being read
  int64_t best_of_ = 1;
};

Reader::Handler Reader::handler_of(std::string_view key, Operation operation) {
  struct Entry {
    std::string_view key;
    Handler read;
  };
  static constexpr Entry always[] = {
      {"model", &Reader::model},
      {"user", &Reader::no_prompt_text},
      {"metadata", &Reader::no_prompt_text},
      {"safety_identifier", &Reader::no_prompt_text},
      {"prompt_cache_key", &Reader::no_prompt_text},
      {"service_tier", &Reader::no_prompt_text},
      {"models", &Reader::models},
      {"fallbacks", &Reader::fallbacks},
  };
  static constexpr Entry embeddings[] = {
      {"input", &Reader::input},
      {"encoding_format", &Reader::no_prompt_text},
  };
  static constexpr Entry chat[] = {{"messages", &Reader::messages}};
  static constexpr Entry completions[] = {
      {"prompt", &Reader::input},
      {"best_of", &Reader::best_of},
  };
  static constexpr Entry generated[] = {
      {"max_tokens", &Reader::max_tokens},
      {"max_completion_tokens", &Reader::max_completion_tokens},
      {"n", &Reader::choices},
      {"stream", &Reader::stream},
      {"stream_options", &Reader::stream_options},
      {"temperature", &Reader::temperature},
      {"seed", &Reader::seed},
      {"tools", &Reader::tools},
      {"functions", &Reader::functions},
      {"response_format", &Reader::response_format},
      {"reasoning_effort", &Reader::reasoning_effort},
      {"reasoning", &Reader::reasoning},
      {"thinking", &Reader::reasoning},
      {"modalities", &Reader::modalities},
      {"audio", &Reader::audio_output},
      {"store", &Reader::provider_acts},
      {"background", &Reader::provider_acts},
      {"conversation", &Reader::provider_acts},
      {"previous_response_id", &Reader::provider_acts},
      {"web_search_options", &Reader::provider_acts},  // OpenAI
      {"search_parameters", &Reader::provider_acts},   // xAI
      {"enable_search", &Reader::provider_acts},       // Qwen
      {"plugins", &Reader::provider_acts},             // OpenRouter
      {"stop", &Reader::no_prompt_text},
      {"logit_bias", &Reader::no_prompt_text},
      {"verbosity", &Reader::no_prompt_text},
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
  return handler ? handler : &Reader::other;
}

Result<Facts> Reader::read() {
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
    ours_ = false;
    (this->*handler_of(decoded, facts_.operation))();
    kept |= !ours_;
    if (!ours_ || cursor_.failed()) return;
    facts_.ours.push_back(
        member_with_comma(text_, cursor_.span_of(key).offset, cursor_.offset(), kept));
  });
  if (!cursor_.finish()) {
    return Error{"invalid_request", "", "the body is not JSON: " + cursor_.problem()};
  }
  if (keys_.close(0)) {
    return Error{"invalid_request", std::string(keys_.found()),
                 "found this key twice in the request, wanted it once"};
  }
  name_models();
  if (!prompt_seen_) reject_missing(prompt_name(facts_.operation));
  if (error_) return *std::move(error_);
  add_up();
  return std::move(facts_);
}

// OpenRouter takes `models` without `model`, and the first of them may be the model once more.
void Reader::name_models() {
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

void Reader::add_up() {
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

void Reader::messages() {
  if (cursor_.kind() != Kind::array) return wrong("an array");
  prompt_seen_ = true;
  prompt_.messages();
  if (!cursor_.failed()) facts_.messages_end = {cursor_.offset() - 1, 0};
}

void Reader::input() {
  Kind kind = cursor_.kind();
  if (kind == Kind::null && facts_.operation == Operation::completions) {  // a text's beginning
    prompt_seen_ = true;
    return prompt_.pass_over();
  }
  if (kind != Kind::string && kind != Kind::array) return wrong("a string or an array");
  prompt_seen_ = true;
  prompt_.input();
}

void Reader::model() {
  String name;
  if (cursor_.kind() != Kind::string) return wrong("a string");
  if (!cursor_.string(name)) return;
  facts_.model_value = cursor_.span_of(name);
  facts_.model = name.text();
  if (std::string problem = model_name_problem(facts_.model); !problem.empty()) {
    reject(std::move(problem));
  }
}

void Reader::names(std::string problem) {
  ours_ = true;
  if (!problem.empty()) reject(std::move(problem));
}

void Reader::choices() {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (std::optional<int64_t> n = whole(1, kChoicesMax)) facts_.choices = *n;
}

// Candidates the provider writes, and bills, of which n are returned.
void Reader::best_of() {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (std::optional<int64_t> n = whole(0, kChoicesMax)) best_of_ = *n;
}

void Reader::output_limit(MaxTokensField field) {
  bool given = cursor_.kind() != Kind::null;
  size_t begin = cursor_.offset();
  std::optional<int64_t> limit;
  if (given) {
    limit = whole(0, kOutputTokensMax);
  } else {
    prompt_.pass_over();
  }
  if (given && limit_given_) return reject("found beside the other such field, wanted only one");
  if (!given && facts_.max_tokens_field != MaxTokensField::none) return;
  limit_given_ = given;
  facts_.max_tokens_field = field;
  facts_.max_tokens_value = {begin, cursor_.offset() - begin};
  if (limit && *limit > 0) facts_.max_output_tokens = limit;
}

void Reader::stream_options() {
  bool object = cursor_.kind() == Kind::object;
  size_t begin = cursor_.offset();
  if (object) {
    prompt_.members([this](const String& key) {
      if (!key.equals("include_usage")) return prompt_.pass_over();
      bool null = cursor_.kind() == Kind::null;
      size_t value = cursor_.offset();
      flag(facts_.include_usage);
      if (null) facts_.include_usage = false;
      facts_.include_usage_value = {value, cursor_.offset() - value};
    });
  } else {
    prompt_.pass_over();
  }
  facts_.stream_options_value = {begin, cursor_.offset() - begin};
}

void Reader::temperature() {
  std::string_view number;
  if (cursor_.kind() != Kind::number) return prompt_.pass_over();
  if (!cursor_.number(number)) return;
  std::optional<json::Decimal> value = json::decimal_of(number);
  if (value && value->zero()) facts_.deterministic = true;
}

void Reader::response_format() {
  if (cursor_.kind() != Kind::object) return prompt_.any_text();
  prompt_.members([this](const String& key) {
    if (key.equals("type")) {
      facts_.asks_schema |= prompt_.string_is("json_schema");
    } else {
      prompt_.any_text();
    }
  });
}

void Reader::reasoning_effort() {
  bool given = cursor_.kind() == Kind::string;
  facts_.asks_reasoning |= !prompt_.string_is("none") && given;
}

// OpenRouter's `reasoning`, Anthropic's and DeepSeek's `thinking`: on, unless it says otherwise.
void Reader::reasoning() {
  if (cursor_.kind() != Kind::object) {
    facts_.asks_reasoning |= prompt_.is_set();
    return;
  }
  bool on = true;
  prompt_.members([&](const String& key) {
    if (key.equals("type")) {
      if (prompt_.string_is("disabled")) on = false;
    } else if (key.equals("enabled")) {
      if (!prompt_.is_set()) on = false;
    } else {
      prompt_.pass_over();
    }
  });
  facts_.asks_reasoning |= on;
}

void Reader::modalities() {
  if (cursor_.kind() != Kind::array) return prompt_.pass_over();
  cursor_.array([this](size_t) { facts_.asks_audio |= prompt_.string_is("audio"); });
}

// A member this file does not know may still be prompt text (`documents`, `prediction`, a suffix).
void Reader::other() {
  Kind kind = cursor_.kind();
  bool text = kind == Kind::string || kind == Kind::object || kind == Kind::array;
  text ? prompt_.any_text() : prompt_.pass_over();
}

void Reader::flag(bool& out) {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (cursor_.kind() != Kind::boolean) return wrong("true or false");
  cursor_.boolean(out);
}

std::optional<int64_t> Reader::whole(int64_t min, int64_t max) {
  if (cursor_.kind() != Kind::number) {
    wrong("a whole number");
    return std::nullopt;
  }
  std::string_view number;
  if (!cursor_.number(number)) return std::nullopt;
  std::optional<json::Decimal> decimal = json::decimal_of(number);
  std::optional<int64_t> value = decimal ? decimal->integer() : std::nullopt;
  if (value && *value >= min && *value <= max) return value;
  reject("found " + std::string(number.substr(0, 40)) + ", wanted a whole number from " +
         std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

void Reader::wrong(std::string_view wanted) {
  reject("found " + std::string(name_of(cursor_.kind())) + ", wanted " + std::string(wanted));
  prompt_.pass_over();
}

void Reader::reject(std::string message) {
  if (!error_) error_ = Error{"invalid_request", std::string(member_), std::move(message)};
}

void Reader::reject_missing(std::string_view where) {
  member_ = where;
  reject("missing, wanted in every request");
}

}  // namespace

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
  return Reader(operation, body.view()).read();
}

}  // namespace keel::wire
