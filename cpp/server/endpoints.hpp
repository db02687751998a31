#pragma once
// The one table of what the client port answers. A path that is not here is not served.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keel::server {

enum class What : uint8_t {
  chat,
  completions,
  embeddings,
  models,
  health,
  liveness,
  readiness,
  metrics,
  trace,
};

// Who may ask, where tenants are configured.
enum class Access : uint8_t {
  everybody,
  tenant,
  tenant_off_loopback,  // everybody where only this machine can reach us
};

struct Endpoint {
  std::string_view method;
  std::string_view path;  // `{id}` stands for one segment
  Access access = Access::tenant;
  What what = What::chat;
};

std::span<const Endpoint> endpoints();

struct Found {
  const Endpoint* endpoint = nullptr;  // nothing: see `allow`
  std::string_view id;                 // what `{id}` stood for
  std::string allow;                   // the methods of this path; empty: there is no such path
};
// HEAD is served as GET.
Found find_endpoint(std::string_view method, std::string_view path);

// "POST /v1/chat/completions, ..." for those who asked for another.
std::string endpoints_text();

}  // namespace keel::server
