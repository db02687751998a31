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

SplicedBody retarget(const Body& request, const Facts& facts, const Retarget& to) {
  SplicedBody out{request, {}};
  std::string inserted;
  auto set = [&](Span value, std::string_view field, std::string text) {
    if (!value.empty()) {
      out.splices.push_back({value, std::move(text)});
      return;
    }
    if (!inserted.empty()) inserted += ',';
    inserted += json_quote(field) + ":" + text;
  };
  if (facts.model_value.empty() || facts.model != to.model) {
    set(facts.model_value, "model", json_quote(to.model));
  }
  bool limited = facts.operation == Operation::chat && to.max_output_tokens.has_value();
  if (limited && to.max_output_tokens != facts.max_output_tokens) {
    bool named = facts.max_tokens_field != MaxTokensField::none;
    set(facts.max_tokens_value,
        named ? name_of(facts.max_tokens_field) : to.default_max_tokens_field,
        std::to_string(*to.max_output_tokens));
  }
  if (!inserted.empty()) {
    if (!facts.object_is_empty) inserted += ',';
    out.splices.push_back({facts.insert_at, std::move(inserted)});
  }
  std::sort(out.splices.begin(), out.splices.end(),
            [](const Splice& a, const Splice& b) { return a.at.offset < b.at.offset; });
  return out;
}

}  // namespace keel::wire
