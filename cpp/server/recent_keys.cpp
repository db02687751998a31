#include "server/recent_keys.hpp"

#include <bit>
#include <new>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace keel::server {

namespace {

class Sip {
 public:
  explicit Sip(SipKey key)
      : v0_(key.k0 ^ 0x736f6d6570736575),
        v1_(key.k1 ^ 0x646f72616e646f6d ^ 0xee),  // 0xee: the variant with 128 bits
        v2_(key.k0 ^ 0x6c7967656e657261),
        v3_(key.k1 ^ 0x7465646279746573) {}

  void take(std::string_view text) {
    for (char c : text) {
      word_ |= uint64_t{static_cast<unsigned char>(c)} << (8 * (length_ % 8));
      if (++length_ % 8 == 0) compress();
    }
  }

  SipMark finish() {
    word_ |= uint64_t{length_} << 56;
    compress();
    v2_ ^= 0xee;
    const uint64_t first = mixed();
    v1_ ^= 0xdd;
    return {first, mixed()};
  }

 private:
  void round() {
    v0_ += v1_, v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_, v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_, v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_, v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }
  void compress() {
    v3_ ^= word_;
    round(), round();
    v0_ ^= word_;
    word_ = 0;
  }
  uint64_t mixed() {
    round(), round(), round(), round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t word_ = 0;  // bytes that are no whole word yet
  uint64_t length_ = 0;
};

}  // namespace

SipMark sip_hash(SipKey key, std::string_view a, std::string_view b) {
  Sip sip(key);
  sip.take(a);
  sip.take(b);
  return sip.finish();
}

RecentKeys::RecentKeys() : entries_(kMost) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&key_), sizeof key_) != 1) throw std::bad_alloc();
}

// An address holds no NUL, so no other pair begins with the same bytes.
SipMark RecentKeys::mark_of(std::string_view address, std::string_view client_key) const {
  Sip sip(key_);
  sip.take(address);
  sip.take(std::string_view("\0", 1));
  sip.take(client_key);
  return sip.finish();
}

const void* RecentKeys::find(const SipMark& mark) const {
  const Entry& entry = entries_[mark[0] % kMost];
  const bool same = CRYPTO_memcmp(entry.mark.data(), mark.data(), sizeof mark) == 0;
  return same ? entry.known : nullptr;
}

}  // namespace keel::server
