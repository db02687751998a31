#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace keel::relay {

namespace {

constexpr Duration kYear = hours(24 * 365);

// A route to go to when nothing is left, by name until all routes are known.
struct Onward {
  RouteIndex from;
  std::string to;
  Value where;
};

void read_target(const Value& value, RouteConfig& route, Config& config) {
  RouteTarget target;
  std::optional<Value> where = value;
  if (value.is_map()) {
    Section section(value);
    where = section.require("target", "provider/model");
    section.read("tier", target.tier, 0, 100);
    section.read("weight", target.weight, 0.000001, 1'000'000);
    section.finish();
  }
  if (!where) return;
  auto name = where->name_text("provider/model");
  if (!name) return;
  auto index = target_named(*where, *name, config);
  if (!index) return;
  for (const RouteTarget& other : route.targets) {
    if (other.target == *index) {
      where->problem(quoted(*name) + " is on this route already, wanted each target once");
      return;
    }
  }
  target.target = *index;
  route.targets.push_back(target);
}

void read_targets(Section& section, RouteConfig& route, Config& config) {
  auto value = section.require("targets", "a list of provider/model");
  if (!value) return;
  std::vector<Value> items = value->items();
  if (value->is_list() && items.empty()) value->problem("found an empty list, wanted a target");
  for (const Value& item : items) read_target(item, route, config);
}

void read_on_exhausted(const Value& value, RouteConfig& route, std::vector<Onward>& onward,
                       RouteIndex index) {
  constexpr std::string_view kWanted = "reject, {wait: 2s} or {route: NAME}";
  if (value.is_text()) {
    auto word = value.text();
    if (word && *word == "queue") {
      value.problem("queue is not part of this version, wanted " + std::string(kWanted));
    } else if (word && *word != "reject") {
      value.wanted(kWanted);
    }
    return;
  }
  if (!value.is_map()) {
    value.wanted(kWanted);
    return;
  }
  Section section(value);
  auto wait = section.get("wait");
  auto other = section.get("route");
  section.finish();
  if (wait && other) {
    value.problem("found wait and route, wanted one of them");
  } else if (wait) {
    route.on_exhausted = OnExhausted::wait;
    route.exhausted_wait =
        wait->duration(Duration::zero(), kLongestWait).value_or(Duration::zero());
  } else if (other) {
    route.on_exhausted = OnExhausted::other_route;
    if (auto name = other->text()) onward.push_back({index, *name, *other});
  } else {
    value.wanted(kWanted);
  }
}

std::optional<RouteCache> read_route_cache(const Value& value, const Policies& policies) {
  RouteCache cache;
  Section section(value);
  auto policy = section.get("policy");
  auto ttl = policy ? section.get("ttl") : section.require("ttl", "a duration such as 60s");
  if (auto when = section.get("when")) {
    auto word = when->choice({"deterministic", "always"});
    if (word) cache.when = static_cast<CacheWhen>(*word);
  }
  section.read("jitter", cache.jitter, 0, 1);
  section.read("stale_if_error", cache.stale_if_error, Duration::zero(), kYear);
  section.read("stale_while_revalidate", cache.stale_while_revalidate, Duration::zero(), kYear);
  section.finish();
  cache.ttl.id = "fixed_ttl";
  if (policy) cache.ttl = policies.chosen(*policy, PolicyKind::ttl).value_or(cache.ttl);
  if (!ttl) return cache;
  auto duration = ttl->duration(Duration::zero(), kYear);
  std::string name = cache.ttl.id == "keyword_ttl" ? "default_seconds" : "ttl_seconds";
  if (!cache.ttl.file.empty() || has_setting(cache.ttl, name)) {
    ttl->problem("the policy sets the lifetime itself, wanted ttl or settings, not both");
  } else if (duration) {
    set(cache.ttl, name, in_seconds(*duration));
  }
  return cache;
}

// The share of its target's times that a request must pass to be late: p50 to p99.
std::optional<double> read_quantile(const Value& value) {
  const std::string word = value.text().value_or("");
  const bool fits = word.size() == 3 && word[0] == 'p' && word[1] >= '5' && word[1] <= '9' &&
                    word[2] >= '0' && word[2] <= '9';
  if (!fits) {
    value.wanted("p50 to p99");
    return std::nullopt;
  }
  return (10 * (word[1] - '0') + (word[2] - '0')) / 100.0;
}

HedgeConfig read_hedge(const Value& value) {
  HedgeConfig hedge;
  Section section(value);
  if (auto after = section.get("after")) hedge.after = read_quantile(*after).value_or(hedge.after);
  section.read("share", hedge.share, 0.0001, 1);
  section.finish();
  return hedge;
}

RouteConfig default_route(const RouteDefaults& defaults) {
  RouteConfig route;
  route.retry = defaults.retry;
  route.stream = defaults.stream;
  route.routing.id = "weighted_health";
  route.cost.id = defaults.downgrades ? "downgrade" : "list_price";
  return route;
}

void read_policies(Section& section, const Policies& policies, bool downgrades,
                   RouteConfig& route) {
  if (auto routing = section.get("routing")) {
    route.routing = policies.chosen(*routing, PolicyKind::routing).value_or(route.routing);
  }
  auto cost = section.get("cost");
  if (!cost) return;
  route.cost = policies.chosen(*cost, PolicyKind::cost).value_or(route.cost);
  bool built_in = route.cost.file.empty() && route.cost.id == "downgrade";
  if (built_in && !downgrades && !has_setting(route.cost, "mapping")) {
    cost->problem("downgrade has no mapping to go by, wanted budgets.relay.downgrade");
  }
}

void read_times(Section& section, RouteConfig& route) {
  section.read("timeout", route.timeout, milliseconds(1), kLongestRequest);
  section.read("patience", route.patience, Duration::zero(), kLongestRequest);
  if (auto limit = section.get_unless_null("attempt_timeout")) {
    route.attempt_timeout = limit->duration(milliseconds(1), kLongestRequest);
  }
}

bool is_route_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<uint8_t>(c) > 0x20 && c != 0x7f;
  });
}

