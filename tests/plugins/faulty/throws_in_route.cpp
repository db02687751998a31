// Throws while it decides.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "throws"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates, Order&) { throw std::runtime_error("lost the plot"); }
};

KEEL_POLICIES(Faulty)
