#include "server/endpoints.hpp"

#include <array>

namespace keel::server {

namespace {

constexpr std::array kEndpoints{
    Endpoint{"POST", "/v1/chat/completions", Access::tenant, What::chat},
    Endpoint{"POST", "/v1/completions", Access::tenant, What::completions},
    Endpoint{"POST", "/v1/embeddings", Access::tenant, What::embeddings},
    Endpoint{"GET", "/v1/models", Access::tenant, What::models},
    Endpoint{"GET", "/health", Access::everybody, What::health},
    Endpoint{"GET", "/health/liveness", Access::everybody, What::liveness},
    Endpoint{"GET", "/health/liveliness", Access::everybody, What::liveness},
    Endpoint{"GET", "/health/readiness", Access::everybody, What::readiness},
    Endpoint{"GET", "/metrics", Access::tenant_off_loopback, What::metrics},
    Endpoint{"GET", "/v1/requests/{id}/trace", Access::tenant, What::trace},
};

constexpr std::string_view kId = "{id}";

bool matches(std::string_view pattern, std::string_view path, std::string_view& id) {
  const size_t hole = pattern.find(kId);
  if (hole == std::string_view::npos) return pattern == path;
  const std::string_view before = pattern.substr(0, hole);
  const std::string_view behind = pattern.substr(hole + kId.size());
  if (path.size() <= before.size() + behind.size() || !path.starts_with(before) ||
      !path.ends_with(behind))
    return false;
  id = path.substr(hole, path.size() - before.size() - behind.size());
  return id.find('/') == std::string_view::npos;
}

}  // namespace

std::span<const Endpoint> endpoints() {
  return kEndpoints;
}

Found find_endpoint(std::string_view method, std::string_view path) {
  Found found;
  if (method == "HEAD") method = "GET";
  for (const Endpoint& endpoint : kEndpoints) {
    std::string_view id;
    if (!matches(endpoint.path, path, id)) continue;
    if (endpoint.method == method) return {&endpoint, id, {}};
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += endpoint.method;
    if (endpoint.method == "GET") found.allow += ", HEAD";
  }
  return found;
}

std::string endpoints_text() {
  std::string text;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!text.empty()) text += ", ";
    text.append(endpoint.method).append(" ").append(endpoint.path);
  }
  return text;
}

}  // namespace keel::server
