#include "wire/exchange.hpp"

#include "wire/openai.hpp"

#include <algorithm>
#include <utility>

namespace keel::wire {

const Dialect* dialect_named(std::string_view name) {
  for (const Dialect* dialect : {&openai_dialect()}) {
    if (dialect->name() == name) return dialect;
  }
  return nullptr;
}

namespace {

constexpr std::string_view kSpace = " \t\r\n";

class Retargeting {
 public:
  Retargeting(const Body& request, const Facts& facts, const Retarget& to)
      : text_(request.view()), facts_(facts), to_(to), out_{request, {}} {}

  SplicedBody splice();

 private:
  void set(Span value, std::string_view field, std::string text);
  void add(std::string_view member);
  void limit();
  void limit_field();
  void usage();
  void begun();

  std::string_view text_;
  const Facts& facts_;
  const Retarget& to_;
  SplicedBody out_;
  std::string inserted_;  // new members, joined by commas
};

SplicedBody Retargeting::splice() {
  if (facts_.model_value.empty() || facts_.model != to_.model) {
    set(facts_.model_value, "model", json_quote(to_.model));
  }
  limit();
  limit_field();
  usage();
  begun();
  for (Span ours : facts_.ours) out_.splices.push_back({ours, {}});
  if (!inserted_.empty()) {
    if (!facts_.object_is_empty) inserted_ += ',';
    out_.splices.push_back({facts_.insert_at, std::move(inserted_)});
  }
  // What is inserted stands before what is cut there.
  std::sort(out_.splices.begin(), out_.splices.end(), [](const Splice& a, const Splice& b) {
    return std::pair(a.at.offset, a.at.length) < std::pair(b.at.offset, b.at.length);
  });
  return std::move(out_);
}

void Retargeting::set(Span value, std::string_view field, std::string text) {
  if (value.empty()) return add(json_quote(field) + ":" + text);
  out_.splices.push_back({value, std::move(text)});
}

void Retargeting::add(std::string_view member) {
  if (!inserted_.empty()) inserted_ += ',';
  inserted_ += member;
}

void Retargeting::limit() {
  if (facts_.operation == Operation::embeddings || !to_.max_output_tokens) return;
  if (to_.max_output_tokens == facts_.max_output_tokens) return;
  std::string_view field = name_of(facts_.max_tokens_field);
  if (field.empty()) field = to_.max_tokens_field;
  // The older endpoint knows no other name.
  bool old = facts_.operation == Operation::completions && facts_.max_tokens_value.empty();
  set(facts_.max_tokens_value, old ? "max_tokens" : field, std::to_string(*to_.max_output_tokens));
}

void Retargeting::limit_field() {
  const bool newer = facts_.max_tokens_field == MaxTokensField::max_completion_tokens;
  if (!newer || facts_.max_tokens_key.empty() || to_.max_tokens_field != "max_tokens") return;
  out_.splices.push_back({facts_.max_tokens_key, R"("max_tokens")"});
}

void Retargeting::usage() {
  Span options = facts_.stream_options_value;
  if (!to_.ask_usage || !facts_.stream || facts_.include_usage) return;
  if (!facts_.include_usage_value.empty()) return set(facts_.include_usage_value, "", "true");
  if (options.empty() || text_[options.offset] == 'n') {
    return set(options, "stream_options", R"({"include_usage":true})");
  }
  if (text_[options.offset] != '{') return;  // for its provider to refuse
  size_t next = text_.find_first_not_of(kSpace, options.offset + 1);
  std::string_view comma = text_[next] == '}' ? "" : ",";
  out_.splices.push_back({{options.offset + 1, 0}, R"("include_usage":true)" + std::string(comma)});
}

void Retargeting::begun() {
  if (to_.prefill == Prefill::none || to_.begun.empty() || facts_.operation != Operation::chat ||
      facts_.messages_end.offset == 0) {
    return;
  }
  size_t last = text_.find_last_not_of(kSpace, facts_.messages_end.offset - 1);
  std::string message = text_[last] == '[' ? "" : ",";
  message += R"({"role":"assistant","content":)" + json_quote(to_.begun);
  bool marked = to_.prefill == Prefill::prefix || to_.prefill == Prefill::prefix_echoed;
  message += marked ? R"(,"prefix":true})" : "}";
  out_.splices.push_back({facts_.messages_end, std::move(message)});
  if (to_.prefill == Prefill::final_message) {
    set(facts_.continue_final_value, "continue_final_message", "true");
    set(facts_.generation_prompt_value, "add_generation_prompt", "false");
  }
}

}  // namespace

SplicedBody retarget(const Body& request, const Facts& facts, const Retarget& to) {
  return Retargeting(request, facts, to).splice();
}

}  // namespace keel::wire
