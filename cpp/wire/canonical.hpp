#pragma once
// What two requests must share to share an answer (SEMANTICS A9): a canonical form of the request,
// and the identity of request, tenant and target together.

#include "base/body.hpp"
#include "base/result.hpp"
#include "base/vocabulary.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace keel::wire {

inline constexpr size_t kCanonicalBytesMax = 4 * 1024 * 1024;  // a larger request is not cached

// The request with its keys sorted, no white space and every value written in one way: strings by
// the characters they mean (not normalised), integers by their own text, other numbers by the
// shortest text of the double they are, or by their own text where that is another value.
//
// Left out, on top level only: `user`, `metadata`, `safety_identifier` and `prompt_cache_key`,
// which have no effect on the answer; and `model`, `models` and `fallbacks`, because the target
// that answers takes their place (see identity_of). `stream` stays: a stored stream is given as
// one.
//
// Error code "uncacheable": a repeated key, nesting or size beyond the caps, not JSON.
Result<std::string> canonical_request(const Body& body);

struct Identity {
  std::array<uint8_t, 32> bytes{};

  friend bool operator==(const Identity&, const Identity&) = default;
  std::string hex() const;  // 64 lower-case digits
};

// SHA-256 of a canonical request, taken once and combined with each target.
Identity digest_of(std::string_view canonical);

// SHA-256 over the schema's version and the parts, each behind its length. `target_name` is
// provider/model with whatever else makes it another target (region, api version); `extra` is what
// else has an effect on the answer: output-relevant headers, the plugin chain, the route for
// single-flight. The tenant scope keeps tenants apart.
Identity identity_of(std::string_view tenant_scope, Operation operation,
                     std::string_view target_name, const Identity& request_digest,
                     std::string_view extra = {});
Identity identity_of(std::string_view tenant_scope, Operation operation,
                     std::string_view target_name, std::string_view canonical,
                     std::string_view extra = {});

// 128 bits in lower-case hex over the same parts, by XXH3: for telling repeats in a log, where
// nothing is decided by it. A fraction of the digest's price, and no secret keeps somebody from
// making two requests share one.
std::string fingerprint_of(std::string_view tenant_scope, Operation operation,
                           std::string_view target_name, std::string_view canonical);

}  // namespace keel::wire

template <>
struct std::hash<keel::wire::Identity> {
  size_t operator()(const keel::wire::Identity& id) const noexcept {
    size_t first;  // any bytes of a SHA-256 are as good as a hash of all
    std::memcpy(&first, id.bytes.data(), sizeof first);
    return first;
  }
};
