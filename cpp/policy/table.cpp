#include "policy/table.hpp"

#include "policy/policies.hpp"
#include "policy/settings.hpp"
#include "policy/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>

namespace keel::policy {

namespace {

// What version 1.0 of the ABI had, whatever later fields a newer header adds.
constexpr size_t kPluginSize = offsetof(keel_plugin, at) + sizeof(keel_plugin::at);
constexpr size_t kPolicySize = offsetof(keel_policy, functions) + sizeof(keel_policy::functions);
constexpr size_t kDescriptorSize =
    offsetof(keel_descriptor, settings) + sizeof(keel_descriptor::settings);
constexpr size_t kSpecSize = offsetof(keel_setting_spec, max) + sizeof(keel_setting_spec::max);
constexpr size_t kRoutingSize =
    offsetof(keel_routing_functions, observe) + sizeof(keel_routing_functions::observe);
constexpr size_t kCostSize =
    offsetof(keel_cost_functions, advise) + sizeof(keel_cost_functions::advise);
constexpr size_t kTtlSize = offsetof(keel_ttl_functions, ttl) + sizeof(keel_ttl_functions::ttl);

using Problem = std::optional<std::string>;

Problem size_problem(std::string_view what, size_t found, size_t wanted) {
  if (found >= wanted) return {};
  return std::string(what) + ": found struct_size " + std::to_string(found) + ", wanted at least " +
         std::to_string(wanted);
}

std::string abi_text(uint32_t major, uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

Problem plugin_problem(const keel_plugin* plugin) {
  if (plugin == nullptr) return KEEL_PLUGIN_ENTRY "() returned NULL, wanted a table";
  // These three fields stay where they are in every version, so they may be read first.
  if (auto p = size_problem("keel_plugin", plugin->struct_size, offsetof(keel_plugin, get))) {
    return p;
  }
  if (plugin->abi_major != KEEL_ABI_MAJOR || plugin->abi_minor > KEEL_ABI_MINOR) {
    return "was built for policy ABI " + abi_text(plugin->abi_major, plugin->abi_minor) +
           ", this Keel speaks " + abi_text(KEEL_ABI_MAJOR, KEEL_ABI_MINOR) +
           "; build it against the headers of this Keel";
  }
  if (auto p = size_problem("keel_plugin", plugin->struct_size, kPluginSize)) return p;
  if (plugin->get == nullptr || plugin->at == nullptr) {
    return "keel_plugin: get or at is NULL, wanted both";
  }
  if (plugin->policy_count == 0 || plugin->policy_count > KEEL_POLICIES_MAX) {
    return "found " + std::to_string(plugin->policy_count) + " policies, wanted 1 to " +
           std::to_string(KEEL_POLICIES_MAX);
  }
  return {};
}

bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && text.size() <= KEEL_NAME_MAX &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  also.find(c) != std::string_view::npos;
         });
}

bool is_line(keel_text text) {
  return (text.data != nullptr || text.size == 0) && text.size <= KEEL_MESSAGE_MAX &&
         is_utf8(view_of(text));
}

Problem default_problem(const keel_setting_spec& spec) {
  if (std::isnan(spec.min) || std::isnan(spec.max) || spec.min > spec.max) {
    return "its range is empty";
  }
  if ((spec.flags & (KEEL_SETTING_REQUIRED | KEEL_SETTING_MAP)) != 0) return {};
  bool integer = spec.type == KEEL_SETTING_INTEGER;
  if (!integer && spec.type != KEEL_SETTING_NUMBER) {
    if (is_line(spec.default_text)) return {};
    return "its default is not UTF-8 text";
  }
  double value = integer ? static_cast<double>(spec.default_integer) : spec.default_number;
  if (value >= spec.min && value <= spec.max) return {};
  return "its default is outside its range";
}

Problem setting_problem(const keel_descriptor& d, uint32_t index) {
  const keel_setting_spec& spec = setting_spec_at(d, index);
  std::string what = "setting " + std::to_string(index);
  if (auto p = size_problem(what, spec.struct_size, kSpecSize)) return p;
  if (!is_word(view_of(spec.name), "_")) return what + ": its name is not of [a-z0-9_]+";
  what = "setting '" + std::string(view_of(spec.name)) + "'";
  if (spec.type < KEEL_SETTING_TEXT || spec.type > KEEL_SETTING_BOOLEAN) {
    return what + ": found type " + std::to_string(spec.type) + ", wanted 1 to 4";
  }
  if (!is_line(spec.summary)) return what + ": its summary is not one line of UTF-8";
  if (auto p = default_problem(spec)) return what + ": " + *p;
  for (uint32_t i = 0; i < index; ++i) {
    if (view_of(setting_spec_at(d, i).name) == view_of(spec.name)) {
      return what + " is declared twice";
    }
  }
  return {};
}

