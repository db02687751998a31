#include "config/page.hpp"

#include "config/node.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <charconv>

namespace keel::relay {

namespace {

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(text[0]) && text[0] != '/') return false;
  // "://" stands in URLs; a colon before a space would end the word.
  bool fits = std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("_-./:").find(c) != std::string_view::npos;
  });
  if (!fits || text.back() == ':') return false;
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (std::string_view special : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (low == special) return false;
  }
  return true;
}

std::string in_quotes(std::string_view text, bool escape_variables) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<uint8_t>(text[i]);
    if (text[i] == '"' || text[i] == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      if (escape_variables && text.substr(i, 2) == "${") out += '$';
      out += text[i];
    }
  }
  return out + "\"";
}

}  // namespace

std::string yaml_text(std::string_view text) {
  return in_quotes(text, true);
}

std::string yaml_name(std::string_view text) {
  return is_plain(text) ? std::string(text) : in_quotes(text, false);
}

std::string yaml_word(std::string_view text) {
  return is_plain(text) ? std::string(text) : yaml_text(text);
}

std::string plain_number(double value) {
  char text[32];
  auto [end, fault] = std::to_chars(text, text + sizeof text, value);
  return fault == std::errc{} ? std::string(text, end) : "0";
}

namespace {

std::string setting_text(const SettingValue& value) {
  if (auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
  if (auto* number = std::get_if<double>(&value)) {
    std::string text = plain_number(*number);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  return yaml_text(std::get<std::string>(value));
}

}  // namespace

std::string settings_text(const std::vector<std::pair<std::string, SettingValue>>& settings) {
  std::vector<std::string> names;
  for (const auto& [name, value] : settings) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  auto values = [&](const std::string& name) {
    std::vector<std::string> texts;
    for (const auto& [other, value] : settings) {
      if (other == name) texts.push_back(setting_text(value));
    }
    if (texts.size() == 1) return texts[0];
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "[" : ", ") + text;
    return list + "]";
  };
  std::string out, map;
  for (const std::string& name : names) {
    size_t dot = name.find('.');
    std::string head = name.substr(0, dot);
    if (!map.empty() && (dot == std::string::npos || head != map)) {
      out += "}";
      map.clear();
    }
    bool opens = dot != std::string::npos && map.empty();
    bool goes_on = dot != std::string::npos && !map.empty();
    if (!out.empty()) out += ", ";
    if (opens) out += yaml_name(head) + ": {";
    std::string key = opens || goes_on ? name.substr(dot + 1) : name;
    out += yaml_name(key) + ": " + values(name);
    if (dot != std::string::npos) map = head;
  }
  return "{" + out + (map.empty() ? "}" : "}}");
}

std::string Page::below(std::string_view name) const {
  return path_below(levels_.empty() ? "" : levels_.back().path, name);
}

void Page::line(std::string_view text, const std::string& path, std::string_view remark) {
  out_.append(levels_.size() * 2, ' ');
  out_ += text;
  auto origin = origins_.find(path);
  std::string_view comment = origin != origins_.end() ? origin->second : remark;
  if (!comment.empty()) out_ += "  # " + std::string(comment);
  out_ += '\n';
}

void Page::open(std::string_view name) {
  std::string path = below(name);
  line(yaml_name(name) + ":", path, {});
  levels_.push_back({std::move(path), 0});
}

void Page::close() {
  levels_.pop_back();
}

void Page::put(std::string_view name, std::string_view value, std::string_view remark_text) {
  line(yaml_name(name) + ": " + std::string(value), below(name), remark_text);
}

void Page::item(std::string_view value) {
  Level& level = levels_.back();
  std::string path = level.path + "[" + std::to_string(level.items++) + "]";
  line("- " + std::string(value), path, {});
}

void Page::remark(std::string_view text) {
  out_.append(levels_.size() * 2, ' ');
  out_ += "# " + std::string(text) + "\n";
}

}  // namespace keel::relay
