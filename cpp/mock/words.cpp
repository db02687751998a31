// The short script language of model names and of the header `x-mock`.

#include "mock/behaviour.hpp"

#include <charconv>
#include <string>

#include <nlohmann/json.hpp>

namespace keel::mock {

namespace {

using nlohmann::json;

// "latency-200ms" with prefix "latency-" and unit "ms" gives 200.
std::optional<double> amount(std::string_view word, std::string_view prefix,
                             std::string_view unit) {
  if (!word.starts_with(prefix)) return std::nullopt;
  word.remove_prefix(prefix.size());
  if (!unit.empty() && word.ends_with(unit)) word.remove_suffix(unit.size());
  double value = 0;
  auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (ec != std::errc() || end != word.data() + word.size() || !(value >= 0)) return std::nullopt;
  return value;
}

struct Amount {
  std::string_view prefix, unit;
  const char* key;
};
constexpr Amount kAmounts[] = {{"latency-", "ms", "latency_ms"},
                               {"ttft-", "ms", "ttft_ms"},
                               {"tps-", "", "tokens_per_second"},
                               {"out-", "", "out_tokens"}};

struct Choice {
  std::string_view word;
  const char* key;
  const char* value;
};
constexpr Choice kChoices[] = {{"close", "fault", "close"},
                               {"reset", "fault", "reset"},
                               {"reset-after-head", "fault", "reset_after_head"},
                               {"reset-mid-body", "fault", "reset_mid_body"},
                               {"truncated", "fault", "truncated"},
                               {"silence", "fault", "silence"},
                               {"head-then-silence", "fault", "head_then_silence"},
                               {"empty", "fault", "empty"},
                               {"no-choices", "fault", "no_choices"},
                               {"error-inside", "fault", "error_inside"},
                               {"unparsable", "fault", "unparsable"},
                               {"reuse-idle", "close_on_reuse", "idle"},
                               {"reuse-first-byte", "close_on_reuse", "first_byte"},
                               {"usage-missing", "usage", "missing"},
                               {"usage-null", "usage", "null"},
                               {"usage-zero", "usage", "zero"},
                               {"usage-over", "usage", "over"}};

// "503", "429-retry-after-2", "503-retry-after-1".
std::optional<json> status_word(std::string_view word) {
  int status = 0;
  auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), status);
  if (ec != std::errc() || status < 300 || status > 599) return std::nullopt;
  json error = {{"status", status}};
  std::string_view rest = word.substr(static_cast<size_t>(end - word.data()));
  if (rest.empty()) return json{{"error", error}};
  if (auto ms = amount(rest, "-retry-after-ms-", "")) {
    error["retry_after_ms"] = static_cast<int64_t>(*ms);
  } else if (auto delay = amount(rest, "-retry-after-", "s")) {
    error["retry_after"] = *delay;
  } else {
    return std::nullopt;
  }
  return json{{"error", error}};
}

std::optional<json> patch_of_word(std::string_view word) {
  if (auto patch = status_word(word)) return patch;
  for (const Amount& entry : kAmounts) {
    if (auto value = amount(word, entry.prefix, entry.unit)) return json{{entry.key, *value}};
  }
  for (const Choice& entry : kChoices) {
    if (word == entry.word) return json{{entry.key, entry.value}};
  }
  if (word == "quota") {
    return json{
        {"error",
         {{"status", 429}, {"type", "insufficient_quota"}, {"code", "insufficient_quota"}}}};
  }
  if (word == "slow-down") return json{{"error", {{"status", 429}, {"code", "slow_down"}}}};
  if (word == "ok") return json{{"error", nullptr}, {"fault", nullptr}, {"outage", nullptr}};
  return std::nullopt;
}

}  // namespace

Result<json> patch_of_words(std::string_view words) {
  json patch = json::object();
  while (!words.empty()) {
    size_t end = std::min(words.find('+'), words.size());
    std::string_view word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    auto one = patch_of_word(word);
    if (!one) {
      std::string known = "a status (503, 429-retry-after-2)";
      for (const Amount& entry : kAmounts) known += ", " + std::string(entry.prefix) + "N";
      for (const Choice& entry : kChoices) known += ", " + std::string(entry.word);
      return Error{"bad_word", std::string(word),
                   "not a mock word; known: " + known + ", quota, slow-down, ok"};
    }
    patch.update(*one);
  }
  return patch;
}

}  // namespace keel::mock
