// cheapest: the cheapest first, whatever it scores; those that would spend more than `limit_usd` on
// this request are not asked, and with none left the client hears why.

#include <keel/policy.hpp>

using namespace keel::plugin;

struct Cheapest {
  static constexpr keel_setting_spec settings[] = {
      number_setting("limit_usd", 1.0, {0.0, 1000.0}, "dearer candidates are left out"),
  };
  static constexpr Descriptor descriptor{
      .id = "cheapest", .summary = "the cheapest first", .settings = settings};

  explicit Cheapest(const Config& config)
      : limit_nano_usd_(static_cast<int64_t>(config.number("limit_usd") * 1e9)) {
    config.log(KEEL_LOG_INFO, "limit of " + std::to_string(limit_nano_usd_) + " nano-USD");
  }

  Answer route(const Request&, Candidates candidates, Order& order) {
    auto cost = [&](uint32_t i) { return candidates[i].estimated_cost_nano_usd; };
    for (uint32_t i = 0; i < candidates.size(); ++i) {
      if (cost(i) >= 0 && cost(i) <= limit_nano_usd_) order.push(i);
    }
    if (order.size() == 0) return Answer::refuse("no target is cheap enough");
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(cost(a), a) < std::pair(cost(b), b);
    });
    return Answer::ok();
  }

  void observe(const Attempt& attempt) {
    if (attempt.cost_nano_usd < 0) throw std::invalid_argument("a negative cost was posted");
  }

 private:
  int64_t limit_nano_usd_;
};

KEEL_POLICIES(Cheapest)
