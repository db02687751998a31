#include "sim/cache_books.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace keel::sim {

namespace {

// nlohmann sorts keys; the fields left out are the ones SEMANTICS A9 names, and the model, whose
// place the target takes.
std::string meaning_of(const Body& body) {
  nlohmann::json json = nlohmann::json::parse(body.view());
  for (const char* field : {"model", "user", "metadata", "safety_identifier", "prompt_cache_key"})
    json.erase(field);
  return json.dump();
}

double setting(const relay::PolicyConfig& policy, std::string_view name, double otherwise) {
  for (const auto& [key, value] : policy.settings) {
    if (key != name) continue;
    if (const auto* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* number = std::get_if<double>(&value)) return *number;
  }
  return otherwise;
}

// The longest an answer to this request may be kept on this route.
Duration longest_life(const relay::RouteCache& cache, const Body& body) {
  if (cache.ttl.id == "fixed_ttl") return from_seconds(setting(cache.ttl, "ttl_seconds", 60));
  const std::string text = nlohmann::json::parse(body.view())["messages"][0]["content"];
  if (cache.ttl.allow_text && text.find("realtime") != std::string::npos) return seconds(5);
  if (cache.ttl.allow_text && text.find("static") != std::string::npos) return seconds(3600);
  return from_seconds(setting(cache.ttl, "default_seconds", 60));
}

bool same_chain(const relay::RouteConfig& a, const relay::RouteConfig& b) {
  return a.routing.id == b.routing.id && a.cost.id == b.cost.id &&
         a.cache.has_value() == b.cache.has_value() &&
         (!a.cache || a.cache->ttl.id == b.cache->ttl.id);
}

}  // namespace

void CacheBooks::replied(std::string_view reply, const relay::Request& asked, RouteIndex route,
                         TargetIndex target, bool whole, Instant now) {
  if (reply.empty()) return;
  replies_[std::string(reply)].push_back(
      {asked.call, asked.body, asked.tenant, route, target, whole, now});
}

std::string CacheBooks::judge(const relay::Config& config, const Asked& asked,
                              const relay::Answer& answer, std::string_view words,
                              Instant now) const {
  if (answer.kind != relay::AnswerKind::ok || asked.request.body.empty()) return {};
  auto found = replies_.find(std::string(words));
  if (found == replies_.end()) return "an answer that no provider gave";
  std::string wrong = answer.cached ? "the wrong age" : "the reply to another request";
  for (const Reply& reply : found->second) {
    const bool is_it =
        answer.cached ? elapsed(reply.at, now) == answer.age : reply.call == asked.request.call;
    if (!is_it) continue;
    wrong = reply.target != answer.target
                ? "the answer names another target than the one it is of"
                : (answer.cached ? judge_hit(config, asked, answer, reply, now) : "");
    if (wrong.empty()) break;
  }
  return wrong;
}

std::string CacheBooks::judge_hit(const relay::Config& config, const Asked& asked,
                                  const relay::Answer& answer, const Reply& stored, Instant now) {
  const relay::Request& request = asked.request;
  const relay::RouteConfig& route = config.routes[asked.route];
  const relay::RouteConfig& kept = config.routes[stored.route];
  if (!stored.whole) return "a partial, clamped or refused answer from the cache";
  if (!route.cache || !kept.cache) return "a hit on a route without a cache";
  if (stored.tenant != request.tenant) return "another tenant's answer";
  if (request.no_cache) return "a hit for a caller who wants none";
  if (meaning_of(stored.body) != meaning_of(request.body)) return "the answer to another request";
  if (!same_chain(route, kept)) return "a hit under other policies";
  auto entry = std::find_if(route.targets.begin(), route.targets.end(),
                            [&](const relay::RouteTarget& t) { return t.target == stored.target; });
  if (entry == route.targets.end()) return "a hit of a target that is not on the route";
  if (entry->downgrade_only && request.no_downgrade) return "a stand-in's answer, and none wanted";
  return judge_age(config, asked, answer, stored, now);
}

// Within its lifetime; past it only under a rule that the route names, and never unmarked.
std::string CacheBooks::judge_age(const relay::Config& config, const Asked& asked,
                                  const relay::Answer& answer, const Reply& stored, Instant now) {
  const relay::RouteCache& kept = *config.routes[stored.route].cache;
  const relay::RouteCache& rules = *config.routes[asked.route].cache;
  const Duration age = elapsed(stored.at, now);
  const Duration life = longest_life(kept, stored.body);
  if (age > asked.request.max_age) return "a hit older than the caller wants";
  if (answer.stale != (answer.trace->cache == "stale")) return "a stale answer that is not marked";
  if (!answer.stale) return age > life ? "a hit past its time" : "";
  if (age + microseconds(1) < scaled(life, 1 - kept.jitter)) return "called stale, and is not";
  Duration window;
  if (!asked.request.no_store) window = rules.stale_while_revalidate;
  if (asked.failed) window = std::max(window, rules.stale_if_error);
  return age > life + window ? "a stale answer that no rule of the route allows" : "";
}

}  // namespace keel::sim
