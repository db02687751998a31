#include "config/catalog.hpp"
#include "config/listen.hpp"
#include "config/page.hpp"
#include "config/reader.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace keel::relay {

namespace {

std::string placeholder(std::string_view kind, std::string_view label) {
  return "\"${" + std::string(kind) + "_" + std::string(label) + "}\"";
}

std::string share_text(double share) {
  return share > 1 ? "off" : plain_number(share);
}

std::string limits_text(int64_t requests, int64_t tokens, int64_t concurrency) {
  return "{requests_per_minute: " + std::to_string(requests) +
         ", tokens_per_minute: " + std::to_string(tokens) +
         ", concurrency: " + std::to_string(concurrency) + "}";
}

std::string price_text(const Price& price) {
  std::string out = "{in: " + to_usd_text({price.in}) + ", out: " + to_usd_text({price.out});
  if (price.cached) out += ", cached: " + to_usd_text({*price.cached});
  if (price.cache_write) out += ", cache_write: " + to_usd_text({*price.cache_write});
  return out + "}";
}

void write_limits(Page& page, const Limits& limits) {
  page.put("limits",
           limits_text(limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency),
           "0: no limit");
}

void write_key(Page& page, const KeyConfig& key) {
  std::string secret = placeholder("KEY", key.label);
  const engine::KeyLimits& limits = key.settings.limits;
  bool limited =
      limits.requests_per_minute > 0 || limits.tokens_per_minute > 0 || limits.concurrency > 0;
  if (!limited && key.settings.account.empty()) {
    page.item(secret);
    return;
  }
  std::string out = "{key: " + secret;
  if (!key.settings.account.empty()) out += ", account: " + yaml_word(key.settings.account);
  if (limited) {
    out += ", limits: " +
           limits_text(limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency);
  }
  page.item(out + "}");
}

void write_model(Page& page, const ModelConfig& model) {
  page.open(model.name);
  page.put("price", model.price ? price_text(*model.price) : "null",
           model.price ? "USD per million tokens" : "unknown: refused where a budget applies");
  page.put("context", std::to_string(model.context_tokens), "tokens; 0: unknown");
  page.put("output", std::to_string(model.output_tokens), "tokens; 0: unknown");
  std::string lacks;
  for (auto [lacking, name] :
       {std::pair{model.lacks.tools, "tools"}, std::pair{model.lacks.schema, "schema"},
        std::pair{model.lacks.images, "images"}, std::pair{model.lacks.audio, "audio"}}) {
    if (lacking) lacks += (lacks.empty() ? "" : ", ") + std::string(name);
  }
  page.put("lacks", "[" + lacks + "]");
  page.put("reasoning", model.reasoning ? "true" : "false");
  page.put("prefill", name_of(model.prefill));
  page.close();
}

// Which models a file that reads back as this configuration has to name: all but those that are
// asked for by their names only and are as the catalog has them.
class Said {
 public:
  explicit Said(const Config& config) {
    for (const RouteConfig& route : config.routes) {
      if (route.by_name) continue;
      for (const RouteTarget& target : route.targets) {
        routed_.insert(config.targets[target.target].name);
      }
    }
    open_ = config.server.open_models;
  }
  bool operator()(const ProviderConfig& provider, const ModelConfig& model) const {
    if (!open_ || routed_.contains(provider.name + "/" + model.name)) return true;
    const CatalogProvider* known = catalog_provider(provider.name);
    return known == nullptr || catalog_model(*known, model.name) != model;
  }

