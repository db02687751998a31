#include "relay/choice.hpp"

#include "relay/json_object.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace keel::relay {

namespace {

constexpr const char* kIndent = "                         ";  // below a line's own text

// Who is in the order first, as it is; then the others, as they are configured.
std::vector<const Considered*> in_order(const Choice& choice) {
  std::vector<const Considered*> out;
  for (const Considered& one : choice.considered) out.push_back(&one);
  auto rank = [](const Considered* one) { return one->place == 0 ? UINT16_MAX : one->place; };
  std::stable_sort(out.begin(), out.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
  return out;
}

// "no usable key (cooling)": the key's reason says more than that there is none.
std::string why_not(const Considered& one) {
  std::string out(name_of(one.removed));
  if (one.removed == Removed::no_key && one.key != engine::KeyReason::none)
    out += " (" + std::string(engine::name_of(one.key)) + ")";
  return out;
}

std::string two_digits(const char* before, double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%s%.2f", before, value);
  return text;
}

std::string costs(const Considered& one) {
  std::string out;
  if (one.estimated) out += ", about " + to_usd_text(*one.estimated);
  if (one.worst_case) out += ", at most " + to_usd_text(*one.worst_case) + " USD";
  return out.empty() ? ", price unknown" : out;
}

std::string row(const Choice& choice, const Considered& one) {
  std::string out;
  if (one.removed != Removed::none) {
    out = "not: " + why_not(one);
    if (one.until != Instant::never()) {
      char text[48];
      std::snprintf(text, sizeof text, ", for %.3f s", remaining(one.until, choice.at).seconds());
      out += text;
    }
    return out;
  }
  out = two_digits("health ", one.health) + two_digits(", weight ", one.weight);
  if (one.tier != 0) out += ", tier " + std::to_string(one.tier);
  out += costs(one);
  if (one.stand_in) out += ", a stand-in";
  if (one.trial) out += ", on trial";
  if (choice.taken == one.target) out += "; taken, " + to_usd_text(choice.held) + " USD held";
  return out;
}

}  // namespace

std::string text_of(const Choice& choice, const TargetNames& names) {
  size_t widest = 0;
  for (const Considered& one : choice.considered)
    widest = std::max(widest, names[one.target].size());
  std::string out;
  for (const Considered* one : in_order(choice)) {
    std::string name = names[one->target];
    name.resize(widest, ' ');
    const std::string place = one->place == 0 ? "   " : std::to_string(one->place) + ". ";
    out += kIndent + place + name + "  " + row(choice, *one) + '\n';
  }
  return out;
}

std::string json_of(const Choice& choice, const TargetNames& names, Instant began) {
  std::string considered = "[";
  for (const Considered& one : choice.considered) {
    if (considered.size() > 1) considered += ',';
    JsonObject out;
    out.text("target", names[one.target]);
    one.place > 0 ? out.number("place", one.place) : out.null("place");
    out.text_or_null("removed", one.removed == Removed::none ? "" : why_not(one));
    one.until != Instant::never() ? out.ms("for_ms", remaining(one.until, choice.at))
                                  : out.null("for_ms");
    out.number("health_percent", static_cast<int64_t>(std::lround(one.health * 100)));
    out.raw("weight", two_digits("", one.weight)).number("tier", one.tier);
    auto money = [&](std::string_view name, const std::optional<NanoUsd>& amount) {
      amount ? out.number(name, amount->value) : out.null(name);
    };
    money("estimated_nano_usd", one.estimated);
    money("worst_case_nano_usd", one.worst_case);
    considered += out.flag("stand_in", one.stand_in).flag("trial", one.trial).take();
  }
  JsonObject out;
  out.ms("at_ms", elapsed(began, choice.at));
  out.text_or_null("taken", choice.taken ? std::string_view(names[*choice.taken]) : "");
  return out.number("held_nano_usd", choice.held.value).raw("candidates", considered + ']').take();
}

}  // namespace keel::relay
