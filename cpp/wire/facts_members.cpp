#include "wire/facts_reader.hpp"

#include <utility>

namespace keel::wire {

using json::Kind;
using json::String;

void FactsReader::messages() {
  if (cursor_.kind() != Kind::array) return wrong("an array");
  prompt_seen_ = true;
  prompt_.messages();
  if (!cursor_.failed()) facts_.messages_end = {cursor_.offset() - 1, 0};
}

void FactsReader::input() {
  Kind kind = cursor_.kind();
  if (kind == Kind::null && facts_.operation == Operation::completions) {  // a text's beginning
    prompt_seen_ = true;
    return prompt_.pass_over();
  }
  if (kind != Kind::string && kind != Kind::array) return wrong("a string or an array");
  prompt_seen_ = true;
  prompt_.input();
}

void FactsReader::model() {
  String name;
  if (cursor_.kind() != Kind::string) return wrong("a string");
  if (!cursor_.string(name)) return;
  facts_.model_value = cursor_.span_of(name);
  facts_.model = name.text();
  if (std::string problem = model_name_problem(facts_.model); !problem.empty()) {
    reject(std::move(problem));
  }
}

void FactsReader::names(std::string problem) {
  ours_ = true;
  if (!problem.empty()) reject(std::move(problem));
}

void FactsReader::choices() {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (std::optional<int64_t> n = whole(1, kChoicesMax)) facts_.choices = *n;
}

// Candidates the provider writes, and bills, of which n are returned.
void FactsReader::best_of() {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (std::optional<int64_t> n = whole(0, kChoicesMax)) best_of_ = *n;
}

void FactsReader::output_limit(MaxTokensField field) {
  bool given = cursor_.kind() != Kind::null;
  size_t begin = cursor_.offset();
  std::optional<int64_t> limit;
  if (given) {
    limit = whole(0, kOutputTokensMax);
  } else {
    prompt_.pass_over();
  }
  const bool alone = std::exchange(limits_named_, limits_named_ + 1) == 0;
  if (!alone) facts_.max_tokens_key = {};
  if (given && limit_given_) return reject("found beside the other such field, wanted only one");
  if (!given && facts_.max_tokens_field != MaxTokensField::none) return;
  limit_given_ = given;
  facts_.max_tokens_field = field;
  facts_.max_tokens_value = {begin, cursor_.offset() - begin};
  if (alone) facts_.max_tokens_key = key_;
  if (limit && *limit > 0) facts_.max_output_tokens = limit;
}

void FactsReader::stream_options() {
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

void FactsReader::temperature() {
  std::string_view number;
  if (cursor_.kind() != Kind::number) return prompt_.pass_over();
  if (!cursor_.number(number)) return;
  std::optional<json::Decimal> value = json::decimal_of(number);
  if (value && value->zero()) facts_.deterministic = true;
}

void FactsReader::response_format() {
  if (cursor_.kind() != Kind::object) return prompt_.any_text();
  prompt_.members([this](const String& key) {
    if (key.equals("type")) {
      facts_.asks_schema |= prompt_.string_is("json_schema");
    } else {
      prompt_.any_text();
    }
  });
}

void FactsReader::reasoning_effort() {
  bool given = cursor_.kind() == Kind::string;
  facts_.asks_reasoning |= !prompt_.string_is("none") && given;
}

// OpenRouter's `reasoning`, Anthropic's and DeepSeek's `thinking`: on, unless it says otherwise.
void FactsReader::reasoning() {
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

void FactsReader::modalities() {
  if (cursor_.kind() != Kind::array) return prompt_.pass_over();
  cursor_.array([this](size_t) { facts_.asks_audio |= prompt_.string_is("audio"); });
}

// A member this file does not know may still be prompt text (`documents`, `prediction`, a suffix).
void FactsReader::other() {
  Kind kind = cursor_.kind();
  bool text = kind == Kind::string || kind == Kind::object || kind == Kind::array;
  text ? prompt_.any_text() : prompt_.pass_over();
}

Span FactsReader::passed_over() {
  cursor_.kind();  // stands at the value
  size_t begin = cursor_.offset();
  prompt_.pass_over();
  return {begin, cursor_.offset() - begin};
}

void FactsReader::flag(bool& out) {
  if (cursor_.kind() == Kind::null) return prompt_.pass_over();
  if (cursor_.kind() != Kind::boolean) return wrong("true or false");
  cursor_.boolean(out);
}

std::optional<int64_t> FactsReader::whole(int64_t min, int64_t max) {
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

}  // namespace keel::wire
