#include "server/health.hpp"

#include "relay/availability.hpp"
#include "wire/json_text.hpp"

#include <cstdio>

namespace keel::server {

namespace {

http::Reply not_ready(const std::string& reasons) {
  return {503, R"({"status":"not_ready","reasons":[)" + reasons + "]}"};
}

std::string reason(const relay::Engines& engines, TargetIndex target,
                   const relay::Availability& why, Instant now) {
  std::string text = engines.config->targets[target].name + ": ";
  text += relay::name_of(why.why);
  if (why.until != Instant::never()) {
    char wait[48];
    std::snprintf(wait, sizeof wait, " for %.1f s", remaining(why.until, now).seconds());
    text += wait;
  }
  return wire::json_quote(text);
}

}  // namespace

http::Reply health(Duration uptime) {
  char text[64];
  std::snprintf(text, sizeof text, R"({"status":"healthy","uptime":%.3f})", uptime.seconds());
  return {200, text};
}

http::Reply liveness() {
  return {200, R"({"status":"alive"})"};
}

http::Reply readiness(const relay::Engines& engines, bool draining, Instant now) {
  if (draining) return not_ready(R"("draining")");
  std::string reasons;
  for (TargetIndex target = 0; target < engines.config->targets.size(); ++target) {
    const relay::Availability why = relay::available(engines, target, 1, {}, now);
    if (!why) {
      reasons += (reasons.empty() ? "" : ",") + reason(engines, target, why, now);
      continue;
    }
    for (const relay::RouteConfig& route : engines.config->routes)
      for (const relay::RouteTarget& on : route.targets)
        if (on.target == target && !on.downgrade_only) return {200, R"({"status":"ready"})"};
  }
  return not_ready(reasons);
}

}  // namespace keel::server
