#include "wire/tags.hpp"

#include "wire/json.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace keel::wire {

namespace {

using json::Kind;
using json::String;

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// A scalar as text; anything else is passed over.
std::optional<std::string> scalar(json::Cursor& at) {
  String text;
  std::string_view digits;
  bool flag = false;
  switch (at.kind()) {
    case Kind::string:
      if (at.string(text)) return text.text();
      return std::nullopt;
    case Kind::number:
      if (at.number(digits)) return std::string(digits);
      return std::nullopt;
    case Kind::boolean:
      if (at.boolean(flag)) return flag ? "true" : "false";
      return std::nullopt;
    default:
      at.skip();
      return std::nullopt;
  }
}

class Tags {
 public:
  void of_header(std::string_view list);
  void of_metadata(std::string_view value);
  void of_user(std::string_view value);
  std::string json() const;

 private:
  void add(std::string name, std::string value);

  std::vector<std::pair<std::string, std::string>> tags_;
  size_t bytes_ = 0;
};

void Tags::of_header(std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view tag = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const size_t equals = std::min(tag.find('='), tag.size());
    const std::string_view value = tag.substr(std::min(equals + 1, tag.size()));
    add(std::string(trimmed(tag.substr(0, equals))), std::string(trimmed(value)));
  }
}

void Tags::of_metadata(std::string_view value) {
  json::Cursor at(value, kDepthMax);
  if (at.kind() != Kind::object) return;
  at.object([&](const String& key) {
    if (auto text = scalar(at)) add(key.text(), std::move(*text));
  });
}

void Tags::of_user(std::string_view value) {
  json::Cursor at(value, kDepthMax);
  if (at.kind() != Kind::string) return;
  if (auto text = scalar(at)) add("user", std::move(*text));
}

void Tags::add(std::string name, std::string value) {
  const size_t bytes = name.size() + value.size();
  if (name.empty() || tags_.size() == kTagsMost || bytes_ + bytes > kTagsBytesMax) return;
  auto same = [&](const auto& tag) { return tag.first == name; };
  if (std::any_of(tags_.begin(), tags_.end(), same)) return;
  bytes_ += bytes;
  tags_.emplace_back(std::move(name), std::move(value));
}

std::string Tags::json() const {
  if (tags_.empty()) return {};
  std::string out = "{";
  for (const auto& [name, value] : tags_) {
    if (out.size() > 1) out += ',';
    append_quoted(out, name);
    out += ':';
    append_quoted(out, value);
  }
  return out += '}';
}

}  // namespace

std::string tags_json(std::string_view header, const Facts& facts, std::string_view body) {
  if (header.empty() && facts.metadata_value.empty() && facts.user_value.empty()) return {};
  Tags tags;
  tags.of_header(header);
  tags.of_metadata(body.substr(facts.metadata_value.offset, facts.metadata_value.length));
  tags.of_user(body.substr(facts.user_value.offset, facts.user_value.length));
  return tags.json();
}

}  // namespace keel::wire
