// Refuses with a text that is not UTF-8.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "refuses in Latin-1"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates, Order&) { return Answer::refuse("caf\xe9"); }
};

KEEL_POLICIES(Faulty)
