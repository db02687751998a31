// Names a candidate that is not there.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "one index too far"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates candidates, Order& order) {
    order.push(candidates.size());
    return Answer::ok();
  }
};

KEEL_POLICIES(Faulty)
