#pragma once
// The client keys that were found good lately, so that one is not hashed and looked up at length at
// every request. Of a key and the address it came from only a mark is kept: SipHash-2-4 of both
// under a key of this process, 128 bits, which says nothing to whoever reads it elsewhere and which
// nobody outside can aim at.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace keel::server {

struct SipKey {
  uint64_t k0 = 0, k1 = 0;
};
using SipMark = std::array<uint64_t, 2>;

// SipHash-2-4 with 128 bits of result (Aumasson and Bernstein) over `a`, and then `b`.
SipMark sip_hash(SipKey key, std::string_view a, std::string_view b = {});

class RecentKeys {
 public:
  static constexpr size_t kMost = 1024;  // a power of two; each may be forgotten for another

  RecentKeys();

  SipMark mark_of(std::string_view address, std::string_view client_key) const;
  // What was remembered of it; nullptr if nothing is.
  const void* find(const SipMark& mark) const;
  void remember(const SipMark& mark, const void* known) { place_of(mark) = {mark, known}; }

 private:
  struct Entry {
    SipMark mark{};
    const void* known = nullptr;
  };
  Entry& place_of(const SipMark& mark) { return entries_[mark[0] % kMost]; }

  SipKey key_;
  std::vector<Entry> entries_;
};

}  // namespace keel::server
