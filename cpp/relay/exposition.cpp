#include "relay/exposition.hpp"

#include <charconv>

namespace keel::relay {

namespace {

void append_escaped(std::string& out, std::string_view value) {
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
}

}  // namespace

std::string decimal_text(double value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::sample(const Labels& labels, uint64_t value) {
  line("", labels, std::to_string(value));
}

void Exposition::sample(const Labels& labels, int64_t value) {
  line("", labels, std::to_string(value));
}

void Exposition::sample(const Labels& labels, double value) {
  line("", labels, decimal_text(value));
}

void Exposition::part(std::string_view suffix, const Labels& labels, uint64_t value) {
  line(suffix, labels, std::to_string(value));
}

void Exposition::part(std::string_view suffix, const Labels& labels, double value) {
  line(suffix, labels, decimal_text(value));
}

void Exposition::line(std::string_view suffix, const Labels& labels, std::string_view value) {
  out_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [name, text] : labels) {
    out_ += before;
    out_.append(name).append("=\"");
    append_escaped(out_, text);
    out_ += '"';
    before = ',';
  }
  if (!labels.empty()) out_ += '}';
  out_.append(" ").append(value).append("\n");
}

}  // namespace keel::relay
