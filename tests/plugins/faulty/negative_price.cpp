// Pays people for asking.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "a price below zero"};
  explicit Faulty(const Config&) {}
  std::optional<int64_t> price(const Request&, const Target&, const Usage&) { return -1; }
};

KEEL_POLICIES(Faulty)
