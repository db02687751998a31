#include "net/endpoint.hpp"

#include <algorithm>
#include <charconv>

namespace keel::net {

namespace {

std::optional<uint16_t> read_port(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool takes(std::string_view& text, std::string_view start) {
  if (text.substr(0, start.size()) != start) return false;
  text.remove_prefix(start.size());
  return true;
}

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}
bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
         std::all_of(host.begin(), host.end(), is_name_byte);
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return low;
}

// Visible ASCII without what would end or reinterpret a path.
bool is_prefix(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '\\' && c != '"';
  });
}

// Cuts "host", "1.2.3.4" or "[v6]" off the front; what remains begins with ':' or is empty.
std::optional<std::string_view> cut_host(std::string_view& text) {
  size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
  if (text.starts_with('[')) {
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  }
  std::string_view host = text.substr(0, end);
  text.remove_prefix(host.size());
  return host;
}

Error bad_url(std::string_view url, const std::string& why) {
  return {"invalid_base_url", std::string(url), why};
}

std::optional<std::pair<std::pair<std::string, uint16_t>, Redirection>> read_redirection(
    std::string_view text) {
  auto host = cut_host(text);
  if (!host || host->empty() || !takes(text, ":")) return std::nullopt;
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto port = read_port(text.substr(0, colon));
  text.remove_prefix(colon + 1);
  auto to = cut_host(text);
  if (!port || !to || !takes(text, ":")) return std::nullopt;
  auto address = Address::parse(*to);
  auto to_port = read_port(text);
  if (!address || !to_port || (!address->is_v4() && to->front() != '[')) return std::nullopt;
  auto literal = Address::parse(*host);
  return {{{literal ? literal->text() : lower(*host), *port}, {*address, *to_port}}};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view base_url, bool allow_plaintext,
                                bool allow_private) {
  Endpoint endpoint;
  endpoint.allow_plaintext = allow_plaintext;
  endpoint.allow_private = allow_private;
  std::string_view rest = base_url;
  if (takes(rest, "http://")) {
    endpoint.tls = false;
  } else if (!takes(rest, "https://")) {
    return bad_url(base_url, "wanted https:// or http:// at its start");
  }
  size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view prefix = rest.substr(slash);
  rest = rest.substr(0, slash);
  auto host = cut_host(rest);
  if (!host) return bad_url(base_url, "wanted ']' behind an IPv6 address");

  endpoint.literal = Address::parse(*host);
  endpoint.host = endpoint.literal ? endpoint.literal->text() : lower(*host);
  if (!endpoint.literal && !is_name(endpoint.host)) {
    return bad_url(base_url, "wanted a host name of letters, digits, '-' and '.', or an address");
  }
  endpoint.port = endpoint.tls ? 443 : 80;
  if (takes(rest, ":")) {
    auto port = read_port(rest);
    if (!port) return bad_url(base_url, "wanted a port from 1 to 65535 behind the host");
    endpoint.port = *port;
  }
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!is_prefix(prefix))
    return bad_url(base_url, "wanted a plain path, without query or fragment");
  endpoint.prefix = prefix;
  bool brackets = endpoint.literal && !endpoint.literal->is_v4();
  endpoint.origin = std::string(endpoint.tls ? "https://" : "http://") +
                    (brackets ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
                    std::to_string(endpoint.port);
  return endpoint;
}

Result<Redirections> Redirections::parse(const std::vector<std::string>& texts) {
  Redirections all;
  for (const std::string& text : texts) {
    auto read = read_redirection(text);
    if (!read) {
      return Error{"invalid_resolve", text,
                   "wanted HOST:PORT:ADDR:PORT, where ADDR is an IP address (IPv6 in brackets)"};
    }
    all.by_origin_.insert_or_assign(std::move(read->first), read->second);
  }
  return all;
}

const Redirection* Redirections::find(const std::string& host, uint16_t port) const {
  auto found = by_origin_.find({host, port});
  return found == by_origin_.end() ? nullptr : &found->second;
}

}  // namespace keel::net