 private:
  bool open_ = false;
  std::set<std::string> routed_;
};

void write_provider(Page& page, const ProviderConfig& provider, const Said& said) {
  page.open(provider.name);
  page.put("base_url", yaml_word(provider.base_url));
  page.put("dialect", provider.dialect);
  if (provider.keys.empty()) {
    page.put("keys", "[]");
  } else {
    page.open("keys");
    for (const KeyConfig& key : provider.keys) write_key(page, key);
    page.close();
  }
  bool least_loaded = provider.key_order == engine::KeyOrder::least_loaded;
  page.put("key_order", least_loaded ? "least_loaded" : "least_used_random");
  write_limits(page, provider.limits);
  page.put("allow_plaintext", provider.allow_plaintext ? "true" : "false");
  page.put("allow_private", provider.allow_private ? "true" : "false");
  page.put("bills_errors", provider.bills_errors ? "true" : "false");
  page.put("stream_options", provider.stream_options ? "true" : "false");
  page.put("max_tokens_field", provider.max_tokens_field);
  page.put("health_path", yaml_word(provider.health_path));
  page.open("models");
  size_t unsaid = 0;
  for (const ModelConfig& model : provider.models) {
    if (said(provider, model)) {
      write_model(page, model);
    } else {
      ++unsaid;
    }
  }
  if (unsaid > 0) page.remark("and " + std::to_string(unsaid) + " of the catalog, by their names");
  page.close();
  page.close();
}

void write_policy(Page& page, std::string_view name, const PolicyConfig& policy,
                  const std::map<std::string, std::string>& mapping) {
  page.open(name);
  page.put("id", policy.id.empty() ? "null" : yaml_word(policy.id));
  if (!policy.file.empty()) page.put("file", yaml_word(policy.file));
  if (!policy.sha256.empty()) page.put("sha256", yaml_text(policy.sha256));
  page.put("allow_text", policy.allow_text ? "true" : "false");
  // What budgets.relay.downgrade brings is written there.
  auto settings = policy.settings;
  auto is_mapped = [&](const auto& setting) {
    auto at = setting.first.starts_with("mapping.") ? mapping.find(setting.first.substr(8))
                                                    : mapping.end();
    auto* to = std::get_if<std::string>(&setting.second);
    return at != mapping.end() && to != nullptr && *to == at->second;
  };
  bool from_budget = policy.id == "downgrade" && policy.file.empty();
  if (from_budget)
    settings.erase(std::remove_if(settings.begin(), settings.end(), is_mapped), settings.end());
  page.put("settings", settings_text(settings));
  page.close();
}

void write_retry_budget(Page& page, std::string_view name,
                        const engine::RetryBudgetSettings& budget) {
  page.put(name, "{ratio: " + plain_number(budget.ratio) +
                     ", floor: " + std::to_string(budget.floor) +
                     ", window: " + duration_text(budget.window) + "}");
}

void write_retry(Page& page, const RetryConfig& retry) {
  page.open("retry");
  page.put("max_attempts", std::to_string(retry.max_attempts), "sends");
  page.put("scale", duration_text(retry.backoff.scale));
  page.put("throttled_scale", duration_text(retry.backoff.throttled_scale));
  page.put("cap", duration_text(retry.backoff.cap));
  page.put("jitter", retry.backoff.jitter ? "true" : "false");
  page.put("retry_silent", retry.retry_silent ? "true" : "false");
  write_retry_budget(page, "budget", retry.retry_budget);
  write_retry_budget(page, "extra_sends", retry.extra_sends);
  page.close();
}

std::string on_exhausted_text(const RouteConfig& route, const Config& config) {
  if (route.on_exhausted == OnExhausted::wait) {
    return "{wait: " + duration_text(route.exhausted_wait) + "}";
  }
  if (route.on_exhausted == OnExhausted::other_route) {
    return "{route: " + yaml_word(config.routes[route.exhausted_route].name) + "}";
  }
  return "reject";
}

void write_stream(Page& page, const StreamConfig& stream) {
  page.open("stream");
  std::string resume;
  for (Resume way : stream.resume) {
    resume += (resume.empty() ? "" : ", ") +
              std::string(way == Resume::continuation ? "continue" : "replay");
  }
  page.put("resume", "[" + resume + "]");
  page.put("replay", stream.replay_deterministic_only ? "deterministic" : "any");
  const HoldBack& hold_back = stream.hold_back;
  page.put("hold_back", hold_back.complete                  ? "complete"
                        : hold_back.time > Duration::zero() ? duration_text(hold_back.time)
                                                            : std::to_string(hold_back.tokens));
  page.put("first_token", duration_text(stream.first_token));
  page.put("first_token_reasoning", duration_text(stream.first_token_reasoning));
  page.put("stall", duration_text(stream.stall));
  page.close();
}

std::string hedge_text(const std::optional<HedgeConfig>& hedge) {
  if (!hedge) return "null";
  const auto percent = static_cast<int>(std::lround(hedge->after * 100));
  return "{after: p" + std::to_string(percent) + ", share: " + plain_number(hedge->share) + "}";
}

void write_route(Page& page, const RouteConfig& route, const Config& config) {
  page.open(route.name);
  page.open("targets");
  for (const RouteTarget& target : route.targets) {
    std::string name = yaml_word(config.targets[target.target].name);
    if (target.downgrade_only) {
      page.remark(name + ": by downgrade only");
      continue;
    }
    page.item("{target: " + name + ", tier: " + std::to_string(target.tier) +
              ", weight: " + plain_number(target.weight) + "}");
  }
  page.close();
  write_policy(page, "routing", route.routing, config.mapping);
  write_policy(page, "cost", route.cost, config.mapping);
  page.put("timeout", duration_text(route.timeout));
  page.put("patience", duration_text(route.patience));
  page.put("attempt_timeout",
           route.attempt_timeout ? duration_text(*route.attempt_timeout) : "null");
  page.put("on_exhausted", on_exhausted_text(route, config));
  write_stream(page, route.stream);
  page.put("on_content_policy", route.fallback_on_content_policy ? "fallback" : "reject");
  write_retry(page, route.retry);
  page.put("hedge", hedge_text(route.hedge));
  if (route.cache) {
    page.open("cache");
    page.put("when", route.cache->when == CacheWhen::always ? "always" : "deterministic");
    page.put("jitter", plain_number(route.cache->jitter));
    page.put("stale_if_error", duration_text(route.cache->stale_if_error));
    page.put("stale_while_revalidate", duration_text(route.cache->stale_while_revalidate));
    write_policy(page, "policy", route.cache->ttl, config.mapping);
    page.close();
  } else {
    page.put("cache", "null");
  }
  page.close();
}

// Who reads it back has `cheaper` from alert_percent and `refuse` at 100, said or not.
std::string tiers_text(const AccountConfig& account) {
  std::map<int, std::string> words{{100, "refuse"}};
  words[account.tiers.cheaper.value_or(account.budget->alert_percent)] = "cheaper";
  if (account.tiers.cache_only) words[*account.tiers.cache_only] = "cache_only";
  std::string out;
  for (const auto& [percent, word] : words)
    out += (out.empty() ? "{" : ", ") + std::to_string(percent) + ": " + word;
  return out + "}";
}

void write_budget(Page& page, const AccountConfig& account) {
  const engine::AccountSettings& budget = *account.budget;
  page.put("usd", to_usd_text(budget.limit));
  page.put("window", std::string(name_of(budget.window)));
  page.put("alert_percent", std::to_string(budget.alert_percent), "of what is spent: a notice");
  page.put("tiers", tiers_text(account), "of what is spent or held: what may still be sent");
}

void write_relay_account(Page& page, const Config& config) {
  const AccountConfig& relay = config.accounts[0];
  write_limits(page, relay.limits);
  if (!relay.budget && config.mapping.empty()) return;
  page.open("budgets");
  page.open("relay");
  if (relay.budget) write_budget(page, relay);
  if (!config.mapping.empty()) {
    page.open("downgrade");
    for (const auto& [from, to] : config.mapping) page.put(from, yaml_word(to));
    page.close();
  }
  page.close();
  page.close();
}

void write_tenant(Page& page, const AccountConfig& tenant, const Config& config) {
  page.open(tenant.name);
  std::string keys;
  for (const std::string& digest : tenant.client_keys) {
    keys += (keys.empty() ? "" : ", ") + placeholder("CLIENT_KEY", digest.substr(0, 8));
  }
  page.put("keys", "[" + keys + "]");
  write_limits(page, tenant.limits);
  if (tenant.budget) {
    page.open("budget");
    write_budget(page, tenant);
    page.close();
  }
  bool child = tenant.parent && *tenant.parent != 0;
  page.put("parent", child ? yaml_word(config.accounts[*tenant.parent].name) : "null");
  page.put("enabled", tenant.enabled ? "true" : "false");
  page.close();
}

void write_breaker(Page& page, const Config& config) {
  const engine::BreakerSettings& breaker = config.breaker;
  page.open("breaker");
  if (config.breaker_consecutive_named) {
    page.put("consecutive", std::to_string(breaker.consecutive));
  } else {
    page.remark("consecutive: " + std::to_string(breaker.consecutive) +
                " (not for a sole target unless it is written here)");
  }
  page.put("failure_rate", share_text(breaker.failure_rate));
  page.put("slow_rate", share_text(breaker.slow_rate));
  page.put("min_requests", std::to_string(breaker.min_requests));
  page.put("window", duration_text(breaker.window));
  page.put("open", duration_text(breaker.open));
  page.put("open_max", duration_text(breaker.open_max));
  page.put("jitter", plain_number(breaker.jitter));
  page.put("close_after", std::to_string(breaker.close_after));
  page.put("ramp", breaker.ramp ? "true" : "false");
  page.put("half_open_in_flight", std::to_string(breaker.half_open_in_flight));
  page.close();
}

void write_server(Page& page, const ServerConfig& server) {
  page.open("server");
  page.put("listen", yaml_text(listen_text(server.host, server.port)));
  page.put("open_models", server.open_models ? "true" : "false");
  page.put("drain", duration_text(server.drain));
  page.put("connections", std::to_string(server.connections));
  page.put("connections_per_address", std::to_string(server.connections_per_address));
  page.close();
}

void write_rest(Page& page, const Config& config) {
  constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error", "off"};
  page.open("health_check");
  page.put("interval", duration_text(config.health_check.interval), "0: off");
  page.put("timeout", duration_text(config.health_check.timeout));
  page.close();
  page.open("cache");
  page.put("max_bytes", size_text(config.cache.max_bytes));
  page.put("max_entry_bytes", size_text(config.cache.max_entry_bytes));
  page.close();
  write_server(page, config.server);
  page.open("observability");
  page.put("log_level", std::string(kLevels[static_cast<size_t>(config.log_level)]));
  page.put("metrics_endpoint",
           config.metrics_endpoint.empty() ? "null" : yaml_word(config.metrics_endpoint));
  page.put("traces_kept", std::to_string(config.traces_kept));
  page.close();
  page.open("request_log");
  page.put("path", config.request_log_path.empty() ? "null" : yaml_word(config.request_log_path));
  page.close();
  page.put("connect_timeout", duration_text(config.connect_timeout));
  page.put("seed", std::to_string(config.seed), "0: a new one at every start");
}

std::string explain(const Config& config, const std::map<std::string, std::string>& origins) {
  Page page(origins);
  page.put("version", "\"1.0\"");
  page.open("providers");
  const Said said(config);
  for (const ProviderConfig& provider : config.providers) write_provider(page, provider, said);
  page.close();
  page.open("routes");
  for (const RouteConfig& route : config.routes) {
    if (!route.by_name) write_route(page, route, config);
  }
  page.close();
  page.put("default_route",
           config.default_route ? yaml_word(config.routes[*config.default_route].name) : "null");
  write_relay_account(page, config);
  if (config.accounts.size() > 1) {
    page.open("tenants");
    for (size_t i = 1; i < config.accounts.size(); ++i) {
      write_tenant(page, config.accounts[i], config);
    }
    page.close();
  }
  write_breaker(page, config);
  write_rest(page, config);
  return page.text();
}

}  // namespace

std::string explain_config(const Loaded& loaded) {
  return explain(loaded.config, loaded.origins);
}

std::string explain_config(const Config& config) {
  return explain(config, {});
}

}  // namespace keel::relay
