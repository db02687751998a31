#include "mock/prompt.hpp"

#include <charconv>

namespace keel::mock {

namespace {

using nlohmann::json;

// The text between "[[name=" and "]]".
std::optional<std::string> marker(std::string_view text, std::string_view name) {
  const std::string opening = "[[" + std::string(name) + "=";
  size_t begin = text.find(opening);
  if (begin == std::string_view::npos) return std::nullopt;
  begin += opening.size();
  size_t end = text.find("]]", begin);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(begin, end - begin));
}

std::optional<int64_t> number_marker(std::string_view text, std::string_view name) {
  auto digits = marker(text, name);
  int64_t value = 0;
  if (!digits) return std::nullopt;
  auto [end, ec] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (ec != std::errc() || value < 0) return std::nullopt;
  return value;
}

// A content: a string, or a list of parts of which texts are kept.
std::string text_of(const json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const json& part : content) {
    if (part.is_object() && part.contains("text") && part["text"].is_string()) {
      text += part["text"].get_ref<const std::string&>();
    }
  }
  return text;
}

std::optional<int64_t> integer(const json& body, const char* key) {
  auto at = body.find(key);
  if (at == body.end() || !at->is_number_integer()) return std::nullopt;
  return at->get<int64_t>();
}

bool flag(const json& body, const char* key) {
  auto at = body.find(key);
  return at != body.end() && at->is_boolean() && at->get<bool>();
}

Error wanted(const char* param, const char* message) {
  return {"invalid_request_error", param, message};
}

std::optional<Error> read_chat(const json& body, Prompt& prompt, size_t& bytes) {
  auto messages = body.find("messages");
  if (messages == body.end() || !messages->is_array() || messages->empty()) {
    return wanted("messages", "wanted a list of messages with at least one");
  }
  for (const json& message : *messages) {
    if (!message.is_object()) return wanted("messages", "wanted a list of objects");
    std::string text = message.contains("content") ? text_of(message["content"]) : "";
    bytes += text.size();
    if (message.value("role", json()) == "user") prompt.text = std::move(text);
  }
  prompt.max_tokens = integer(body, "max_completion_tokens");
  if (!prompt.max_tokens) prompt.max_tokens = integer(body, "max_tokens");
  prompt.n = integer(body, "n").value_or(1);
  if (prompt.n < 1 || prompt.n > 128) return wanted("n", "wanted 1 to 128");
  prompt.stream = flag(body, "stream");
  auto options = body.find("stream_options");
  if (options != body.end() && options->is_object()) {
    prompt.include_usage = flag(*options, "include_usage");
  }
  return std::nullopt;
}

std::optional<Error> read_embeddings(const json& body, Prompt& prompt, size_t& bytes) {
  auto input = body.find("input");
  if (input == body.end()) return wanted("input", "wanted a string or a list");
  const json list = input->is_array() ? *input : json::array({*input});
  const bool one_of_tokens = !list.empty() && list[0].is_number();
  if (one_of_tokens) {
    prompt.inputs.push_back(list.dump());
    bytes += 4 * list.size();
  }
  for (const json& item : list) {
    if (one_of_tokens) break;
    prompt.inputs.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    bytes += item.is_array() ? 4 * item.size() : prompt.inputs.back().size();
  }
  if (prompt.inputs.empty()) return wanted("input", "wanted at least one input");
  prompt.text = prompt.inputs.back();
  prompt.base64 = body.value("encoding_format", json()) == "base64";
  prompt.dimensions = integer(body, "dimensions").value_or(8);
  if (prompt.dimensions < 1 || prompt.dimensions > 4096) {
    return wanted("dimensions", "wanted 1 to 4096");
  }
  return std::nullopt;
}

}  // namespace

Result<json> split_model(std::string_view asked, std::string& base) {
  base.clear();
  std::string words;
  for (std::string_view rest = asked; !rest.empty();) {
    size_t end = std::min(rest.find('+'), rest.size());
    std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.starts_with("mock-")) {
      words += (words.empty() ? "" : "+") + std::string(part.substr(5));
    } else {
      base += (base.empty() ? "" : "+") + std::string(part);
    }
  }
  auto patch = patch_of_words(words);
  if (!patch && asked.find('+') == std::string_view::npos) {
    base = asked;
    return json::object();
  }
  if (base.empty()) base = "mock";
  return patch;
}

Result<Prompt> read_prompt(std::string_view text, Endpoint endpoint) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) return Error{"invalid_request_error", "", "wanted a JSON object"};
  Prompt prompt;
  auto model = body.find("model");
  if (model == body.end() || !model->is_string()) return wanted("model", "wanted a model's name");
  prompt.model = model->get<std::string>();
  auto patch = split_model(prompt.model, prompt.base_model);
  if (!patch) return Error{patch.error().code, "model", patch.error().text()};
  prompt.patch = std::move(*patch);
  size_t bytes = 0;
  auto problem = endpoint == Endpoint::chat ? read_chat(body, prompt, bytes)
                                            : read_embeddings(body, prompt, bytes);
  if (problem) return *problem;
  prompt.in_tokens =
      number_marker(prompt.text, "in").value_or(static_cast<int64_t>((bytes + 3) / 4));
  prompt.out_tokens = number_marker(prompt.text, "out");
  prompt.nonce = marker(prompt.text, "nonce").value_or("");
  return prompt;
}

}  // namespace keel::mock
