#pragma once
// Writing YAML a person reads: one value per line, indented by section, and beside a line what it
// came from.

#include "relay/config.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

// Plain where YAML and our reader take it for the same text, else in quotes.
std::string yaml_word(std::string_view text);
// The same for the name of a line: names are not looked through for variables.
std::string yaml_name(std::string_view text);
// Always in quotes: a text, whatever it looks like.
std::string yaml_text(std::string_view text);
// The shortest decimal that reads back as the same number.
std::string plain_number(double value);

// Settings of a policy in one line: a name that repeats is a list, `name.key` a mapping.
std::string settings_text(const std::vector<std::pair<std::string, SettingValue>>& settings);

class Page {
 public:
  // `origins`: comments by path, see Loaded. They win over a line's own remark.
  explicit Page(const std::map<std::string, std::string>& origins) : origins_(origins) {}

  void open(std::string_view name);
  void close();
  // `value` is YAML already.
  void put(std::string_view name, std::string_view value, std::string_view remark = {});
  void item(std::string_view value);
  void remark(std::string_view text);
  std::string text() const { return out_; }

 private:
  struct Level {
    std::string path;
    int items = 0;
  };
  void line(std::string_view text, const std::string& path, std::string_view remark);
  std::string below(std::string_view name) const;

  const std::map<std::string, std::string>& origins_;
  std::string out_;
  std::vector<Level> levels_;
};

}  // namespace keel::relay
