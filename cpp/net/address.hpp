#pragma once
// IP addresses as bytes, and which of them a name from configuration must not lead to (SEMANTICS
// T2).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace keel::net {

class Address {
 public:
  // Four decimal numbers, or the text form of IPv6, with or without brackets; nothing else. The
  // other spellings the C library takes ("2130706433", "0177.0.0.1", "127.1", "fe80::1%eth0") are
  // names here: they go through the resolver and its check.
  static std::optional<Address> parse(std::string_view text);
  // Nothing for a family that is neither IPv4 nor IPv6.
  static std::optional<Address> from(const sockaddr& raw);

  bool is_v4() const { return v4_; }
  std::string text() const;

  // Why a name may not lead here without allow_private: "loopback", "private", "link-local", ...;
  // empty for a public address. IPv4 inside IPv6 (mapped, compatible, 6to4, NAT64) is judged as
  // what it contains.
  std::string_view forbidden() const;
  bool is_loopback() const { return forbidden() == "loopback"; }

  friend bool operator==(const Address&, const Address&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};  // the first four for IPv4
  bool v4_ = true;
};

}  // namespace keel::net
