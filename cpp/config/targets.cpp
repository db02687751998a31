#include "config/catalog.hpp"
#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <set>

namespace keel::relay {

namespace {

std::vector<std::string> provider_names(const Config& config) {
  std::vector<std::string> names;
  for (const ProviderConfig& provider : config.providers) names.push_back(provider.name);
  return names;
}

std::optional<ProviderIndex> provider_named(std::string_view name, const Config& config) {
  for (size_t i = 0; i < config.providers.size(); ++i) {
    if (config.providers[i].name == name) return static_cast<ProviderIndex>(i);
  }
  return std::nullopt;
}

bool knows_model(const ProviderConfig& provider, std::string_view model) {
  for (const ModelConfig& known : provider.models) {
    if (known.name == model) return true;
  }
  const CatalogProvider* known = catalog_provider(provider.name);
  return known != nullptr && catalog_model(*known, model).has_value();
}

// The provider's model of this name, added from the catalog or as an unknown one.
uint32_t model_of(const Value& where, std::string_view name, ProviderConfig& provider) {
  for (size_t i = 0; i < provider.models.size(); ++i) {
    if (provider.models[i].name == name) return static_cast<uint32_t>(i);
  }
  ModelConfig model;
  if (const CatalogProvider* known = catalog_provider(provider.name)) {
    model = catalog_model(*known, name).value_or(model);
  }
  if (model.name.empty()) {
    std::string near = nearest_name(name, known_models(provider));
    where.reading().note(where.path() + ": " + provider.name + "/" + std::string(name) +
                         " is a model nobody here knows: without a price it is refused where a "
                         "budget applies" +
                         (near.empty() ? "" : "; the nearest known is " + quoted(near)));
    model.name = name;
  }
  provider.models.push_back(std::move(model));
  return static_cast<uint32_t>(provider.models.size() - 1);
}

TargetIndex target_of(const Value& where, ProviderIndex provider, std::string_view model,
                      Config& config) {
  std::string name = config.providers[provider].name + "/" + std::string(model);
  for (size_t i = 0; i < config.targets.size(); ++i) {
    if (config.targets[i].name == name) return static_cast<TargetIndex>(i);
  }
  TargetConfig target;
  target.name = std::move(name);
  target.provider = provider;
  target.model = model_of(where, model, config.providers[provider]);
  config.targets.push_back(std::move(target));
  return static_cast<TargetIndex>(config.targets.size() - 1);
}

// Every provider that has this model.
std::vector<std::string> targets_with_model(std::string_view model, const Config& config) {
  std::vector<std::string> names;
  for (const ProviderConfig& provider : config.providers) {
    if (knows_model(provider, model)) names.push_back(provider.name + "/" + std::string(model));
  }
  return names;
}

const std::string& model_name(const TargetConfig& target, const Config& config) {
  return config.providers[target.provider].models[target.model].name;
}

bool is_name_of(std::string_view name, const TargetConfig& target, const Config& config) {
  return name == target.name || name == model_name(target, config);
}

// Does asking this route, or choosing one of its targets, meet the name?
bool meets(const RouteConfig& route, std::string_view name, const Config& config) {
  if (route.name == name) return true;
  for (const RouteTarget& own : route.targets) {
    if (is_name_of(name, config.targets[own.target], config)) return true;
  }
  return false;
}

void check_from(const Mapping& entry, const Config& config) {
  if (config.default_route) return;  // it takes any name
  std::vector<std::string> names;
  for (const RouteConfig& route : config.routes) {
    if (meets(route, entry.from, config)) return;
    names.push_back(route.name);
    for (const RouteTarget& own : route.targets) {
      names.push_back(config.targets[own.target].name);
      names.push_back(model_name(config.targets[own.target], config));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  entry.where.problem("no route, target or model in use is named " + quoted(entry.from) +
                      suggestion(entry.from, names, "there are:"));
}

// A target that a mapping leads to from something the route meets belongs to the route, and so do
// its own stand-ins.
void add_downgrades(const Config& config, bool takes_any_name, RouteConfig& route) {
  for (bool added = true; added;) {
    added = false;
    for (const auto& entry : config.mapping) {
      const std::string& to = entry.second;
      if (!takes_any_name && !meets(route, entry.first, config)) continue;
      bool there = std::any_of(route.targets.begin(), route.targets.end(), [&](const auto& own) {
        return config.targets[own.target].name == to;
      });
      if (there) continue;
      auto at = std::find_if(config.targets.begin(), config.targets.end(),
                             [&](const TargetConfig& target) { return target.name == to; });
      RouteTarget target;
      target.target = static_cast<TargetIndex>(at - config.targets.begin());
      target.downgrade_only = true;
      for (const RouteTarget& own : route.targets) target.tier = std::max(target.tier, own.tier);
      route.targets.push_back(target);
      added = true;
    }
  }
}

}  // namespace

std::optional<TargetIndex> target_named(const Value& where, std::string_view name, Config& config) {
  size_t slash = name.find('/');
  std::string_view provider = name.substr(0, slash);
  std::string_view model = slash == std::string_view::npos ? "" : name.substr(slash + 1);
  if (provider.empty() || model.empty()) {
    std::vector<std::string> meant = targets_with_model(name, config);
    where.wanted("provider/model" + (meant.empty() ? "" : ", perhaps " + quoted(meant[0])));
    return std::nullopt;
  }
  auto index = provider_named(provider, config);
  if (!index && catalog_provider(provider) != nullptr) {
    index = add_catalog_provider(where, provider, config);
    if (!index) return std::nullopt;
  }
  if (!index) {
    where.problem("no provider is named " + quoted(provider) +
                  suggestion(provider, provider_names(config), "there are:"));
    return std::nullopt;
  }
  return target_of(where, *index, model, config);
}

std::optional<TargetIndex> target_meant(const Value& where, std::string_view name, Config& config) {
  size_t slash = name.find('/');
  bool names_provider =
      slash != std::string_view::npos && provider_named(name.substr(0, slash), config).has_value();
  if (names_provider) return target_named(where, name, config);
  std::vector<std::string> meant = targets_with_model(name, config);
  if (meant.size() == 1) return target_named(where, meant[0], config);
  if (meant.empty() && catalog_provider(name.substr(0, slash)) != nullptr) {
    return target_named(where, name, config);
  }
  if (meant.size() > 1) {
    where.problem("more than one provider has " + quoted(name) + ", wanted one of " +
                  quoted(meant[0]) + ", " + quoted(meant[1]));
    return std::nullopt;
  }
  std::vector<std::string> known;
  for (const ProviderConfig& provider : config.providers) {
    for (const std::string& model : known_models(provider)) {
      known.push_back(model);
      known.push_back(provider.name + "/" + model);
    }
  }
  where.problem("no target or model is named " + quoted(name) +
                suggestion(name, known, "there are:"));
  return std::nullopt;
}

std::vector<std::string> known_models(const ProviderConfig& provider) {
  std::vector<std::string> names;
  for (const ModelConfig& model : provider.models) names.push_back(model.name);
  const CatalogProvider* known = catalog_provider(provider.name);
  if (known == nullptr) return names;
  for (const CatalogModel& model : known->models) {
    std::string name(model.name);
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

void mark_sole_targets(Config& config) {
  std::set<TargetIndex> named, accompanied;
  for (const RouteConfig& route : config.routes) {
    size_t own = 0;
    for (const RouteTarget& target : route.targets) own += target.downgrade_only ? 0 : 1;
    for (const RouteTarget& target : route.targets) {
      named.insert(target.target);
      if (target.downgrade_only || own > 1) accompanied.insert(target.target);
    }
  }
  for (size_t i = 0; i < config.targets.size(); ++i) {
    auto index = static_cast<TargetIndex>(i);
    config.targets[i].sole = named.contains(index) && !accompanied.contains(index);
  }
}

std::vector<Mapping> read_mapping(const Value& value) {
  std::vector<Mapping> mapping;
  Section section(value);
  for (const Section::Entry& entry : section.entries()) {
    auto to = entry.value.name_text("a target or a model");
    if (to) mapping.push_back({entry.name, *to, entry.value});
  }
  return mapping;
}

void apply_mapping(const std::vector<Mapping>& mapping, Config& config) {
  for (const Mapping& entry : mapping) {
    check_from(entry, config);
    auto to = target_meant(entry.where, entry.to, config);
    if (!to) continue;
    if (is_name_of(entry.from, config.targets[*to], config)) {
      entry.where.problem(quoted(entry.from) + " is mapped to itself, wanted another target");
      continue;
    }
    config.mapping[entry.from] = config.targets[*to].name;
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    RouteConfig& route = config.routes[i];
    add_downgrades(config, config.default_route == static_cast<RouteIndex>(i), route);
    if (route.cost.id != "downgrade" || !route.cost.file.empty()) continue;
    if (has_setting(route.cost, "mapping")) continue;
    for (const auto& [from, to] : config.mapping) set(route.cost, "mapping." + from, to);
  }
}

}  // namespace keel::relay
