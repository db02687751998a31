#include "mock/yaml.hpp"

#include <charconv>
#include <string>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

namespace keel::mock {

namespace {

using nlohmann::json;

template <typename T>
bool parses_whole(const std::string& text, T& value) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size();
}

json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  int64_t integer = 0;
  if (parses_whole(text, integer)) return integer;
  double number = 0;
  if ((text[0] == '-' || text[0] == '.' || (text[0] >= '0' && text[0] <= '9')) &&
      parses_whole(text, number)) {
    return number;
  }
  return text;
}

json convert(const YAML::Node& node) {
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& entry : node) object[entry.first.as<std::string>()] = convert(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    json array = json::array();
    for (const auto& entry : node) array.push_back(convert(entry));
    return array;
  }
  return node.IsScalar() ? scalar(node) : json(nullptr);
}

}  // namespace

Result<json> json_of_yaml(std::string_view text) {
  try {
    return convert(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& problem) {
    return Error{"bad_yaml", "line " + std::to_string(problem.mark.line + 1),
                 "wanted YAML or JSON, found: " + problem.msg};
  }
}

}  // namespace keel::mock
