// What reaches a configuration from outside its text: `${NAME}`, `${NAME:-default}` and, for
// secrets, `file:///path`. Messages show what the file says, never what a variable or file holds.

#include "config/node.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

bool is_variable(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// One `${...}` without its braces: its value, or nothing and a problem.
std::optional<std::string> variable(const Value& where, std::string_view inside) {
  size_t split = inside.find(":-");
  std::string name(inside.substr(0, split));
  if (!is_variable(name)) {
    where.problem("found a ${...} without a variable's name, wanted ${NAME} or ${NAME:-default}");
    return std::nullopt;
  }
  const auto& env = where.reading().sources.env;
  std::optional<std::string> value = env ? env(name) : std::nullopt;
  if (split != std::string_view::npos) {
    if (!value || value->empty()) return std::string(inside.substr(split + 2));
    return value;
  }
  if (!value) where.problem("${" + name + "} is not set in the environment");
  return value;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

// `$${` stands for `${`.
std::optional<std::string> Value::text() const {
  if (!node_.IsScalar()) {
    wanted("a value");
    return std::nullopt;
  }
  std::string_view raw = node_.Scalar();
  std::string out;
  bool whole = true;
  for (size_t at = 0; at < raw.size();) {
    if (raw.substr(at, 3) == "$${") {
      out += "${";
      at += 3;
    } else if (raw.substr(at, 2) == "${") {
      size_t end = raw.find('}', at);
      if (end == std::string_view::npos) {
        problem("found ${ without its }, wanted ${NAME} or ${NAME:-default}");
        return std::nullopt;
      }
      auto value = variable(*this, raw.substr(at + 2, end - at - 2));
      whole = whole && value.has_value();
      out += value.value_or("");
      at = end + 1;
    } else {
      out += raw[at++];
    }
  }
  if (!whole) return std::nullopt;
  return out;
}

std::optional<std::string> Value::name_text(std::string_view what) const {
  auto word = text();
  if (!word) return std::nullopt;
  bool printable = std::all_of(word->begin(), word->end(), [](char c) {
    auto byte = static_cast<uint8_t>(c);
    return byte > 0x20 && byte != 0x7f;
  });
  if (!word->empty() && word->size() <= 200 && printable) return word;
  wanted(what);
  return std::nullopt;
}

std::optional<Secret> Value::secret() const {
  // found() shows texts, and this one may be a key: nothing of it is repeated.
  if (!node_.IsScalar()) {
    wanted("a key");
    return std::nullopt;
  }
  const bool needed = reading_->sources.keys_needed;
  auto word = needed ? text() : std::optional(node_.Scalar());
  if (!word) return std::nullopt;
  if (needed && word->starts_with("file://")) {
    std::string path = word->substr(7);
    if (!path.starts_with('/')) {
      problem("found a file:// that is not absolute, wanted file:///path");
      return std::nullopt;
    }
    const auto& read_file = reading_->sources.read_file;
    if (!read_file) {
      problem("found a file:// key, and files cannot be read here");
      return std::nullopt;
    }
    auto content = read_file(path);
    if (!content) {
      problem("the key file cannot be read: " + content.error().text());
      return std::nullopt;
    }
    word = trimmed(*content);
  }
  if (word->empty()) {
    problem("the key is empty");
    return std::nullopt;
  }
  if (word->size() > 8192 ||
      !std::all_of(word->begin(), word->end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    problem("the key has characters that cannot stand in a header, wanted printable ASCII");
    return std::nullopt;
  }
  return Secret(std::move(*word));
}

}  // namespace keel::relay
