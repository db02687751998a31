// Keeps replies for longer than a year.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "a year and a nanosecond"};
  explicit Faulty(const Config&) {}
  std::optional<int64_t> ttl(const TtlQuestion&) { return KEEL_TTL_MAX_NS + 1; }
};

KEEL_POLICIES(Faulty)
