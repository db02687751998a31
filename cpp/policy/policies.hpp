#pragma once
// What the relay asks a policy, as C++ interfaces. Questions are the ABI's own structs by const
// reference, so nothing is converted per call; answers go into memory of the caller, which it keeps
// and reuses. Every implementation validates: an answer that reaches the caller is in range.

#include "base/vocabulary.hpp"

#include <keel/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::policy {

enum class Answered : uint8_t {
  ok,       // the output holds the answer
  abstain,  // no opinion: the host's default applies; not a failure
  refuse,   // text is for the client
  failed,   // wrong or no answer; text is for logs; to be counted, the host's default applies
};

struct [[nodiscard]] Decision {
  Answered answered = Answered::ok;
  std::string text;

  static Decision ok() { return {}; }
  static Decision abstain() { return {Answered::abstain, {}}; }
  static Decision refuse(std::string text) { return {Answered::refuse, std::move(text)}; }
  static Decision failed(std::string text) { return {Answered::failed, std::move(text)}; }
  explicit operator bool() const { return answered == Answered::ok; }
};

struct Description {
  std::string kind;  // KEEL_KIND_...
  std::string id;
  std::string version;
  std::string summary;
  uint32_t revision = 0;
  bool needs_text = false;
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual const Description& description() const = 0;
};

class RoutingPolicy : public Policy {
 public:
  static constexpr std::string_view kKind = KEEL_KIND_ROUTING;

  // `order` is replaced by candidate indices, best first, each at most once; one that is left out
  // is not to be asked. Empty unless the answer is ok.
  virtual Decision route(const keel_request& request, const keel_candidates& candidates,
                         std::vector<uint32_t>& order) = 0;
  // False: observe() need not be called.
  virtual bool observes() const { return false; }
  // ok or failed.
  virtual Decision observe(const keel_attempt&) { return Decision::ok(); }
};

class CostPolicy : public Policy {
 public:
  static constexpr std::string_view kKind = KEEL_KIND_COST;

  // ok: `nano_usd` >= 0. abstain: the price is unknown. Never refuse.
  virtual Decision price(const keel_request& request, const keel_target& target,
                         const keel_usage& usage, int64_t& nano_usd) = 0;
  // ok with an empty list, or abstain: the preferred candidate may go. ok with candidate indices:
  // rather these, in order, none of them with a higher estimated cost than the preferred one.
  virtual Decision advise(const keel_request& request, uint32_t preferred,
                          const keel_candidates& candidates, const keel_budget& budget,
                          std::vector<uint32_t>& downgrades) = 0;
};

class TtlPolicy : public Policy {
 public:
  static constexpr std::string_view kKind = KEEL_KIND_CACHE_TTL;

  // ok: `ttl_ns` in [0, KEEL_TTL_MAX_NS], 0 = do not cache. Never refuse. The text of the question
  // reaches the policy only if it declared that need and the configuration allowed it.
  virtual Decision ttl(const keel_ttl_question& question, int64_t& ttl_ns) = 0;
};

constexpr keel_text text_of(std::string_view s) {
  return {s.data(), s.size()};
}
constexpr std::string_view view_of(keel_text t) {
  return t.data == nullptr ? std::string_view{} : std::string_view{t.data, t.size};
}

// Candidates in an array of the host's own.
inline keel_candidates candidates_of(const keel_candidate* first, size_t count) {
  return {sizeof(keel_candidates), static_cast<uint32_t>(count), sizeof(keel_candidate), first};
}
inline const keel_candidate& candidate_at(const keel_candidates& candidates, uint32_t index) {
  const char* first = reinterpret_cast<const char*>(candidates.first);
  return *reinterpret_cast<const keel_candidate*>(first + index * candidates.stride);
}

constexpr uint32_t verdict_of(Class c) {
  return static_cast<uint32_t>(c) + 1;
}
static_assert(verdict_of(Class::ok) == KEEL_VERDICT_OK);
static_assert(verdict_of(Class::throttled_key) == KEEL_VERDICT_THROTTLED_KEY);
static_assert(verdict_of(Class::fatal) == KEEL_VERDICT_FATAL);
static_assert(verdict_of(Class::cancelled) == KEEL_VERDICT_CANCELLED);
static_assert(kClassCount == KEEL_VERDICT_CANCELLED);

}  // namespace keel::policy
