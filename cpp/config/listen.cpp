#include "config/listen.hpp"

#include "config/url.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

std::string bracketed(std::string_view host) {
  bool six = host.find(':') != std::string_view::npos;
  return six ? "[" + std::string(host) + "]" : std::string(host);
}

}  // namespace

Result<ListenAddress> parse_listen(std::string_view text) {
  Error wrong{"invalid_config", "",
              "found " + quoted(text) + ", wanted " + std::string(kListenWanted)};
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = text.substr(0, colon);
  auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return wrong;
  if (host == "localhost") host = "127.0.0.1";
  HostKind kind = host_kind(host);
  if (kind == HostKind::bad || kind == HostKind::name) return wrong;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return ListenAddress{std::string(host), static_cast<uint16_t>(*port)};
}

std::string listen_text(std::string_view host, uint16_t port) {
  return bracketed(host) + ":" + std::to_string(port);
}

bool is_loopback(std::string_view host) {
  return host_kind(bracketed(host)) == HostKind::loopback;
}

std::optional<std::string> exposure(const Config& config) {
  if (is_loopback(config.server.host)) return std::nullopt;
  bool keys =
      std::any_of(config.accounts.begin(), config.accounts.end(),
                  [](const AccountConfig& account) { return !account.client_keys.empty(); });
  if (keys) return std::nullopt;
  return quoted(listen_text(config.server.host, config.server.port)) +
         " can be reached from other machines and no tenant has keys, so anybody could spend "
         "what the providers bill; wanted 127.0.0.1, [::1] or tenants with keys";
}

std::optional<ListenAddress> metrics_listener(const Config& config) {
  constexpr std::string_view kScheme = "http://";
  std::string_view url = config.metrics_endpoint;
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  auto address = parse_listen(url.substr(0, url.find('/')));
  if (!address || !is_loopback(address->host)) return std::nullopt;
  return *address;
}

}  // namespace keel::relay
