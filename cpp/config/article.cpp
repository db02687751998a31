// The article's form, translated into ours number by number (SEMANTICS section C). Nothing of it
// is left at run time but the Config; `origins` keeps what each line came from.

#include "config/article_figures.hpp"
#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

class Translation {
 public:
  explicit Translation(Reading& reading) : reading_(reading), config_(reading.out.config) {
    config_.providers.emplace_back().name = "relay";
    route_.name = "default";
  }

  void read(Section& relay);
  void read_observability(const Value& value);
  void finish();

 private:
  ProviderConfig& provider() { return config_.providers[0]; }
  // `path` of ours came from `name` of theirs, or from what that is when it is not given.
  void from(std::string path, std::string_view name, bool given = true) {
    reading_.out.origins[std::move(path)] =
        (given ? "from " : "not given, the article's own: ") + std::string(name);
  }
  void by(std::string path, std::string_view reason) {
    reading_.out.origins[std::move(path)] = reason;
  }

  void read_provider(Section& relay);
  void read_models(Section& relay);
  void read_strategy(const Value* value);
  void read_failover(const Value* value);
  void read_costs(const Value& value);
  void read_caps(Section& costs);
  void add_target(const Value& where, const std::string& model, std::string_view origin);
  void choose_policies();
  void fix_what_its_code_fixes();

  Reading& reading_;
  Config& config_;
  RouteConfig route_;
  std::vector<Mapping> mapping_;
  bool primary_auto_ = true;
  bool prefer_cheaper_ = false;
};

void Translation::read(Section& relay) {
  read_provider(relay);
  read_models(relay);
  auto strategy = relay.get("provider_strategy");
  read_strategy(strategy ? &*strategy : nullptr);
  if (auto limits = relay.get("rate_limits")) {
    Section section(*limits);
    Limits& own = config_.accounts[0].limits;
    section.read("requests_per_minute", own.requests_per_minute, 1, kMostTokens);
    section.read("tokens_per_minute", own.tokens_per_minute, 1, kMostTokens);
    section.finish();
    from("limits", "relay.rate_limits");
  }
  auto failover = relay.get("failover");
  read_failover(failover ? &*failover : nullptr);
  if (auto costs = relay.get("cost_optimization")) read_costs(*costs);
  relay.finish();
}

void Translation::read_provider(Section& relay) {
  if (auto url = relay.require("base_url", "a URL such as https://host/v1")) {
    provider().base_url = read_base_url(*url, false).value_or("");
    from("providers.relay.base_url", "relay.base_url");
  }
  auto one = relay.get("api_key");
  auto list = relay.get("api_keys");
  if (one) add_key(*one, provider());
  if (list && !list->is_list()) {
    list->problem("found no list, wanted a list of keys such as [\"${NAME}\"]");
  } else if (list) {
    for (const Value& item : list->items()) add_key(item, provider());
  }
  if (!one && !list && relay.is_map()) {
    reading_.problem(relay.value().line(), "relay.api_key",
                     "missing, wanted a key such as ${NAME}");
  }
  from("providers.relay.keys", one ? "relay.api_key" : "relay.api_keys");
  provider().key_order = engine::KeyOrder::least_used_random;
  by("providers.relay.key_order", "its key pool: the least used, ties at random");
  provider().health_path = "/health";
  by("providers.relay.health_path", "as its gateway asks");
}

void Translation::read_models(Section& relay) {
  for (const article::Model& row : article::kModels) {
    ModelConfig model;
    model.name = row.name;
    model.price = Price{.in = row.in, .out = row.out, .cached = {}, .cache_write = {}};
    model.context_tokens = row.context;
    model.output_tokens = row.output;
    by(path_below("providers.relay.models", row.name), "its price table");
    provider().models.push_back(std::move(model));
  }
  auto prices = relay.get("prices");
  if (!prices) return;
  Section section(*prices);
  for (const Section::Entry& entry : section.entries()) {
    auto& models = provider().models;
    auto at = std::find_if(models.begin(), models.end(),
                           [&](const ModelConfig& m) { return m.name == entry.name; });
    if (at == models.end()) {
      at = models.insert(models.end(), ModelConfig{});
      at->name = entry.name;
    }
    at->price = read_price(entry.value);
    from(path_below("providers.relay.models", entry.name), "relay.prices");
  }
}

