#include "config/node.hpp"

#include "config/values.hpp"

#include <algorithm>
#include <cctype>

namespace keel::relay {

namespace {

// A value that is not there has the mark of what follows it.
int line_of(const YAML::Node& node, int otherwise) {
  if (node.IsNull()) return otherwise;
  int line = node.Mark().line + 1;
  return line > 0 ? line : otherwise;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
}

std::string bound_text(double value) {
  if (value == static_cast<double>(static_cast<int64_t>(value))) {
    return std::to_string(static_cast<int64_t>(value));
  }
  std::string text = std::to_string(value);
  while (text.back() == '0') text.pop_back();
  return text;
}

}  // namespace

std::string path_below(const std::string& parent, std::string_view name) {
  if (!is_plain_name(name)) return parent + "[" + quoted(name) + "]";
  return parent.empty() ? std::string(name) : parent + "." + std::string(name);
}

void Value::problem(std::string message) const {
  reading_->problem(line_, path_, std::move(message));
}

void Value::wanted(std::string_view what) const {
  problem("found " + found() + ", wanted " + std::string(what));
}

std::string Value::found() const {
  if (node_.IsNull()) return "nothing";
  if (node_.IsSequence()) return "a list";
  if (node_.IsMap()) return "a mapping";
  return quoted(node_.Scalar());
}

std::optional<bool> Value::boolean() const {
  auto word = text();
  if (!word) return std::nullopt;
  auto value = parse_boolean(*word);
  if (!value) wanted("true or false");
  return value;
}

std::optional<int64_t> Value::integer(int64_t least, int64_t most) const {
  auto word = text();
  if (!word) return std::nullopt;
  auto value = parse_integer(*word);
  if (value && *value >= least && *value <= most) return value;
  wanted("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<double> Value::number(double least, double most) const {
  auto word = text();
  if (!word) return std::nullopt;
  auto value = parse_number(*word);
  if (value && *value >= least && *value <= most) return value;
  wanted("a number from " + bound_text(least) + " to " + bound_text(most));
  return std::nullopt;
}

std::optional<Duration> Value::duration(Duration least, Duration most) const {
  auto word = text();
  if (!word) return std::nullopt;
  auto value = parse_duration(*word);
  if (!value) {
    wanted("a duration such as 500ms, 2s, 5m, 1h or 1d (a bare number is seconds)");
    return std::nullopt;
  }
  if (*value >= least && *value <= most) return value;
  wanted("a duration from " + duration_text(least) + " to " + duration_text(most));
  return std::nullopt;
}

std::optional<int64_t> Value::size(int64_t least, int64_t most) const {
  auto word = text();
  if (!word) return std::nullopt;
  auto value = parse_size(*word);
  if (!value) {
    wanted("a size such as 64MiB, 512KiB or 1GB (a bare number is bytes)");
    return std::nullopt;
  }
  if (*value >= least && *value <= most) return value;
  wanted("a size from " + size_text(least) + " to " + size_text(most));
  return std::nullopt;
}

std::optional<NanoUsd> Value::usd(int64_t most_dollars) const {
  auto word = text();
  if (!word) return std::nullopt;
  Decimal amount = parse_decimal(*word);
  if (amount.fault == Decimal::Fault::none && amount.nano >= 0 &&
      amount.nano / 1'000'000'000 <= most_dollars &&
      (amount.nano / 1'000'000'000 < most_dollars || amount.nano % 1'000'000'000 == 0)) {
    return NanoUsd{amount.nano};
  }
  if (amount.fault == Decimal::Fault::too_fine) {
    wanted("US dollars with at most nine decimals");
  } else {
    wanted("US dollars from 0 to " + std::to_string(most_dollars));
  }
  return std::nullopt;
}

std::optional<size_t> Value::choice(std::initializer_list<std::string_view> words) const {
  auto word = text();
  if (!word) return std::nullopt;
  std::vector<std::string> known(words.begin(), words.end());
  auto at = std::find(known.begin(), known.end(), *word);
  if (at != known.end()) return static_cast<size_t>(at - known.begin());
  std::string list;
  for (size_t i = 0; i < known.size(); ++i) {
    list += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + known[i];
  }
  std::string near = nearest_name(*word, known);
  wanted(list + (near.empty() ? "" : "; the nearest is " + quoted(near)));
  return std::nullopt;
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (!node_.IsSequence()) {
    wanted("a list");
    return out;
  }
  size_t index = 0;
  for (const YAML::Node& item : node_) {
    out.emplace_back(*reading_, item, path_ + "[" + std::to_string(index++) + "]",
                     line_of(item, line_));
  }
  return out;
}

Section::Section(const Value& value) : value_(value) {
  if (value.is_null()) {
    is_map_ = true;
    return;
  }
  if (!value.is_map()) {
    value.wanted("a mapping");
    return;
  }
  is_map_ = true;
  Reading& reading = value.reading();
  for (const auto& field : value.node()) {
    int line = line_of(field.first, value.line());
    if (!field.first.IsScalar()) {
      reading.problem(line, value.path(), "found a key that is no text, wanted a name");
      continue;
    }
    const std::string& name = field.first.Scalar();
    auto first = std::find_if(fields_.begin(), fields_.end(),
                              [&](const Field& f) { return f.name == name; });
    if (first != fields_.end()) {
      reading.problem(line, path_below(value.path(), name),
                      "this key stands twice (first on line " + std::to_string(first->line) +
                          "), wanted it once");
      continue;
    }
    fields_.push_back({name, field.second, line});
  }
}

std::optional<Value> Section::get(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.emplace_back(name);
  for (Field& field : fields_) {
    if (field.name != name) continue;
    field.asked = true;
    return Value(value_.reading(), field.node, path_below(value_.path(), name),
                 line_of(field.node, field.line));
  }
  return std::nullopt;
}

std::optional<Value> Section::get_unless_null(std::string_view name) {
  auto value = get(name);
  if (value && value->is_null()) return std::nullopt;
  return value;
}

std::optional<Value> Section::require(std::string_view name, std::string_view wanted) {
  auto value = get(name);
  if (!value && is_map_) {
    value_.reading().problem(value_.line(), path_below(value_.path(), name),
                             "missing, wanted " + std::string(wanted));
  }
  return value;
}

void Section::later(std::string_view name) {
  for (Field& field : fields_) {
    if (field.name != name) continue;
    field.asked = true;
    value_.reading().problem(field.line, path_below(value_.path(), name),
                             "not part of this version");
  }
}

void Section::finish() {
  for (const Field& field : fields_) {
    if (field.asked) continue;
    value_.reading().problem(
        field.line, path_below(value_.path(), field.name),
        "unknown key " + quoted(field.name) + suggestion(field.name, known_, "known here:"));
  }
}

std::vector<Section::Entry> Section::entries() {
  std::vector<Entry> out;
  for (Field& field : fields_) {
    field.asked = true;
    Value value(value_.reading(), field.node, path_below(value_.path(), field.name),
                line_of(field.node, field.line));
    out.push_back({field.name, std::move(value), field.line});
  }
  return out;
}

void Section::read(std::string_view name, bool& out) {
  if (auto value = get(name)) out = value->boolean().value_or(out);
}

void Section::read(std::string_view name, std::string& out) {
  if (auto value = get(name)) out = value->text().value_or(out);
}

void Section::read(std::string_view name, double& out, double least, double most) {
  if (auto value = get(name)) out = value->number(least, most).value_or(out);
}

void Section::read(std::string_view name, int64_t& out, int64_t least, int64_t most) {
  if (auto value = get(name)) out = value->integer(least, most).value_or(out);
}

void Section::read(std::string_view name, int& out, int least, int most) {
  if (auto value = get(name)) out = static_cast<int>(value->integer(least, most).value_or(out));
}

void Section::read(std::string_view name, Duration& out, Duration least, Duration most) {
  if (auto value = get(name)) out = value->duration(least, most).value_or(out);
}

void Section::read_size(std::string_view name, int64_t& out, int64_t least, int64_t most) {
  if (auto value = get(name)) out = value->size(least, most).value_or(out);
}

}  // namespace keel::relay
