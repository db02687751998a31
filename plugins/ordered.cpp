// ordered: as configured, by tier and then position. A target the client named goes first, the rest
// follow in order.

#include <keel/policy.hpp>

using namespace keel::plugin;

namespace {

struct Ordered {
  static constexpr Descriptor descriptor{
      .id = "ordered", .summary = "as configured: by tier, then position in the route"};

  explicit Ordered(const Config&) {}

  Answer route(const Request& request, Candidates candidates, Order& order) {
    for (uint32_t i = 0; i < candidates.size(); ++i) order.push(i);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return rank(candidates, a) < rank(candidates, b); });
    order.to_front(request.requested_candidate);
    return Answer::ok();
  }

 private:
  static std::pair<uint32_t, uint32_t> rank(Candidates candidates, uint32_t i) {
    return {candidates[i].target->tier, candidates[i].position};
  }
};

}  // namespace

KEEL_POLICIES(Ordered)
