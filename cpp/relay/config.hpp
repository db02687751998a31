#pragma once
// The effective configuration: what a relay is built from. Text becomes this in cpp/config;
// nothing here parses. Every number is a default that a file can change (SEMANTICS, CONVENTIONS).

#include "base/money.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "engine/backoff.hpp"
#include "engine/breaker.hpp"
#include "engine/budget.hpp"
#include "engine/cache.hpp"
#include "engine/key_pool.hpp"
#include "engine/retry_budget.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace keel::relay {

// What a model is known not to do. Unknown is not lacking: only a known lack removes a target.
struct Lacks {
  bool tools = false;
  bool schema = false;
  bool images = false;
  bool audio = false;

  friend constexpr bool operator==(const Lacks&, const Lacks&) = default;
};

struct ModelConfig {
  std::string name;            // as the provider serves it
  std::optional<Price> price;  // unknown: refused where a budget applies
  int64_t context_tokens = 0;  // 0: unknown
  int64_t output_tokens = 0;   // 0: unknown
  Lacks lacks;
  bool reasoning = false;
  Prefill prefill = Prefill::none;

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

struct KeyConfig {
  Secret secret;
  std::string label;  // a short hash of the secret: what logs and metrics may show
  engine::KeySettings settings;
};

// Requests and tokens per minute and how many at once; 0 means no limit.
struct Limits {
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;
  int64_t concurrency = 0;

