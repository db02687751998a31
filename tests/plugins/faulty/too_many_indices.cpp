// Orders more than there is room for; the order itself objects.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "one index too many"};
  explicit Faulty(const Config&) {}
  Answer route(const Request&, Candidates candidates, Order& order) {
    for (uint32_t i = 0; i <= candidates.size(); ++i) order.push(0);
    return Answer::ok();
  }
};

KEEL_POLICIES(Faulty)
