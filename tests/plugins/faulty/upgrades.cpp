// Advises whatever comes last, cheaper or not.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Faulty {
  static constexpr Descriptor descriptor{.id = "faulty", .summary = "the last one"};
  explicit Faulty(const Config&) {}
  std::optional<int64_t> price(const Request&, const Target&, const Usage&) { return 1; }
  Answer advise(const Request&, uint32_t, Candidates candidates, const Budget&, Order& order) {
    order.push(candidates.size() - 1);
    return Answer::ok();
  }
};

KEEL_POLICIES(Faulty)
