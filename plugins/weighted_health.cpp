// weighted_health: within a tier the best first, by weight x health score. `tolerance` and
// `cheapest_within` look at health alone: those whose score is that near to the tier's best go
// ahead of the rest, in configured order or by price. A target the client named goes first.

#include <keel/policy.hpp>

#include <tuple>

using namespace keel::plugin;

namespace {

constexpr keel_setting_spec kSettings[] = {
    boolean_setting("spread", false, "draw in proportion to rank instead of taking the best"),
    number_setting(
        "tolerance", 0.0, {0.0, 1.0},
        "targets within this of the best health score go first, in configured order; 0 is off"),
    number_setting("cheapest_within", 0.0, {0.0, 1.0},
                   "targets within this of the best health score go first, by price; 0 is off"),
};

struct WeightedHealth {
  static constexpr Descriptor descriptor{.id = "weighted_health",
                                         .summary = "within a tier by weight x health score",
                                         .settings = kSettings};

  explicit WeightedHealth(const Config& config)
      : spread_(config.boolean("spread")),
        tolerance_(config.number("tolerance")),
        cheapest_within_(config.number("cheapest_within")) {}

  Answer route(const Request& request, Candidates candidates, Order& order) {
    fill(candidates);
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
      return std::tuple(a.tier, -a.rank, a.position) < std::tuple(b.tier, -b.rank, b.position);
    });
    Draws draws(request.entropy);
    for (auto first = rows_.begin(); first != rows_.end();) {
      auto last = std::find_if(first, rows_.end(),
                               [tier = first->tier](const Row& r) { return r.tier != tier; });
      arrange(first, last, draws);
      first = last;
    }
    for (const Row& row : rows_) order.push(row.index);
    order.to_front(request.requested_candidate);
    return Answer::ok();
  }

 private:
  struct Row {
    uint32_t index;
    uint32_t tier;
    uint32_t position;
    double score;
    double rank;  // weight x score, weights relative to the tier's largest
    int64_t cost;
  };
  using Iterator = std::vector<Row>::iterator;

  void fill(Candidates candidates) {
    rows_.clear();
    for (uint32_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      double largest = 0;
      for (uint32_t j = 0; j < candidates.size(); ++j) {
        const Target& other = *candidates[j].target;
        if (other.tier == c.target->tier) largest = std::max(largest, other.weight);
      }
      double weight = largest > 0 ? c.target->weight / largest : 1.0;
      // An unknown cost is dearer than any known one.
      int64_t cost = c.estimated_cost_nano_usd;
      if (cost < 0) cost = std::numeric_limits<int64_t>::max();
      rows_.push_back(
          {i, c.target->tier, c.position, c.health_score, weight * c.health_score, cost});
    }
  }

  // One tier, which arrives best first.
  void arrange(Iterator first, Iterator last, Draws& draws) const {
    if (spread_) {
      draw(first, last, draws);
    } else if (cheapest_within_ > 0) {
      std::sort(first, nearest(first, last, cheapest_within_), [](const Row& a, const Row& b) {
        return std::tuple(a.cost, a.position) < std::tuple(b.cost, b.position);
      });
    } else if (tolerance_ > 0) {
      std::sort(first, nearest(first, last, tolerance_),
                [](const Row& a, const Row& b) { return a.position < b.position; });
    }
  }

  // Brings those whose score is within `difference` of the best one's to the front, the others keep
  // their order behind; the end of those. A hair more, so that 0.95 is within 0.05 of 1 in binary
  // too.
  static Iterator nearest(Iterator first, Iterator last, double difference) {
    double best = 0;
    for (auto it = first; it != last; ++it) best = std::max(best, it->score);
    const double least = best - difference - 1e-9;
    return std::stable_partition(first, last, [&](const Row& r) { return r.score >= least; });
  }

  // Drawn one after the other in proportion to rank; those of rank 0 stay behind, in order.
  static void draw(Iterator first, Iterator last, Draws& draws) {
    double total = 0;
    for (auto it = first; it != last; ++it) total += it->rank;
    for (; first != last && total > 0; ++first) {
      double point = draws.unit() * total;
      auto drawn = first;
      while (drawn + 1 != last && drawn[1].rank > 0 && point >= drawn->rank) {
        point -= drawn->rank;
        ++drawn;
      }
      total -= drawn->rank;
      std::rotate(first, drawn, drawn + 1);
    }
  }

  bool spread_;
  double tolerance_;
  double cheapest_within_;
  std::vector<Row> rows_;
};

}  // namespace

KEEL_POLICIES(WeightedHealth)
