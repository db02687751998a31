#pragma once
// The parts a configuration is put together from. Each reads one section of our form into Config;
// `ours` says in which order, `article` makes the same parts from the article's form.

#include "config/node.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

// Ranges more than one section asks for.
inline constexpr Duration kLongestRequest = seconds(600);  // SEMANTICS A1
inline constexpr Duration kLongestWait = seconds(120);     // SEMANTICS A3
inline constexpr int64_t kMostTokens = 1'000'000'000'000;
inline constexpr int64_t kMostDollars = 9'000'000;  // 9.0e15 nano-USD, SEMANTICS A8

// ---- sections: what has no parts of its own -----------------------------------------------------
void read_limits(const Value& value, Limits& limits);
void read_breaker(const Value& value, Config& config);
void read_health_check(const Value& value, HealthCheckConfig& health_check);
void read_cache(const Value& value, engine::CacheSettings& cache);
void read_retry(const Value& value, RetryConfig& retry);
void read_observability(const Value& value, Config& config);
void read_metrics_endpoint(const Value& value, Config& config);
void read_request_log(const Value& value, Config& config);
std::optional<LogLevel> read_log_level(const Value& value);

// ---- serving ------------------------------------------------------------------------------------
// Where `listen` stands, if it does.
std::optional<Value> read_server(const Value& value, ServerConfig& server);
void read_stream(const Value& value, StreamConfig& stream);

// ---- providers ----------------------------------------------------------------------------------
void read_providers(Section& providers, Config& config);
// A provider no file names, as the catalog knows it, asked with the key in its usual variable; a
// problem if that is not set. Nothing, and no problem, for a name the catalog does not have.
std::optional<ProviderIndex> add_catalog_provider(const Value& where, std::string_view name,
                                                  Config& config);
// A list of keys; the same key twice is a problem.
void read_keys(const Value& value, ProviderConfig& provider);
void add_key(const Value& value, ProviderConfig& provider, engine::KeySettings settings = {});
std::optional<std::string> read_base_url(const Value& value, bool allow_plaintext);
std::optional<Price> read_price(const Value& value);

// ---- targets ------------------------------------------------------------------------------------
// `provider/model`, a new target when it is first named. A model nobody knows is a note: its price
// is unknown. An unknown provider is a problem.
std::optional<TargetIndex> target_named(const Value& where, std::string_view name, Config& config);
// As above, and also a bare model that exactly one provider has.
std::optional<TargetIndex> target_meant(const Value& where, std::string_view name, Config& config);
// What a provider's models are called: those of the file, then the catalog's others.
std::vector<std::string> known_models(const ProviderConfig& provider);
void mark_sole_targets(Config& config);

// What may stand in for what, as the file has it: resolved when all routes are known.
struct Mapping {
  std::string from;
  std::string to;
  Value where;
};
std::vector<Mapping> read_mapping(const Value& value);
// Fills Config::mapping, gives routes the targets they lack as downgrade_only, and tells the
// `downgrade` policies.
void apply_mapping(const std::vector<Mapping>& mapping, Config& config);

// ---- policies -----------------------------------------------------------------------------------
enum class PolicyKind : uint8_t { routing, cost, ttl };

class Policies {
 public:
  // The `policies` section: names a route can use.
  void read(const Value& value);
  // A built-in's id, a name of the section, or `{id, settings, ...}` on the spot.
  std::optional<PolicyConfig> chosen(const Value& value, PolicyKind kind) const;

 private:
  std::map<std::string, PolicyConfig> named_;
};
void set(PolicyConfig& policy, std::string name, SettingValue value);
bool has_setting(const PolicyConfig& policy, std::string_view name);
// A duration as a number of seconds: whole where it is.
SettingValue in_seconds(Duration duration);

// ---- routes -------------------------------------------------------------------------------------
struct RouteDefaults {
  RetryConfig retry;
  StreamConfig stream;
  bool downgrades = false;  // a mapping exists, so routes that name no cost policy downgrade
};
void read_routes(Section& routes, const RouteDefaults& defaults, const Policies& policies,
                 Config& config);
// server.open_models: a route for every model of every provider, named provider/model, and by the
// model alone where one provider has it and no route is named so. `where`: the providers.
void add_open_routes(const Value& where, const RouteDefaults& defaults, Config& config);

// ---- accounts -----------------------------------------------------------------------------------
// Config::accounts[0], the relay; tenants come after it.
void read_relay_budget(const Value& value, Config& config, std::vector<Mapping>& mapping);
void read_tenants(Section& tenants, Config& config);

// ---- the two forms ------------------------------------------------------------------------------
void read_ours(Section& root, Reading& reading);
void read_article(Section& root, Reading& reading);

}  // namespace keel::relay