// A chain of on_exhausted routes must end.
void check_onward(const std::vector<Onward>& onward, Config& config) {
  for (const Onward& step : onward) {
    std::vector<std::string> names;
    for (const RouteConfig& route : config.routes) names.push_back(route.name);
    auto at = std::find(names.begin(), names.end(), step.to);
    if (at == names.end()) {
      step.where.problem("no route is named " + quoted(step.to) +
                         suggestion(step.to, names, "there are:"));
      config.routes[step.from].on_exhausted = OnExhausted::reject;
      continue;
    }
    config.routes[step.from].exhausted_route = static_cast<RouteIndex>(at - names.begin());
  }
  for (const Onward& step : onward) {
    const RouteConfig* route = &config.routes[step.from];
    std::string chain = route->name;
    for (size_t hops = 0; route->on_exhausted == OnExhausted::other_route; ++hops) {
      route = &config.routes[route->exhausted_route];
      chain += " -> " + route->name;
      if (route == &config.routes[step.from]) {
        step.where.problem("the routes go in a circle: " + chain);
        break;
      }
      if (hops > config.routes.size()) break;  // a circle further on, told there
    }
  }
}

}  // namespace

void read_routes(Section& routes, const RouteDefaults& defaults, const Policies& policies,
                 Config& config) {
  std::vector<Onward> onward;
  for (const Section::Entry& entry : routes.entries()) {
    RouteConfig route = default_route(defaults);
    route.name = entry.name;
    if (!is_route_name(entry.name)) {
      entry.value.reading().problem(
          entry.line, entry.value.path(),
          "found " + quoted(entry.name) + " as a route's name, wanted one word");
    }
    Section section(entry.value);
    read_targets(section, route, config);
    read_policies(section, policies, defaults.downgrades, route);
    read_times(section, route);
    if (auto value = section.get("on_exhausted")) {
      read_on_exhausted(*value, route, onward, static_cast<RouteIndex>(config.routes.size()));
    }
    if (auto value = section.get("on_content_policy")) {
      route.fallback_on_content_policy = value->choice({"reject", "fallback"}) == size_t{1};
    }
    if (auto value = section.get("stream")) read_stream(*value, route.stream);
    if (auto value = section.get("retry")) read_retry(*value, route.retry);
    if (auto value = section.get_unless_null("hedge")) route.hedge = read_hedge(*value);
    if (auto value = section.get_unless_null("cache")) {
      route.cache = read_route_cache(*value, policies);
    }
    section.finish();
    config.routes.push_back(std::move(route));
  }
  check_onward(onward, config);
}

void add_open_routes(const Value& where, const RouteDefaults& defaults, Config& config) {
  std::set<std::string> taken;
  for (const RouteConfig& route : config.routes) taken.insert(route.name);
  std::map<std::string, int> owners;  // of a model's name
  for (const ProviderConfig& provider : config.providers) {
    for (const std::string& model : known_models(provider)) ++owners[model];
  }
  auto add = [&](const std::string& name, TargetIndex target) {
    if (!taken.insert(name).second) return;
    RouteConfig route = default_route(defaults);
    route.name = name;
    route.by_name = true;
    route.targets.push_back({.target = target});
    config.routes.push_back(std::move(route));
  };
  for (size_t i = 0; i < config.providers.size(); ++i) {
    for (const std::string& model : known_models(config.providers[i])) {
      const std::string name = config.providers[i].name + "/" + model;
      auto target = target_named(where, name, config);
      if (!target) continue;
      add(name, *target);
      // `openai/x` asks openai for x where both are known, also if another calls its model that.
      bool names_provider = std::any_of(
          config.providers.begin(), config.providers.end(),
          [&](const ProviderConfig& other) { return model.starts_with(other.name + "/"); });
      if (owners[model] == 1 && !names_provider) add(model, *target);
    }
  }
}

}  // namespace keel::relay
