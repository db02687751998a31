#pragma once
// Where a provider lives, from the base URL its configuration gives, and the redirections a command
// line may give (curl's --connect-to).

#include "base/result.hpp"
#include "net/address.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::net {

struct Endpoint {
  bool tls = true;
  std::string host;  // lower case; IPv6 without brackets
  uint16_t port = 443;
  std::string origin;              // "https://host:port"
  std::string prefix;              // "" or "/v1": a request's path is written behind it
  std::optional<Address> literal;  // the host is an address as written
  bool allow_plaintext = false;    // else plain HTTP goes to loopback addresses only
  bool allow_private = false;      // else a name must lead to public addresses

  std::string label() const { return host + ":" + std::to_string(port); }
};

// `http[s]://host[:port][/prefix]`, nothing else: no credentials, query or fragment, ASCII only (an
// international name in its xn-- form). Error code "invalid_base_url".
Result<Endpoint> parse_endpoint(std::string_view base_url, bool allow_plaintext,
                                bool allow_private);

// HOST:PORT:ADDR:PORT, where ADDR is an address (IPv6 in brackets), not a name: connections meant
// for HOST:PORT go to ADDR:PORT, with TLS and Host header as before. The caller is trusted: the
// address is not checked. Error code "invalid_resolve".
struct Redirection {
  Address address;
  uint16_t port = 0;
};
class Redirections {
 public:
  static Result<Redirections> parse(const std::vector<std::string>& texts);
  const Redirection* find(const std::string& host, uint16_t port) const;

 private:
  std::map<std::pair<std::string, uint16_t>, Redirection> by_origin_;
};

}  // namespace keel::net
