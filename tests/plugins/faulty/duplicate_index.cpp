// Names a candidate twice.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "the first twice"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates, Order& order) {
    order.push(0);
    order.push(0);
    return Answer::ok();
  }
};

KEEL_POLICIES(Faulty)
