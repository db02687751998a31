#pragma once
// Where a gateway may listen: on this machine for everybody, elsewhere only for those who bring a
// key.

#include "base/result.hpp"
#include "relay/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel::relay {

struct ListenAddress {
  std::string host;  // an IPv4 or IPv6 address, without brackets
  uint16_t port = 0;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// `127.0.0.1:3000`, `[::1]:3000`, `0.0.0.0:3000`, or `localhost:3000` for 127.0.0.1. Port 0 lets
// the system choose one. No other names: what a name means is a resolver's to say.
inline constexpr std::string_view kListenWanted =
    "an address and a port such as 127.0.0.1:3000, 0.0.0.0:3000 or [::1]:3000";
Result<ListenAddress> parse_listen(std::string_view text);
std::string listen_text(std::string_view host, uint16_t port);
bool is_loopback(std::string_view host);  // as in ListenAddress

// Why this gateway may not listen where it is told to; nothing if it may. To be asked again by
// whoever changes the address or the tenants.
std::optional<std::string> exposure(const Config& config);

// The second place for /metrics: the article's metrics_endpoint, where that is plain http on this
// machine with a port.
std::optional<ListenAddress> metrics_listener(const Config& config);

}  // namespace keel::relay
