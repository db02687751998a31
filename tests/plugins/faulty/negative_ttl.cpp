// Keeps replies for less than no time.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "less than nothing"};
  explicit Faulty(const Config&) {}
  std::optional<int64_t> ttl(const TtlQuestion&) { return -1; }
};

KEEL_POLICIES(Faulty)
