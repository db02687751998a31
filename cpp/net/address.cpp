#include "net/address.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace keel::net {

namespace {

using Bytes = std::span<const uint8_t>;

struct Range {
  std::array<uint8_t, 16> prefix;
  int bits;
  std::string_view why;
};

// IANA special-purpose address registries (RFC 6890 and successors).
constexpr Range kForbiddenV4[] = {
    {{0}, 8, "this network"},
    {{10}, 8, "private"},
    {{100, 64}, 10, "shared"},
    {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},
    {{172, 16}, 12, "private"},
    {{192, 0, 0}, 24, "reserved"},
    {{192, 0, 2}, 24, "documentation"},
    {{192, 88, 99}, 24, "reserved"},
    {{192, 168}, 16, "private"},
    {{198, 18}, 15, "benchmarking"},
    {{198, 51, 100}, 24, "documentation"},
    {{203, 0, 113}, 24, "documentation"},
    {{224}, 4, "multicast"},
    {{240}, 4, "reserved"},
};
constexpr Range kForbiddenV6[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 128, "unspecified"},
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, "translation"},
    {{0x01, 0x00}, 64, "discard-only"},
    {{0x20, 0x01, 0, 0}, 32, "tunnel"},  // Teredo: the address inside is scrambled
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0xfc}, 7, "private"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "site-local"},
    {{0xff}, 8, "multicast"},
};
// IPv6 ranges that carry an IPv4 address, and where in them it stands.
struct Carrier {
  Range range;
  size_t offset;
};
constexpr Carrier kCarriers[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, "mapped"}, 12},
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 96, "compatible"}, 12},
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, 96, "translated"}, 12},
    {{{0x00, 0x64, 0xff, 0x9b}, 96, "NAT64"}, 12},
    {{{0x20, 0x02}, 16, "6to4"}, 2},
};

bool within(Bytes bytes, const Range& range) {
  int whole = range.bits / 8;
  if (std::memcmp(bytes.data(), range.prefix.data(), static_cast<size_t>(whole)) != 0) return false;
  int rest = range.bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  auto at = static_cast<size_t>(whole);
  return (bytes[at] & mask) == (range.prefix[at] & mask);
}

std::string_view first_match(Bytes bytes, std::span<const Range> ranges) {
  for (const Range& range : ranges) {
    if (within(bytes, range)) return range.why;
  }
  return {};
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
  address.v4_ = false;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::optional<Address> Address::from(const sockaddr& raw) {
  Address address;
  if (raw.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(raw);
    std::memcpy(address.bytes_.data(), &v4.sin_addr, 4);
    return address;
  }
  if (raw.sa_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(raw);
  std::memcpy(address.bytes_.data(), &v6.sin6_addr, 16);
  address.v4_ = false;
  return address;
}

std::string Address::text() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

std::string_view Address::forbidden() const {
  if (v4_) return first_match(bytes_, kForbiddenV4);
  if (auto why = first_match(bytes_, kForbiddenV6); !why.empty()) return why;
  for (const Carrier& carrier : kCarriers) {
    if (within(bytes_, carrier.range)) {
      return first_match(Bytes(bytes_).subspan(carrier.offset, 4), kForbiddenV4);
    }
  }
  return {};
}

}  // namespace keel::net
