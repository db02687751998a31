#include "relay/caching.hpp"

#include "relay/engines.hpp"
#include "wire/canonical.hpp"

#include <algorithm>
#include <cstdio>

namespace keel::relay {

namespace {

// What has a say in who answers is part of what an answer is kept under: the policies and their
// revisions, and the target a client named. Who asks for one model must not be given what another
// said to somebody who asked for that one.
std::string chosen_by(const Engines& engines, const Call& call) {
  const RoutePolicies& policies = engines.routes[call.route].policies;
  const auto& targets = engines.config->routes[call.route].targets;
  const std::string& space = call.request.cache_namespace;
  std::string out;
  if (!space.empty()) out += "space/" + std::to_string(space.size()) + '/' + space + ';';
  if (call.requested)
    out += "asked/" + engines.config->targets[targets[*call.requested].target].name + ';';
  auto add = [&](const policy::Policy* policy) {
    if (!policy) return;
    const policy::Description& d = policy->description();
    out += d.kind + '/' + d.id + '@' + d.version + '#' + std::to_string(d.revision) + ';';
  };
  add(policies.routing.get());
  add(policies.cost.get());
  add(policies.ttl.get());
  return out;
}

engine::CacheKey identity(const Engines& engines, const Call& call, TargetIndex target) {
  return wire::identity_of(call.request.tenant, call.request.facts.operation,
                           engines.config->targets[target].name, call.digest,
                           chosen_by(engines, call))
      .bytes;
}

Duration longest_window(const RouteCache& cache) {
  return std::max(cache.stale_if_error, cache.stale_while_revalidate);
}

std::string describe_stale(const Engines& engines, const engine::CachedReply& reply, Instant now) {
  char text[96];
  std::snprintf(text, sizeof text, " %.3f s ago, %.3f s past its time",
                elapsed(reply.stored_at, now).seconds(), elapsed(reply.expires_at, now).seconds());
  return "answered by " + engines.config->targets[reply.target].name + text;
}

const char* bypass_reason(const RouteCache& cache, const Request& request) {
  if (!request.facts.cacheable) return "this request cannot be cached";
  if (cache.when == CacheWhen::deterministic && !request.facts.deterministic)
    return "not deterministic (no temperature 0, no seed)";
  if (request.no_store && request.no_cache) return "the caller wants no cache";
  return nullptr;
}

}  // namespace

CacheLook look_into_cache(Engines& engines, Call& call, Instant now) {
  const RouteConfig& route = engines.config->routes[call.route];
  if (const char* why = bypass_reason(*route.cache, call.request)) return {nullptr, "bypass", why};
  Result<std::string> canonical = wire::canonical_request(call.request.body);
  if (!canonical) return {nullptr, "bypass", canonical.error().message};
  call.canonical = Body::take(std::move(*canonical));
  call.digest = wire::digest_of(call.canonical.view());
  if (call.request.no_cache) return {nullptr, "bypass", "the caller wants a fresh answer"};
  auto name_of = [&](TargetIndex target) { return engines.config->targets[target].name; };
  const Duration window = longest_window(*route.cache);
  const engine::CachedReply* kept = nullptr;
  engine::CacheKey kept_as;
  for (const RouteTarget& entry : route.targets) {
    if (entry.downgrade_only && call.request.no_downgrade) continue;
    const engine::CacheKey key = identity(engines, call, entry.target);
    const auto* reply =
        engines.cache.find(key, call.canonical.view(), call.request.max_age, window, now);
    if (!reply) continue;
    if (!reply->stale(now)) return {reply, "hit", "answered before by " + name_of(reply->target)};
    if (kept) continue;
    kept = reply;
    kept_as = key;
  }
  if (!kept) return {nullptr, "miss", "not in the cache"};
  if (now < kept->expires_at + route.cache->stale_while_revalidate && !call.request.no_store)
    return {kept, "stale", describe_stale(engines, *kept, now)};
  if (now < kept->expires_at + route.cache->stale_if_error)
    call.last_resort = Call::LastResort{kept_as, route.cache->stale_if_error};
  return {nullptr, "miss", "not in the cache but " + describe_stale(engines, *kept, now)};
}

namespace {

// Not what the client itself did wrong, what its own account may not, or what a policy forbids: a
// budget that is spent and a limit that is passed are told, and the rule is for errors (RFC 5861,
// section 4: what would be a 500, 502, 503 or 504), with a provider's 429 and quota among them.
bool is_the_upstreams(const Call& call, const Answer& failure) {
  switch (failure.kind) {
    case AnswerKind::no_target:
    case AnswerKind::deadline_exceeded:
      return true;
    case AnswerKind::upstream_error:
      return call.last.cls != Class::fatal && call.last.cls != Class::context &&
             call.last.cls != Class::policy && call.last.cls != Class::ok;
    default:
      return false;
  }
}

}  // namespace

CacheLook look_instead_of(Engines& engines, const Call& call, const Answer& failure, Instant now) {
  if (!call.last_resort || call.stream_begun || !is_the_upstreams(call, failure)) return {};
  const auto* reply = engines.cache.find(call.last_resort->key, call.canonical.view(),
                                         call.request.max_age, call.last_resort->window, now);
  if (!reply) return {};
  return {reply, reply->stale(now) ? "stale" : "hit",
          "instead of " + std::string(name_of(failure.kind)) + ": " +
              describe_stale(engines, *reply, now)};
}

namespace {

Duration lifetime(Engines& engines, Call& call, TargetIndex target, Instant now) {
  RouteEngines& route = engines.routes[call.route];
  const std::optional<RouteCache>& config = engines.config->routes[call.route].cache;
  if (!config || !route.policies.ttl) return Duration::zero();
  keel_request request{};
  request.struct_size = sizeof request;
  request.route = policy::text_of(engines.config->routes[call.route].name);
  request.tenant = policy::text_of(call.request.tenant);
  request.model = policy::text_of(call.request.facts.model);
  request.now_ns = now.ns;
  request.entropy = engines.random.next();
  request.requested_candidate = -1;
  keel_ttl_question question{};
  question.struct_size = sizeof question;
  question.request = &request;
  question.target = &engines.targets[target].described;
  const Span text = call.request.facts.first_message_text;
  if (config->ttl.allow_text && !text.empty())
    question.first_message =
        policy::text_of(call.request.body.view().substr(text.offset, text.length));
  int64_t ttl_ns = 0;
  policy::Decision answer = route.policies.ttl->ttl(question, ttl_ns);
  if (answer.answered == policy::Answered::failed)
    engines.metrics.policy_error(route.policies.ttl->description().id);
  if (!answer) return Duration::zero();
  return scaled({ttl_ns}, 1.0 - config->jitter * engines.random.unit());
}

}  // namespace

std::optional<engine::CachedReply> store_in_cache(Engines& engines, Call& call, Instant now) {
  const AttemptRecord& record = call.trace->attempts.back();
  if (!call.canonical || call.request.no_store || call.last_reply.empty()) return std::nullopt;
  if (record.billed != Billed::yes || call.last.cls != Class::ok) return std::nullopt;
  // A clamped answer is not the answer to the request as it was asked.
  if (call.clamped) return std::nullopt;
  const Duration ttl = lifetime(engines, call, record.target, now);
  if (ttl <= Duration::zero()) return std::nullopt;
  const engine::CachedReply reply{call.last_reply, record.target, record.usage.value_or(Usage{}),
                                  now, now + ttl};
  const std::optional<RouteCache>& config = engines.config->routes[call.route].cache;
  engines.cache.put(identity(engines, call, record.target), call.canonical, reply,
                    {ttl, longest_window(*config), call.request.tenant}, now);
  return reply;
}

engine::CacheKey flight_identity(const Engines& engines, const Call& call) {
  return wire::identity_of(call.request.tenant, call.request.facts.operation,
                           engines.config->routes[call.route].name, call.digest,
                           "flight;" + chosen_by(engines, call))
      .bytes;
}

}  // namespace keel::relay
