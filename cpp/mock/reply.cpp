#include "mock/reply.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace keel::mock {

namespace {

using nlohmann::json;

constexpr const char* kWords[] = {
    "river", "stone",  "under", "quiet", "lamp",  "seven", "garden", "north",
    "paper", "silver", "wind",  "slow",  "bread", "early", "harbor", "window",
    "small", "bridge", "light", "road",  "green", "voice", "winter", "table",
    "field", "hand",   "deep",  "glass", "song",  "wheel", "amber",  "morning"};

// FNV-1a, 64 bits.
uint64_t hash_of(std::string_view text, uint64_t seed) {
  uint64_t h = 14695981039346656037u ^ seed;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return h;
}

std::vector<std::string> make_pieces(const Prompt& prompt, const std::string& content, int64_t n,
                                     size_t choice) {
  std::vector<std::string> pieces;
  Random random(hash_of(prompt.text, choice));
  for (int64_t i = 0; i < n; ++i) {
    std::string piece = i ? " " : "";
    if (i == 0 && !prompt.nonce.empty()) {
      piece = "[[nonce=" + prompt.nonce + "]]";
      if (!content.empty()) piece += content;
    } else if (!content.empty()) {
      piece = i == 0 ? content : "";
    } else {
      piece += kWords[random.below(std::size(kWords))];
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

json usage_of(int64_t in, int64_t out) {
  return {{"prompt_tokens", in}, {"completion_tokens", out}, {"total_tokens", in + out}};
}

void add_usage(json& body, UsageMode mode, int64_t in, int64_t out) {
  if (mode == UsageMode::missing) return;
  if (mode == UsageMode::null) {
    body["usage"] = nullptr;
  } else if (mode == UsageMode::zero) {
    body["usage"] = usage_of(0, 0);
  } else {
    body["usage"] = usage_of(in, out);
  }
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) text += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

json embedding(const std::string& input, const Prompt& prompt) {
  Random random(hash_of(input, 7));
  std::vector<float> values;
  for (int64_t i = 0; i < prompt.dimensions; ++i) {
    values.push_back(static_cast<float>(random.unit() * 2 - 1));
  }
  if (!prompt.base64) return values;
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return base64(bytes);
}

std::string seconds_text(double s) {
  std::string text = std::to_string(s);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Completion complete(const Prompt& prompt, const Behaviour& behaviour, int64_t planned) {
  Completion completion;
  constexpr int64_t kMost = 200'000;  // of what markers and scripts may ask for
  int64_t n = std::clamp<int64_t>(prompt.out_tokens.value_or(planned), 1, kMost);
  completion.finish_reason = "stop";
  if (prompt.max_tokens && behaviour.usage == UsageMode::over) {
    n = std::clamp<int64_t>(*prompt.max_tokens, 0, kMost);
    n += n / 2 + 1;  // a provider that ignores the limit
  } else if (prompt.max_tokens && n > *prompt.max_tokens) {
    n = std::max<int64_t>(1, *prompt.max_tokens);
    completion.finish_reason = "length";
  }
  if (!behaviour.finish_reason.empty()) completion.finish_reason = behaviour.finish_reason;
  for (size_t i = 0; i < static_cast<size_t>(prompt.n); ++i) {
    completion.choices.push_back(make_pieces(prompt, behaviour.content, n, i));
  }
  completion.out_tokens = n * prompt.n;
  return completion;
}

std::string chat_body(const Prompt& prompt, const Completion& completion,
                      const Behaviour& behaviour, const ReplyNames& names) {
  json choices = json::array();
  for (size_t i = 0; i < completion.choices.size(); ++i) {
    choices.push_back({{"index", i},
                       {"message",
                        {{"role", "assistant"},
                         {"content", joined(completion.choices[i])},
                         {"refusal", nullptr}}},
                       {"logprobs", nullptr},
                       {"finish_reason", completion.finish_reason}});
  }
  if (behaviour.fault == Fault::no_choices) choices = json::array();
  json body = {{"id", names.id},           {"object", "chat.completion"},
               {"created", names.created}, {"model", prompt.model},
               {"choices", choices},       {"system_fingerprint", "fp_mock"}};
  add_usage(body, behaviour.usage, prompt.in_tokens, completion.out_tokens);
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string embeddings_body(const Prompt& prompt, const Behaviour& behaviour) {
  json data = json::array();
  for (size_t i = 0; i < prompt.inputs.size(); ++i) {
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", embedding(prompt.inputs[i], prompt)}});
  }
  if (behaviour.fault == Fault::no_choices) data = json::array();
  json body = {{"object", "list"}, {"data", data}, {"model", prompt.model}};
  add_usage(body, behaviour.usage, prompt.in_tokens, 0);
  if (body.contains("usage") && body["usage"].is_object()) body["usage"].erase("completion_tokens");
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string models_body(const std::vector<std::string>& models) {
  json data = json::array();
  for (const std::string& model : models) {
    data.push_back({{"id", model}, {"object", "model"}, {"created", 0}, {"owned_by", "mock"}});
  }
  return json{{"object", "list"}, {"data", data}}.dump();
}

std::string error_body(const ErrorReply& error) {
  json inner = {{"message", error.message}, {"param", nullptr}};
  inner["type"] = error.type ? json(*error.type) : json(nullptr);
  inner["code"] = error.code ? json(*error.code) : json(nullptr);
  return json{{"error", inner}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

http::Reply error_reply(const ErrorReply& error, int64_t wall_unix_ns) {
  http::Reply reply;
  reply.status = error.status;
  reply.body = error_body(error);
  if (error.retry_after) reply.fields.emplace_back("retry-after", seconds_text(*error.retry_after));
  if (error.retry_after_date) {
    const double at = static_cast<double>(wall_unix_ns) / 1e9 + *error.retry_after_date;
    reply.fields.emplace_back("retry-after", http::http_date(static_cast<int64_t>(std::ceil(at))));
  }
  if (error.retry_after_ms) {
    reply.fields.emplace_back("retry-after-ms", std::to_string(*error.retry_after_ms));
  }
  if (error.should_retry) {
    reply.fields.emplace_back("x-should-retry", *error.should_retry ? "true" : "false");
  }
  return reply;
}

ChunkWriter::ChunkWriter(const Prompt& prompt, const Behaviour& behaviour, const ReplyNames& names)
    : null_usage_(prompt.include_usage && behaviour.usage != UsageMode::missing) {
  prefix_ = R"(data: {"id":")" + names.id + R"(","object":"chat.completion.chunk","created":)" +
            std::to_string(names.created) + R"(,"model":)" +
            json(prompt.model).dump(-1, ' ', false, json::error_handler_t::replace) +
            R"(,"system_fingerprint":"fp_mock","choices":[)";
  suffix_ = null_usage_ ? "],\"usage\":null}\n\n" : "]}\n\n";
}

std::string ChunkWriter::chunk(size_t choice, const std::string& delta,
                               const std::string& reason) const {
  return prefix_ + R"({"index":)" + std::to_string(choice) + R"(,"delta":)" + delta +
         R"(,"logprobs":null,"finish_reason":)" + reason + "}" + suffix_;
}

std::string ChunkWriter::role(size_t choice) const {
  return chunk(choice, R"({"role":"assistant","content":"","refusal":null})", "null");
}

std::string ChunkWriter::piece(size_t choice, const std::string& text) const {
  return chunk(
      choice,
      R"({"content":)" + json(text).dump(-1, ' ', false, json::error_handler_t::replace) + "}",
      "null");
}

std::string ChunkWriter::finish(size_t choice, const std::string& reason) const {
  return chunk(choice, "{}", json(reason).dump());
}

std::string ChunkWriter::usage(int64_t in_tokens, int64_t out_tokens) const {
  return prefix_ + "],\"usage\":" + usage_of(in_tokens, out_tokens).dump() + "}\n\n";
}

}  // namespace keel::mock