void Translation::add_target(const Value& where, const std::string& model,
                             std::string_view origin) {
  auto index = target_named(where, "relay/" + model, config_);
  if (!index) return;
  RouteTarget target;
  target.target = *index;
  target.weight = article::weight_of(model);
  from("routes.default.targets[" + std::to_string(route_.targets.size()) + "]",
       std::string(origin) + "; weight by its family");
  route_.targets.push_back(target);
}

// `auto` lets the policy choose among the order's targets; a name is asked first, then the order.
void Translation::read_strategy(const Value* value) {
  Value nothing(reading_, YAML::Node(), "relay.provider_strategy", 0);
  Section section(value != nullptr ? *value : nothing);
  auto primary = section.get("primary");
  auto order = section.get("fallback_order");
  section.finish();
  if (primary) {
    auto name = primary->name_text("auto or a model");
    primary_auto_ = !name || *name == "auto";
    if (!primary_auto_) add_target(*primary, *name, "relay.provider_strategy.primary");
  }
  if (!order) {
    for (const article::Model& row : article::kModels) {
      std::string name(row.name);
      bool first = !primary_auto_ && !route_.targets.empty() &&
                   config_.targets[route_.targets[0].target].name == "relay/" + name;
      if (!first) add_target(nothing, name, "its four models, as no fallback_order is given");
    }
    return;
  }
  std::vector<Value> items = order->items();
  if (order->is_list() && items.empty()) order->problem("found an empty list, wanted a model");
  std::vector<std::string> seen;
  for (const Value& item : items) {
    auto name = item.name_text("a model");
    if (!name) continue;
    if (std::find(seen.begin(), seen.end(), *name) != seen.end()) {
      item.problem(quoted(*name) + " is in this list already, wanted each model once");
      continue;
    }
    seen.push_back(*name);
    bool first = !primary_auto_ && primary->text() == *name;
    if (!first) add_target(item, *name, "relay.provider_strategy.fallback_order");
  }
}

