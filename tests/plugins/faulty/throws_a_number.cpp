// Throws what is no std::exception while it decides.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "throws 42"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates, Order&) { throw 42; }
};

KEEL_POLICIES(Faulty)
