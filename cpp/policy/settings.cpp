#include "policy/settings.hpp"

#include "policy/policies.hpp"
#include "policy/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace keel::policy {

namespace {

std::string text_of_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::string found(const SettingValue& value) {
  switch (value.index()) {
    case 0:
      return "the text '" + std::get<std::string>(value) + "'";
    case 1:
      return std::to_string(std::get<int64_t>(value));
    case 2:
      return text_of_number(std::get<double>(value));
    default:
      return std::get<bool>(value) ? "true" : "false";
  }
}

std::string wanted(const keel_setting_spec& spec) {
  if (spec.type == KEEL_SETTING_TEXT) return "a text";
  if (spec.type == KEEL_SETTING_BOOLEAN) return "true or false";
  std::string out = spec.type == KEEL_SETTING_INTEGER ? "a whole number" : "a number";
  if (std::isfinite(spec.min)) out += " from " + text_of_number(spec.min);
  if (std::isfinite(spec.max)) out += " up to " + text_of_number(spec.max);
  return out;
}

bool in_range(const keel_setting_spec& spec, double value) {
  return value >= spec.min && value <= spec.max;  // false for NaN
}

bool fits(const keel_setting_spec& spec, const SettingValue& value) {
  switch (spec.type) {
    case KEEL_SETTING_TEXT:
      return value.index() == 0 && is_utf8(std::get<std::string>(value));
    case KEEL_SETTING_INTEGER:
      return value.index() == 1 && in_range(spec, static_cast<double>(std::get<int64_t>(value)));
    case KEEL_SETTING_NUMBER:
      if (value.index() == 1) return in_range(spec, static_cast<double>(std::get<int64_t>(value)));
      return value.index() == 2 && std::isfinite(std::get<double>(value)) &&
             in_range(spec, std::get<double>(value));
    default:
      return value.index() == 3;
  }
}

bool is_map(const keel_setting_spec& spec) {
  return (spec.flags & KEEL_SETTING_MAP) != 0;
}

bool names(const keel_setting_spec& spec, std::string_view name) {
  std::string_view declared = view_of(spec.name);
  if (!is_map(spec)) return name == declared;
  return name.size() > declared.size() + 1 && name.substr(0, declared.size()) == declared &&
         name[declared.size()] == '.';
}

const keel_setting_spec* spec_of(const keel_descriptor& descriptor, std::string_view name) {
  for (uint32_t i = 0; i < descriptor.setting_count; ++i) {
    const keel_setting_spec& spec = setting_spec_at(descriptor, i);
    if (names(spec, name)) return &spec;
  }
  return nullptr;
}

Error problem(std::string_view name, std::string message) {
  return {"policy_setting", std::string(name), std::move(message)};
}

Error unknown(const keel_descriptor& descriptor, std::string_view name) {
  std::vector<std::string_view> known;
  for (uint32_t i = 0; i < descriptor.setting_count; ++i) {
    const keel_setting_spec& spec = setting_spec_at(descriptor, i);
    std::string_view declared = view_of(spec.name);
    if (name == declared || name == std::string(declared) + ".") {
      return problem(name, "found a single value, wanted a table of " + wanted(spec) + " by name");
    }
    known.push_back(declared);
  }
  return problem(name, "policy '" + std::string(view_of(descriptor.id)) + "' has no setting '" +
                           std::string(name) + "'" + suggestion(name, known));
}

keel_setting row(uint32_t type, keel_text name) {
  keel_setting s{};
  s.struct_size = sizeof s;
  s.type = type;
  s.name = name;
  return s;
}

keel_setting row_of(const keel_setting_spec& spec, const Setting& given) {
  keel_setting s = row(spec.type, text_of(given.name));
  if (auto* text = std::get_if<std::string>(&given.value)) s.text = text_of(*text);
  if (auto* integer = std::get_if<int64_t>(&given.value)) {
    s.integer = *integer;
    s.number = static_cast<double>(*integer);
  }
  if (auto* number = std::get_if<double>(&given.value)) s.number = *number;
  if (auto* boolean = std::get_if<bool>(&given.value)) s.integer = *boolean ? 1 : 0;
  return s;
}

keel_setting default_of(const keel_setting_spec& spec) {
  keel_setting s = row(spec.type, spec.name);
  if (spec.type == KEEL_SETTING_TEXT) s.text = spec.default_text;
  if (spec.type == KEEL_SETTING_INTEGER) s.integer = spec.default_integer;
  if (spec.type == KEEL_SETTING_NUMBER) s.number = spec.default_number;
  if (spec.type == KEEL_SETTING_BOOLEAN) s.integer = spec.default_boolean != 0 ? 1 : 0;
  return s;
}

bool given(const keel_setting_spec& spec, const Settings& settings) {
  return std::any_of(settings.begin(), settings.end(),
                     [&](const Setting& s) { return names(spec, s.name); });
}

}  // namespace

const keel_setting_spec& setting_spec_at(const keel_descriptor& descriptor, uint32_t index) {
  const char* first = reinterpret_cast<const char*>(descriptor.settings);
  return *reinterpret_cast<const keel_setting_spec*>(first + index * descriptor.setting_stride);
}

std::vector<Error> check_settings(const keel_descriptor& descriptor, const Settings& settings) {
  std::vector<Error> problems;
  for (size_t i = 0; i < settings.size(); ++i) {
    const Setting& setting = settings[i];
    const keel_setting_spec* spec = spec_of(descriptor, setting.name);
    if (spec == nullptr) {
      problems.push_back(unknown(descriptor, setting.name));
      continue;
    }
    if (!fits(*spec, setting.value)) {
      problems.push_back(
          problem(setting.name, "found " + found(setting.value) + ", wanted " + wanted(*spec)));
    }
    bool again = std::any_of(settings.begin(), settings.begin() + static_cast<ptrdiff_t>(i),
                             [&](const Setting& s) { return s.name == setting.name; });
    if (again && !is_map(*spec)) {
      problems.push_back(problem(setting.name, "found twice, wanted once"));
    }
  }
  for (uint32_t i = 0; i < descriptor.setting_count; ++i) {
    const keel_setting_spec& spec = setting_spec_at(descriptor, i);
    if ((spec.flags & KEEL_SETTING_REQUIRED) == 0 || given(spec, settings)) continue;
    problems.push_back(problem(view_of(spec.name), "is required by policy '" +
                                                       std::string(view_of(descriptor.id)) +
                                                       "': " + std::string(view_of(spec.summary))));
  }
  return problems;
}

SettingTable::SettingTable(const keel_descriptor& descriptor, const Settings& settings) {
  for (const Setting& setting : settings) {
    rows_.push_back(row_of(*spec_of(descriptor, setting.name), setting));
  }
  for (uint32_t i = 0; i < descriptor.setting_count; ++i) {
    const keel_setting_spec& spec = setting_spec_at(descriptor, i);
    if (!is_map(spec) && !given(spec, settings)) rows_.push_back(default_of(spec));
  }
}

keel_settings SettingTable::view() const {
  return {sizeof(keel_settings), static_cast<uint32_t>(rows_.size()), sizeof(keel_setting),
          rows_.data()};
}

}  // namespace keel::policy
