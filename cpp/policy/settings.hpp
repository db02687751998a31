#pragma once
// A policy's settings: what the configuration gives, checked against what the policy declares, and
// the flat table create() reads.

#include "base/result.hpp"

#include <keel/abi.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace keel::policy {

using SettingValue = std::variant<std::string, int64_t, double, bool>;

// `name` is "tolerance", or "mapping.gpt-4" for an entry of the map `mapping`; an entry may be
// given more than once: a list, in order.
struct Setting {
  std::string name;
  SettingValue value;
};
using Settings = std::vector<Setting>;

const keel_setting_spec& setting_spec_at(const keel_descriptor& descriptor, uint32_t index);

// Every problem at once; `where` is the setting's name, the message what was found and what was
// wanted. Empty: create() may be called.
std::vector<Error> check_settings(const keel_descriptor& descriptor, const Settings& settings);

// Checked settings with the defaults of the others filled in. Borrows texts from both arguments.
class SettingTable {
 public:
  SettingTable(const keel_descriptor& descriptor, const Settings& settings);
  keel_settings view() const;

 private:
  std::vector<keel_setting> rows_;
};

}  // namespace keel::policy