  bool any() const { return requests_per_minute > 0 || tokens_per_minute > 0 || concurrency > 0; }
};

struct ProviderConfig {
  std::string name;
  std::string base_url;  // https://host[:port][/prefix], no trailing slash
  std::string dialect = "openai";
  std::vector<KeyConfig> keys;  // may be empty: a provider that asks for none
  engine::KeyOrder key_order = engine::KeyOrder::least_loaded;
  Limits limits;
  bool allow_plaintext = false;
  bool allow_private = false;
  bool bills_errors = false;
  bool stream_options = true;  // takes stream_options.include_usage; else it is never sent there
  // What bounds its output, where the client said neither: else it might not be bounded.
  std::string max_tokens_field = "max_completion_tokens";
  std::vector<ModelConfig> models;
  std::string health_path = "/models";  // relative to base_url, asked with GET
};

// Provider + model: what one attempt is sent to.
struct TargetConfig {
  std::string name;  // "provider/model"
  ProviderIndex provider = 0;
  uint32_t model = 0;  // index into the provider's models; also its KeyPool::ModelId
  bool sole = false;   // the only target on every route that names it (SEMANTICS A3)
};

// A policy picked by configuration: a built-in or an installed id, or a file and an id within it.
using SettingValue = std::variant<bool, int64_t, double, std::string>;
struct PolicyConfig {
  std::string id;
  std::string file;    // absolute path; empty: looked up by id
  std::string sha256;  // hex; empty: not pinned
  bool allow_text = false;
  std::vector<std::pair<std::string, SettingValue>> settings;
};

struct RetryConfig {
  int max_attempts = 4;  // sends; tries are at most twice this
  engine::BackoffSettings backoff;
  bool retry_silent = false;  // may a timed-out target be tried again? (the article's client does)
  engine::RetryBudgetSettings retry_budget;  // per target
  engine::RetryBudgetSettings extra_sends{
      .ratio = 0.5, .floor = 10, .window = seconds(10)};  // per route
};

struct RouteTarget {
  TargetIndex target = 0;
  int tier = 0;
  double weight = 1.0;
  bool downgrade_only = false;  // not a target of the route itself: reached by a downgrade mapping
};

// How a stream that broke after content was delivered may go on (SEMANTICS A4).
enum class Resume : uint8_t { continuation, replay };

// What is kept back before a stream's content is let go, for those who prefer certainty to an early
// first token. One of the three; nothing set: content is passed on at once.
struct HoldBack {
  int64_t tokens = 0;     // counted as content events
  Duration time;          // since the first content
  bool complete = false;  // until the stream has ended well
};

struct StreamConfig {
  std::vector<Resume> resume{Resume::continuation, Resume::replay};
  bool replay_deterministic_only = false;
  HoldBack hold_back;
  Duration first_token = seconds(10);
  Duration first_token_reasoning = seconds(60);
  Duration stall = seconds(15);
};

enum class OnExhausted : uint8_t { reject, wait, other_route };
enum class CacheWhen : uint8_t { deterministic, always };

struct RouteCache {
  CacheWhen when = CacheWhen::deterministic;
  PolicyConfig ttl;     // a TTL policy; fixed_ttl with the route's ttl unless named
  double jitter = 0.1;  // a lifetime is multiplied by U(1 - jitter, 1)
  // How long past its lifetime an answer may still be given, always marked as stale; zero: never.
  Duration stale_if_error;          // instead of a failure that is not the client's
  Duration stale_while_revalidate;  // at once, while one request of our own asks anew
};

// One more attempt beside a first one that is late, at another target (SEMANTICS A3): it is billed
// twice, so it is off unless named.
struct HedgeConfig {
  double after = 0.95;  // late: slower than this share of what the target is known for
  double share = 0.02;  // of the route's requests of the last minute, at most
};

struct RouteConfig {
  std::string name;
  bool by_name = false;  // in no file: made for a model that is asked for by its name
  std::vector<RouteTarget> targets;
  PolicyConfig routing;
  PolicyConfig cost;
  Duration timeout = seconds(600);
  Duration patience = seconds(3);
  std::optional<Duration> attempt_timeout;  // a fixed limit per attempt; else SEMANTICS A1's rule
  OnExhausted on_exhausted = OnExhausted::reject;
  Duration exhausted_wait;         // for wait
  RouteIndex exhausted_route = 0;  // for other_route
  RetryConfig retry;
  std::optional<RouteCache> cache;  // nothing: this route does not cache
  std::optional<HedgeConfig> hedge;
  bool fallback_on_content_policy = false;
  StreamConfig stream;
};

// From which shares of a budget, in percent, what is sent is restricted (SEMANTICS A8). Its end is
// at 100 always.
struct BudgetTiers {
  std::optional<int> cheaper;     // cheaper models stand in; nothing: from its alert_percent on
  std::optional<int> cache_only;  // only stored answers, and those that are asked for already
};

// The relay as a whole (account 0) and every tenant: limits and money in a tree.
struct AccountConfig {
  std::string name;
  std::optional<AccountIndex> parent;  // tenants without one have the relay as parent
  bool enabled = true;
  std::vector<std::string> client_keys;  // SHA-256 in hex: how a gateway knows whose request it is
  Limits limits;
  std::optional<engine::AccountSettings> budget;
  BudgetTiers tiers;
  // Others spend from the budget too: this relay leases parts of it from an authority that its
  // driver asks (Relay::lease_as), and nothing is sent on what it has not. No file says this yet.
  bool shared = false;
};

struct HealthCheckConfig {
  Duration interval = seconds(15);  // zero: off
  Duration timeout = seconds(2);
};

// The gateway's own side.
struct ServerConfig {
  std::string host = "127.0.0.1";
  uint16_t port = 3000;
  bool open_models = false;  // models asked for by name need no route
  Duration drain = seconds(30);
  int64_t connections = 4096;              // of clients at once
  int64_t connections_per_address = 1024;  // not counted where only this machine can reach us
};

enum class LogLevel : uint8_t { debug, info, warning, error, off };

struct Config {
  std::vector<ProviderConfig> providers;
  std::vector<TargetConfig> targets;
  std::vector<RouteConfig> routes;
  std::vector<AccountConfig> accounts;  // [0] is the relay
  // Names clients may ask for beside the routes' own: a target's model name or "provider/model" on
  // a route begins there; asked names that a mapping replaces are here too.
  std::optional<RouteIndex> default_route;  // takes any name no route has (the article's form)
  std::map<std::string, std::string>
      mapping;  // asked or chosen name -> target name, for downgrades
  engine::BreakerSettings breaker;
  bool breaker_consecutive_named = false;  // a sole target keeps a consecutive rule only if named
  HealthCheckConfig health_check;
  engine::CacheSettings cache;
  Duration connect_timeout = seconds(5);
  LogLevel log_level = LogLevel::info;
  std::string request_log_path;  // empty: none
  ServerConfig server;
  std::string metrics_endpoint;  // the article's; read and shown, served with the gateway
  size_t traces_kept = 10'000;
  bool traces_say_why = true;  // no setting: what a simulation goes without
  uint64_t seed = 0;           // 0: the driver draws one
};

}  // namespace keel::relay
