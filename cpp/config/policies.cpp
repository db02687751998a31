#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

struct BuiltIn {
  std::string_view id;
  PolicyKind kind;
};
constexpr BuiltIn kBuiltIns[] = {
    {"ordered", PolicyKind::routing},       {"weighted_health", PolicyKind::routing},
    {"least_latency", PolicyKind::routing}, {"list_price", PolicyKind::cost},
    {"downgrade", PolicyKind::cost},        {"fixed_ttl", PolicyKind::ttl},
    {"keyword_ttl", PolicyKind::ttl},
};

std::string_view name_of(PolicyKind kind) {
  return kind == PolicyKind::routing ? "routing" : kind == PolicyKind::cost ? "cost" : "TTL";
}

const BuiltIn* built_in(std::string_view id) {
  auto at = std::find_if(std::begin(kBuiltIns), std::end(kBuiltIns),
                         [&](const BuiltIn& b) { return b.id == id; });
  return at == std::end(kBuiltIns) ? nullptr : &*at;
}

std::vector<std::string> built_in_ids(std::optional<PolicyKind> kind = std::nullopt) {
  std::vector<std::string> ids;
  for (const BuiltIn& b : kBuiltIns) {
    if (!kind || b.kind == *kind) ids.emplace_back(b.id);
  }
  return ids;
}

// What is written in quotes is a text; else it is what it looks like.
std::optional<SettingValue> setting_value(const Value& value) {
  auto word = value.text();
  if (!word) return std::nullopt;
  if (value.is_quoted() && value.node().Scalar() == *word) return SettingValue(*word);
  if (auto flag = parse_boolean(*word)) return SettingValue(*flag);
  if (auto whole = parse_integer(*word)) return SettingValue(*whole);
  if (auto number = parse_number(*word)) return SettingValue(*number);
  return SettingValue(*word);
}

// `name: value`, a list (the name repeats) or a mapping (`name.key`).
void read_setting(const std::string& name, const Value& value, bool nested, PolicyConfig& policy) {
  if (value.is_map() && !nested) {
    Section section(value);
    for (const Section::Entry& entry : section.entries()) {
      read_setting(name + "." + entry.name, entry.value, true, policy);
    }
  } else if (value.is_list()) {
    for (const Value& item : value.items()) {
      if (auto read = setting_value(item)) policy.settings.emplace_back(name, *read);
    }
  } else if (auto read = setting_value(value)) {
    policy.settings.emplace_back(name, *read);
  }
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void read_file(Section& section, PolicyConfig& policy) {
  if (auto file = section.get_unless_null("file")) {
    auto path = file->text();
    if (path && !path->starts_with('/')) {
      file->wanted("an absolute path to a policy's shared object");
    } else if (path) {
      policy.file = *path;
    }
  }
  if (auto pin = section.get_unless_null("sha256")) {
    auto digest = pin->text();
    if (digest && !is_sha256(*digest)) {
      pin->wanted("a SHA-256 as 64 lower-case hex digits");
    } else if (digest) {
      policy.sha256 = *digest;
    }
  }
}

PolicyConfig read_policy(const Value& value) {
  PolicyConfig policy;
  Section section(value);
  bool has_file = section.get_unless_null("file").has_value();
  read_file(section, policy);
  auto id = has_file ? section.get_unless_null("id") : section.require("id", "a policy's id");
  if (id) policy.id = id->name_text("a policy's id").value_or("");
  if (id && !policy.id.empty() && !has_file && built_in(policy.id) == nullptr) {
    id->problem("no built-in policy is named " + quoted(policy.id) +
                suggestion(policy.id, built_in_ids(), "there are:"));
  }
  policy.allow_text = !has_file && policy.id == "keyword_ttl";
  section.read("allow_text", policy.allow_text);
  if (auto settings = section.get("settings")) {
    Section named(*settings);
    for (const Section::Entry& entry : named.entries()) {
      read_setting(entry.name, entry.value, false, policy);
    }
  }
  section.finish();
  return policy;
}

}  // namespace

void set(PolicyConfig& policy, std::string name, SettingValue value) {
  policy.settings.emplace_back(std::move(name), std::move(value));
}

bool has_setting(const PolicyConfig& policy, std::string_view name) {
  return std::any_of(policy.settings.begin(), policy.settings.end(), [&](const auto& setting) {
    std::string_view given = setting.first;
    return given == name || (given.starts_with(name) && given.substr(name.size()).starts_with('.'));
  });
}

SettingValue in_seconds(Duration duration) {
  constexpr int64_t kSecond = 1'000'000'000;
  if (duration.ns % kSecond == 0) return SettingValue(duration.ns / kSecond);
  return SettingValue(duration.seconds());
}

void Policies::read(const Value& value) {
  Section section(value);
  for (const Section::Entry& entry : section.entries()) {
    if (built_in(entry.name) != nullptr) {
      entry.value.reading().problem(
          entry.line, entry.value.path(),
          quoted(entry.name) + " is a built-in policy's id, wanted another name");
    }
    named_[entry.name] = read_policy(entry.value);
  }
}

std::optional<PolicyConfig> Policies::chosen(const Value& value, PolicyKind kind) const {
  PolicyConfig policy;
  if (value.is_map()) {
    policy = read_policy(value);
  } else {
    auto name = value.name_text("a policy's id or a name from policies");
    if (!name) return std::nullopt;
    if (auto at = named_.find(*name); at != named_.end()) {
      policy = at->second;
    } else if (built_in(*name) != nullptr) {
      policy.id = *name;
      policy.allow_text = *name == "keyword_ttl";
    } else {
      std::vector<std::string> known = built_in_ids(kind);
      for (const auto& [other, config] : named_) known.push_back(other);
      value.problem("no policy is named " + quoted(*name) + suggestion(*name, known, "there are:"));
      return std::nullopt;
    }
  }
  const BuiltIn* found = policy.file.empty() ? built_in(policy.id) : nullptr;
  if (found != nullptr && found->kind != kind) {
    std::string list;
    for (const std::string& id : built_in_ids(kind)) list += (list.empty() ? "" : " or ") + id;
    value.problem("found the " + std::string(name_of(found->kind)) + " policy " +
                  std::string(found->id) + ", wanted a " + std::string(name_of(kind)) +
                  " policy such as " + list);
    return std::nullopt;
  }
  return policy;
}

}  // namespace keel::relay
