#include "server/models.hpp"

#include "wire/json_text.hpp"

#include <set>

namespace keel::server {

// Routes first, as they are named; then the targets that may be asked for by name.
std::string models_body(const relay::Config& config, int64_t created_unix_s) {
  std::string out = R"({"object":"list","data":[)";
  std::set<std::string> named;
  auto add = [&](const std::string& id, const std::string& owner) {
    if (!named.insert(id).second) return;
    if (named.size() > 1) out += ',';
    out += R"({"id":)" + wire::json_quote(id) + R"(,"object":"model","created":)" +
           std::to_string(created_unix_s) + R"(,"owned_by":)" + wire::json_quote(owner) + "}";
  };
  for (const relay::RouteConfig& route : config.routes) add(route.name, "keel");
  const bool by_name = config.default_route || config.server.open_models;
  if (by_name) {
    for (const relay::TargetConfig& target : config.targets)
      add(target.name, config.providers[target.provider].name);
  }
  return out + "]}";
}

}  // namespace keel::server
