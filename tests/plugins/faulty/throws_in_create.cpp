// Its constructor throws.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "cannot be made"};
  explicit Faulty(const Config&) { throw std::runtime_error("cannot reach the moon"); }
  Answer route(const Request&, Candidates, Order&) { return Answer::ok(); }
};

KEEL_POLICIES(Faulty)
