// list_price: what the provider's price list says, to the nano-dollar. Gives no advice.

#include <keel/policy.hpp>

using namespace keel::plugin;

namespace {

struct ListPrice {
  static constexpr Descriptor descriptor{.id = "list_price",
                                         .summary = "by the list prices of the target"};

  explicit ListPrice(const Config&) {}

  std::optional<int64_t> price(const Request&, const Target& target, const Usage& usage) {
    return list_cost(target, usage);
  }
};

}  // namespace

KEEL_POLICIES(ListPrice)
