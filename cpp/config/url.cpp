#include "config/url.hpp"

#include "config/values.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace keel::relay {

namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Error wrong(std::string_view url, std::string wanted) {
  return {"invalid_config", "", "found " + quoted(url) + ", wanted " + std::move(wanted)};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

HostKind kind_of_ipv6(std::string_view text) {
  in6_addr address{};
  if (inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) return HostKind::bad;
  if (IN6_IS_ADDR_LOOPBACK(&address)) return HostKind::loopback;
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return HostKind::unspecified;
  return HostKind::address;
}

// A host whose last label is a number is an IPv4 address or nothing: resolvers read "127.1",
// "2130706433" and "0x7f.1" as addresses.
bool ends_in_number(std::string_view host) {
  size_t dot = host.rfind('.');
  std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  if (last.starts_with("0x")) return true;
  return !last.empty() &&
         std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_port(std::string_view text) {
  std::optional<int64_t> port = parse_integer(text);
  return port && *port >= 1 && *port <= 65535;
}

}  // namespace

HostKind host_kind(std::string_view host) {
  // inet_pton would read up to a NUL and take what stands behind it for nothing.
  if (host.find('\0') != std::string_view::npos) return HostKind::bad;
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return HostKind::bad;
    return kind_of_ipv6(host.substr(1, host.size() - 2));
  }
  if (host.empty() || host.size() > 253) return HostKind::bad;
  if (ends_in_number(host)) {
    in_addr address{};
    if (inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return HostKind::bad;
    if (host.starts_with("127.")) return HostKind::loopback;
    return address.s_addr == 0 ? HostKind::unspecified : HostKind::address;
  }
  char before = '.';
  for (char c : host) {
    bool fits = is_alnum(c) || c == '-' || c == '_' || (c == '.' && before != '.');
    if (!fits) return HostKind::bad;
    before = c;
  }
  return before == '.' ? HostKind::bad : HostKind::name;
}

bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  constexpr std::string_view kAlso = "/-._~!$&'()*+,;=:@%";
  for (char c : path) {
    if (!is_alnum(c) && kAlso.find(c) == std::string_view::npos) return false;
  }
  for (size_t at = 0; at != std::string_view::npos; at = path.find('/', at + 1)) {
    std::string_view rest = path.substr(at + 1);
    std::string_view segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..") return false;
  }
  return true;
}

Result<std::string> check_base_url(std::string_view url, bool allow_plaintext) {
  size_t colon = url.find("://");
  std::string scheme = lower(url.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (scheme != "https" && scheme != "http") {
    return wrong(url, "a URL that begins with https://");
  }
  std::string_view rest = url.substr(colon + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return wrong(url.substr(0, url.find_first_of("?#")), "a URL without a query or fragment");
  }
  size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  if (authority.find('@') != std::string_view::npos) {
    // What stands before the @ may be a password.
    return Error{"invalid_config", "", "found a user in the URL, wanted a URL without one"};
  }
  size_t host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  if (authority.starts_with('[') && host_end != std::string_view::npos) ++host_end;
  std::string host = lower(authority.substr(0, host_end));
  std::string_view port;
  if (host_end != std::string_view::npos && host_end < authority.size()) {
    port = authority.substr(host_end);
    if (!port.starts_with(':') || !is_port(port.substr(1))) {
      return wrong(url, "a port from 1 to 65535");
    }
  }
  HostKind kind = host_kind(host);
  if (kind == HostKind::bad) {
    return wrong(url, "a host: a name, a dotted IPv4 address or an IPv6 address in brackets");
  }
  if (kind == HostKind::unspecified) return wrong(url, "an address somebody can listen on");
  if (scheme == "http" && kind != HostKind::loopback && !allow_plaintext) {
    return wrong(url,
                 "https:// (http:// only to 127.0.0.1 or [::1], or with allow_plaintext: true)");
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!path.empty() && !is_plain_path(path)) return wrong(url, "a plain path after the host");
  return scheme + "://" + host + std::string(port) + std::string(path);
}

}  // namespace keel::relay