void Translation::read_failover(const Value* value) {
  int max_retries = 3, delay_ms = 500, threshold = 5;
  Duration recovery = seconds(60);
  Value nothing(reading_, YAML::Node(), "relay.failover", 0);
  Section section(value != nullptr ? *value : nothing);
  section.read("max_retries", max_retries, 0, 99);
  section.read("retry_delay_ms", delay_ms, 0, 120'000);
  section.read("circuit_breaker_threshold", threshold, 1, 10'000);
  section.read("recovery_timeout_seconds", recovery, milliseconds(1), hours(24));
  section.finish();

  RetryConfig& retry = route_.retry;
  retry.max_attempts = max_retries + 1;
  retry.backoff.scale = retry.backoff.throttled_scale = milliseconds(delay_ms);
  retry.backoff.cap = seconds(30);
  retry.backoff.jitter = false;
  auto given = [&](std::string_view name) { return section.get(name).has_value(); };
  from("routes.default.retry.max_attempts", "relay.failover.max_retries, and the first send",
       given("max_retries"));
  from("routes.default.retry.scale", "relay.failover.retry_delay_ms", given("retry_delay_ms"));
  from("routes.default.retry.throttled_scale", "relay.failover.retry_delay_ms",
       given("retry_delay_ms"));
  by("routes.default.retry.cap", "its client: at most 30 s");
  by("routes.default.retry.jitter", "its client: exactly delay x 2^n");

  engine::BreakerSettings& breaker = config_.breaker;
  breaker.consecutive = threshold;
  config_.breaker_consecutive_named = true;
  breaker.failure_rate = breaker.slow_rate = 2.0;
  breaker.open = breaker.open_max = recovery;
  breaker.jitter = 0;
  breaker.close_after = 1;
  breaker.ramp = false;
  from("breaker.consecutive", "relay.failover.circuit_breaker_threshold",
       given("circuit_breaker_threshold"));
  by("breaker.failure_rate", "its breaker counts failures in a row only");
  by("breaker.slow_rate", "its breaker counts failures in a row only");
  from("breaker.open", "relay.failover.recovery_timeout_seconds",
       given("recovery_timeout_seconds"));
  from("breaker.open_max", "relay.failover.recovery_timeout_seconds",
       given("recovery_timeout_seconds"));
  by("breaker.jitter", "its breaker waits exactly that long");
  by("breaker.close_after", "its breaker closes after one success");
  by("breaker.ramp", "... and lets in all at once");
}

void Translation::read_costs(const Value& value) {
  Section section(value);
  section.read("prefer_cheaper_models", prefer_cheaper_);
  if (auto mapping = section.get("model_mapping")) {
    mapping_ = read_mapping(*mapping);
    from("budgets.relay.downgrade", "relay.cost_optimization.model_mapping");
  }
  read_caps(section);
  section.finish();
}

void Translation::read_caps(Section& costs) {
  auto month = costs.get("budget_cap_usd");
  auto day = costs.get("daily_budget_usd");
  engine::AccountSettings budget;
  budget.name = config_.accounts[0].name;
  costs.read("alert_threshold_percent", budget.alert_percent, 1, 100);
  if (month && day) {
    day->problem("found budget_cap_usd and daily_budget_usd, wanted one of them");
    return;
  }
  if (!month && !day) return;
  const Value& cap = month ? *month : *day;
  budget.limit = cap.usd(kMostDollars).value_or(NanoUsd{});
  budget.window = month ? engine::BudgetWindow::month : engine::BudgetWindow::day;
  config_.accounts[0].budget = budget;
  from("budgets.relay.usd", cap.path());
  from("budgets.relay.window", cap.path());
  from("budgets.relay.alert_percent", "relay.cost_optimization.alert_threshold_percent",
       costs.get("alert_threshold_percent").has_value());
}

void Translation::read_observability(const Value& value) {
  Section section(value);
  if (auto level = section.get("log_level")) {
    config_.log_level = read_log_level(*level).value_or(config_.log_level);
    from("observability.log_level", "observability.log_level");
  }
  if (auto endpoint = section.get("metrics_endpoint")) {
    read_metrics_endpoint(*endpoint, config_);
    from("observability.metrics_endpoint", "observability.metrics_endpoint");
  }
  section.read("health_check_interval_seconds", config_.health_check.interval, Duration::zero(),
               hours(24));
  section.finish();
  from("health_check.interval", "observability.health_check_interval_seconds",
       section.get("health_check_interval_seconds").has_value());
}

void Translation::choose_policies() {
  route_.routing.id = primary_auto_ ? "weighted_health" : "ordered";
  from("routes.default.routing", "relay.provider_strategy.primary");
  if (primary_auto_ && prefer_cheaper_) {
    set(route_.routing, "cheapest_within", 0.1);
    from("routes.default.routing", "relay.cost_optimization.prefer_cheaper_models");
  } else if (primary_auto_) {
    set(route_.routing, "tolerance", 0.05);
  }
  route_.cost.id = mapping_.empty() ? "list_price" : "downgrade";
  if (mapping_.empty()) return;
  set(route_.cost, "always", prefer_cheaper_);
  from("routes.default.cost", "relay.cost_optimization.prefer_cheaper_models");
}

// Numbers that stand in its code, not in its configuration.
void Translation::fix_what_its_code_fixes() {
  route_.attempt_timeout = seconds(30);
  by("routes.default.attempt_timeout", "its client and gateway: 30 s per attempt");
  route_.retry.retry_silent = true;
  by("routes.default.retry.retry_silent", "its client retries a timeout");
  RouteCache cache;
  cache.when = CacheWhen::always;
  cache.jitter = 0;
  cache.ttl.id = "keyword_ttl";
  cache.ttl.allow_text = true;
  set(cache.ttl, "default_seconds", int64_t{60});
  set(cache.ttl, "keywords.realtime", int64_t{5});
  set(cache.ttl, "keywords.static", int64_t{3600});
  route_.cache = std::move(cache);
  by("routes.default.cache", "its gateway caches every answer; lifetimes by its fix 2");
  config_.health_check.timeout = seconds(2);
  by("health_check.timeout", "its gateway's health check: 2 s");
}

void Translation::finish() {
  choose_policies();
  fix_what_its_code_fixes();
  config_.routes.push_back(std::move(route_));
  config_.default_route = 0;
  by("default_route", "auto, or a name that is no target, is answered here");
  apply_mapping(mapping_, config_);
}

}  // namespace

void read_article(Section& root, Reading& reading) {
  reading.out.config.health_check.interval = seconds(30);
  Translation translation(reading);
  auto relay = root.get("relay");
  Section section(*relay);
  if (section.is_map()) translation.read(section);
  if (auto value = root.get("observability")) translation.read_observability(*value);
  root.finish();
  translation.finish();
}

}  // namespace keel::relay