Problem descriptor_problem(const keel_descriptor& d) {
  if (auto p = size_problem("keel_descriptor", d.struct_size, kDescriptorSize)) return p;
  if (!is_word(view_of(d.id), "_-")) return "its id is not of [a-z0-9_-]+";
  if (!is_word(view_of(d.kind), "_-./"))
    return "its kind is no kind, wanted one like " KEEL_KIND_COST;
  if (!is_line(d.version) || !is_line(d.summary)) {
    return "version or summary is not one line of UTF-8";
  }
  if (d.setting_count > KEEL_SETTINGS_MAX) {
    return "declares " + std::to_string(d.setting_count) + " settings, wanted at most " +
           std::to_string(KEEL_SETTINGS_MAX);
  }
  if (d.setting_count == 0) return {};
  if (d.settings == nullptr) return "settings is NULL";
  if (auto p = size_problem("setting_stride", d.setting_stride, kSpecSize)) return p;
  for (uint32_t i = 0; i < d.setting_count; ++i) {
    if (auto p = setting_problem(d, i)) return p;
  }
  return {};
}

Problem functions_problem(std::string_view kind, const void* functions) {
  if (kind == KEEL_KIND_ROUTING) {
    const auto& f = *static_cast<const keel_routing_functions*>(functions);
    if (auto p = size_problem("keel_routing_functions", f.struct_size, kRoutingSize)) return p;
    if (f.route == nullptr) return "route is NULL";
  } else if (kind == KEEL_KIND_COST) {
    const auto& f = *static_cast<const keel_cost_functions*>(functions);
    if (auto p = size_problem("keel_cost_functions", f.struct_size, kCostSize)) return p;
    if (f.price == nullptr) return "price is NULL";
  } else if (kind == KEEL_KIND_CACHE_TTL) {
    const auto& f = *static_cast<const keel_ttl_functions*>(functions);
    if (auto p = size_problem("keel_ttl_functions", f.struct_size, kTtlSize)) return p;
    if (f.ttl == nullptr) return "ttl is NULL";
  }
  return {};
}

Problem policy_problem(const keel_plugin& plugin, uint32_t index) {
  const keel_policy* policy = plugin.at(index);
  std::string what = "policy " + std::to_string(index);
  if (policy == nullptr) {
    return what + ": at() returned NULL, wanted a policy, as policy_count is " +
           std::to_string(plugin.policy_count);
  }
  if (auto p = size_problem(what, policy->struct_size, kPolicySize)) return p;
  if (policy->descriptor == nullptr) return what + ": descriptor is NULL";
  if (auto p = descriptor_problem(*policy->descriptor)) return what + ": " + *p;
  what = "policy '" + name_of(*policy) + "'";
  if (policy->create == nullptr || policy->destroy == nullptr || policy->functions == nullptr) {
    return what + ": create, destroy or functions is NULL, wanted all three";
  }
  const keel_descriptor& d = *policy->descriptor;
  if (auto p = functions_problem(view_of(d.kind), policy->functions)) return what + ": " + *p;
  if (plugin.get(d.kind, d.id) != policy) {
    return what + ": get() does not return it for its own kind and id";
  }
  return {};
}

Error refusal(std::string message) {
  return {"policy_error", "", std::move(message)};
}

}  // namespace

std::string name_of(const keel_policy& policy) {
  return std::string(view_of(policy.descriptor->id)) + " (" +
         std::string(view_of(policy.descriptor->kind)) + ")";
}

Result<std::vector<const keel_policy*>> policies_of(const keel_plugin* plugin) {
  if (auto problem = plugin_problem(plugin)) return refusal(*problem);
  std::vector<const keel_policy*> out;
  for (uint32_t i = 0; i < plugin->policy_count; ++i) {
    if (auto problem = policy_problem(*plugin, i)) return refusal(*problem);
    out.push_back(plugin->at(i));
  }
  // A name nobody can have: an id has no space.
  if (plugin->get(text_of(KEEL_KIND_ROUTING), text_of("no such id")) != nullptr) {
    return refusal("get() returned a policy for an id it does not have, wanted NULL");
  }
  return out;
}

}  // namespace keel::policy
