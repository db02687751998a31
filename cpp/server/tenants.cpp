#include "server/tenants.hpp"

#include <array>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace keel::server {

namespace {

constexpr size_t kDigestText = 2 * SHA256_DIGEST_LENGTH;

std::string pair_of(const std::string& address, const std::string& digest) {
  return address + ' ' + digest;
}

}  // namespace

std::string_view client_key(const http::Head& head) {
  std::string_view authorization = head.value_of("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() > kScheme.size() &&
      http::same_word(authorization.substr(0, kScheme.size()), kScheme)) {
    authorization.remove_prefix(kScheme.size());
    authorization.remove_prefix(
        std::min(authorization.find_first_not_of(' '), authorization.size()));
    return authorization;
  }
  for (const char* name : {"x-api-key", "api-key"}) {
    if (auto key = head.value_of(name); !key.empty()) return key;
  }
  return {};
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(kDigestText);
  for (unsigned char byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

engine::Allowance WrongKeys::may_try(const std::string& address, Instant now) const {
  auto found = failures_.find(address);
  return found == failures_.end() ? engine::Allowance{} : found->second.would_allow(1, now);
}

void WrongKeys::failed(const std::string& address, Instant now) {
  // Forgetting all is kinder than forgetting none: an attacker with as many addresses has won more
  // than a few tries already.
  if (failures_.size() >= kMostAddresses && !failures_.contains(address)) failures_.clear();
  engine::Quota quota{kPerMinute, minutes(1), kBurst - 1};
  failures_.try_emplace(address, quota).first->second.try_take(1, now);
}

bool WrongKeys::proved(const std::string& address, const std::string& digest) const {
  return proved_.contains(pair_of(address, digest));
}

void WrongKeys::prove(const std::string& address, const std::string& digest) {
  if (proved_.size() >= kMostProved) proved_.clear();
  proved_.insert(pair_of(address, digest));
}

Tenants::Tenants(const relay::Config& config) {
  for (size_t i = 1; i < config.accounts.size(); ++i) {
    for (const std::string& digest : config.accounts[i].client_keys) {
      keys_.emplace(digest.substr(0, kDigestText / 2), Key{digest, config.accounts[i].name});
    }
  }
}

// By one half of the digest to a candidate, by all of it, in constant time, to a yes.
const Tenants::Key* Tenants::find(const std::string& digest) const {
  auto [begin, end] = keys_.equal_range(digest.substr(0, kDigestText / 2));
  for (auto key = begin; key != end; ++key) {
    const std::string& known = key->second.digest;
    if (known.size() == digest.size() &&
        CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0)
      return &key->second;
  }
  return nullptr;
}

Caller Tenants::identify(const http::Head& head, const std::string& address, WrongKeys& wrong,
                         Instant now) {
  if (!any()) return {};
  const std::string_view key = client_key(head);
  if (key.empty()) return {Caller::Kind::no_key};
  const SipMark mark = recent_.mark_of(address, key);
  if (const void* recent = recent_.find(mark))
    return {Caller::Kind::known, static_cast<const Key*>(recent)->tenant};
  const std::string digest = sha256_hex(key);
  const bool proved = wrong.proved(address, digest);
  if (!proved) {
    engine::Allowance allowance = wrong.may_try(address, now);
    if (!allowance) return {Caller::Kind::too_many, {}, allowance.retry_after};
  }
  const Key* known = find(digest);
  if (!known) {
    wrong.failed(address, now);
    return {Caller::Kind::wrong_key};
  }
  if (!proved) wrong.prove(address, digest);
  recent_.remember(mark, known);
  return {Caller::Kind::known, known->tenant};
}

}  // namespace keel::server
