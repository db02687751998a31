#include "wire/openai_usage.hpp"

#include "wire/exchange.hpp"

#include <string_view>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

void read_count(Cursor& cursor, std::optional<int64_t>& out, bool& nonsense) {
  if (cursor.kind() != Kind::number) {
    if (cursor.kind() != Kind::null) nonsense = true;
    cursor.skip();
    return;
  }
  std::string_view number;
  if (!cursor.number(number)) return;
  std::optional<json::Decimal> decimal = json::decimal_of(number);
  out = decimal ? decimal->integer() : std::nullopt;
  if (!out || *out < 0 || *out > kUsageTokensMax) nonsense = true;
}

void read_detail(Cursor& cursor, std::string_view name, std::optional<int64_t>& out,
                 bool& nonsense) {
  if (cursor.kind() != Kind::object) {
    cursor.skip();
    return;
  }
  cursor.object([&](const String& key) {
    if (key.equals(name)) {
      read_count(cursor, out, nonsense);
    } else {
      cursor.skip();
    }
  });
}

}  // namespace

Counts read_counts(Cursor& cursor) {
  Counts counts;
  if (cursor.kind() != Kind::object) {
    cursor.skip();
    return counts;
  }
  cursor.object([&](const String& key) {
    if (key.equals("prompt_tokens")) {
      read_count(cursor, counts.in, counts.nonsense);
    } else if (key.equals("completion_tokens")) {
      read_count(cursor, counts.out, counts.nonsense);
    } else if (key.equals("total_tokens")) {
      read_count(cursor, counts.total, counts.nonsense);
    } else if (key.equals("prompt_tokens_details")) {
      read_detail(cursor, "cached_tokens", counts.cached, counts.nonsense);
    } else if (key.equals("completion_tokens_details")) {
      read_detail(cursor, "reasoning_tokens", counts.reasoning, counts.nonsense);
    } else {
      cursor.skip();
    }
  });
  return counts;
}

std::optional<Usage> Counts::usage(Operation operation) const {
  bool text = operation != Operation::embeddings;
  if (nonsense || in.value_or(0) == 0 || (text && !out)) return std::nullopt;
  Usage usage;
  usage.in = *in;
  usage.cached = cached.value_or(0);
  usage.out = text ? *out : 0;
  usage.reasoning = text ? reasoning.value_or(0) : 0;
  // Some providers (xAI, Gemini's OpenAI endpoint) leave reasoning out of completion_tokens and
  // count it in the total only; it is billed as output all the same.
  if (text && total && *total > usage.in + usage.out) usage.out = *total - usage.in;
  if (usage.cached > usage.in || usage.reasoning > usage.out) return std::nullopt;
  return usage;
}

}  // namespace keel::wire
