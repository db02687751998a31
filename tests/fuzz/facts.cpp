// Request facts: spans lie in the body and hold what they say, and whatever is spliced for a target
// leaves valid JSON that says what was asked for, and all else as it was.

#include "wire/facts.hpp"

#include "plain_json.hpp"
#include "target.hpp"
#include "wire/canonical.hpp"
#include "wire/exchange.hpp"
#include "wire/json.hpp"

namespace keel::wire {
namespace {

void lies_in(Span span, const Body& body) {
  KEEL_HOLDS(span.offset <= body.size() && span.length <= body.size() - span.offset);
}

void spans_hold_what_they_say(const Facts& facts, const Body& body) {
  for (Span span :
       {facts.model_value, facts.insert_at, facts.max_tokens_value, facts.messages_end,
        facts.stream_options_value, facts.include_usage_value, facts.first_message_text}) {
    lies_in(span, body);
    if (span.empty()) continue;
    KEEL_HOLDS(fuzz::is_json(body.view().substr(span.offset, span.length)));
  }
  for (Span span : facts.ours) lies_in(span, body);
  KEEL_HOLDS(body.view()[facts.insert_at.offset - 1] == '{');
  if (facts.messages_end.offset > 0) KEEL_HOLDS(body.view()[facts.messages_end.offset] == ']');
  KEEL_HOLDS(!facts.model.empty() && facts.model.size() <= kModelBytesMax);
  KEEL_HOLDS(facts.choices >= 1 && facts.input_tokens_bound >= facts.input_tokens_estimate);
  KEEL_HOLDS(facts.input_tokens_estimate >= 0 && facts.max_output_tokens.value_or(0) >= 0);
}

std::string told(const SplicedBody& spliced) {
  return std::string(spliced.body.view()) + "\nbecame\n" + spliced.flatten();
}

void splices_are_in_order(const SplicedBody& spliced) {
  size_t end = 0;
  for (const Splice& splice : spliced.splices) {
    lies_in(splice.at, spliced.body);
    KEEL_HOLDS(splice.at.offset >= end, told(spliced));
    end = splice.at.end();
  }
  KEEL_HOLDS(spliced.flatten().size() == spliced.size());
}

Facts read_again(Operation operation, const SplicedBody& spliced) {
  splices_are_in_order(spliced);
  KEEL_HOLDS(fuzz::is_json(spliced.flatten()), told(spliced));
  auto again = read_facts(operation, Body::take(spliced.flatten()));
  KEEL_HOLDS(again.ok(), told(spliced) + "\n" + again.error().text());
  KEEL_HOLDS(again->fallbacks.empty() && again->ours.empty(), told(spliced));
  return *again;
}

void nothing_else_changed(const Facts& was, const Facts& is, const SplicedBody& spliced) {
  KEEL_HOLDS(is.choices == was.choices && is.stream == was.stream, told(spliced));
  KEEL_HOLDS(is.deterministic == was.deterministic, told(spliced));
  KEEL_HOLDS(is.asks_tools == was.asks_tools && is.asks_schema == was.asks_schema, told(spliced));
  KEEL_HOLDS(is.asks_images == was.asks_images && is.asks_audio == was.asks_audio, told(spliced));
  KEEL_HOLDS(is.side_effects == was.side_effects, told(spliced));
}

void can_be_sent_elsewhere(const Body& body, const Facts& facts) {
  Retarget to;
  to.model = facts.model;
  SplicedBody same = retarget(body, facts, to);
  bool untouched = facts.ours.empty() && !facts.model_value.empty();
  KEEL_HOLDS(!untouched || same.flatten() == body.view(), told(same));
  Facts unchanged = read_again(facts.operation, same);
  nothing_else_changed(facts, unchanged, same);
  KEEL_HOLDS(unchanged.max_output_tokens == facts.max_output_tokens, told(same));

  to.model = "other/\"model\" \xC3\xA9";
  to.max_output_tokens = 77;
  to.ask_usage = true;
  SplicedBody other = retarget(body, facts, to);
  Facts is = read_again(facts.operation, other);
  nothing_else_changed(facts, is, other);
  KEEL_HOLDS(is.model == to.model, told(other));
  if (facts.operation == Operation::embeddings) return;
  KEEL_HOLDS(is.max_output_tokens == 77, told(other));
  bool mendable = facts.stream_options_value.empty() ||
                  body.view()[facts.stream_options_value.offset] == '{' ||
                  body.view()[facts.stream_options_value.offset] == 'n';
  KEEL_HOLDS(!facts.stream || !mendable || is.include_usage, told(other));
}

void can_be_gone_on_with(const Body& body, const Facts& facts) {
  if (facts.operation != Operation::chat || facts.prefilled) return;
  for (Prefill prefill : {Prefill::plain, Prefill::prefix, Prefill::final_message}) {
    Retarget to;
    to.model = facts.model;
    to.begun = "As far as \"here\"\n";
    to.prefill = prefill;
    SplicedBody begun = retarget(body, facts, to);
    Facts is = read_again(facts.operation, begun);
    nothing_else_changed(facts, is, begun);
    KEEL_HOLDS(is.prefilled || facts.messages_end.offset == 0, told(begun));
  }
}

void has_one_canonical_form(const Body& body) {
  auto canonical = canonical_request(body);
  if (!canonical) return;
  KEEL_HOLDS(fuzz::is_json(*canonical), *canonical);
  if (!json::valid_utf8(*canonical)) return;  // half a surrogate pair is kept apart, as WTF-8
  auto again = canonical_request(Body::copy_of(*canonical));
  KEEL_HOLDS(again.ok() && *again == *canonical, *canonical);
}

void judge(Operation operation, const Body& body) {
  auto facts = read_facts(operation, body);
  if (!facts) {
    KEEL_HOLDS(facts.error().code == "invalid_request" && !facts.error().message.empty());
    KEEL_HOLDS(json::valid_utf8(facts.error().text()), facts.error().text());
    return;
  }
  KEEL_HOLDS(fuzz::is_json(body.view()));
  spans_hold_what_they_say(*facts, body);
  can_be_sent_elsewhere(body, *facts);
  can_be_gone_on_with(body, *facts);
  if (facts->cacheable) KEEL_HOLDS(canonical_request(body).ok());
}

}  // namespace
}  // namespace keel::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using keel::Operation;
  auto body = keel::Body::copy_of(keel::fuzz::text_of(data, size));
  keel::wire::has_one_canonical_form(body);
  for (Operation operation : {Operation::chat, Operation::completions, Operation::embeddings}) {
    keel::wire::judge(operation, body);
  }
  return 0;
}
