// least_latency: within a tier, of two targets drawn at random the one that costs less time goes
// first, then of two of the rest, and so on. What a target costs is Finagle's: a peak EWMA of the
// time to its first token (a plain reply's whole time), which jumps up with a slow answer and comes
// down slowly, x (in flight + 1) / weight. A target the client named goes first.
//
// An error counts as the longest it might have taken, or its p99 if that is more: else a target
// that fails fast looks best. Of who was not asked for long nothing is known any more; while
// nothing is known of a target and it is being asked, it goes last, so that it is not stampeded.

#include <keel/policy.hpp>

#include <cmath>
#include <string>

using namespace keel::plugin;

namespace {

constexpr keel_setting_spec kSettings[] = {
    number_setting("decay_seconds", 60, {1, 3600},
                   "time constant by which what was measured fades"),
};
constexpr double kFadedOut = 3;        // time constants; 5 % of a measure is left then
constexpr double kUnknown = 1e18;      // nanoseconds: more than anything measured
constexpr int64_t kLeastNs = 1;        // of a measure: what took no time was measured, too
constexpr int64_t kServerError = 500;  // a 408, 409 or 425 tells of a race, not of the model

struct LeastLatency {
  static constexpr Descriptor descriptor{
      .id = "least_latency",
      .summary = "within a tier the better of two drawn: peak EWMA x in flight / weight",
      .settings = kSettings};

  explicit LeastLatency(const Config& config) : tau_ns_(config.number("decay_seconds") * 1e9) {}

  Answer route(const Request& request, Candidates candidates, Order& order) {
    fill(request, candidates);
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
      return std::pair(a.tier, a.position) < std::pair(b.tier, b.position);
    });
    Draws draws(request.entropy);
    for (auto first = rows_.begin(); first != rows_.end();) {
      auto last = std::find_if(first, rows_.end(),
                               [tier = first->tier](const Row& r) { return r.tier != tier; });
      for (; last - first > 1; ++first) better_of_two(first, last, draws);
      first = last;
    }
    for (const Row& row : rows_) order.push(row.index);
    order.to_front(request.requested_candidate);
    return Answer::ok();
  }

  void observe(const Attempt& attempt) {
    int64_t cost = attempt.first_token_ns > 0 ? attempt.first_token_ns : attempt.total_ns;
    Measured& target = of(*attempt.target);
    if (is_error(attempt)) {
      cost = std::max(attempt.total_ns, target.p99_ns);
      if (KEEL_HAS(&attempt, Attempt, limit_ns)) cost = std::max(cost, attempt.limit_ns);
    } else if (attempt.verdict != KEEL_VERDICT_OK && attempt.verdict != KEEL_VERDICT_POLICY) {
      return;  // it says nothing of how fast the target answers
    }
    add(target, static_cast<double>(std::max(cost, kLeastNs)), attempt.now_ns);
  }

 private:
  struct Measured {
    std::string name;
    double cost_ns = 0;  // 0: nothing is known
    int64_t at_ns = 0;
    int64_t p99_ns = 0;
  };
  struct Row {
    uint32_t index;
    uint32_t tier;
    uint32_t position;
    double cost;
  };
  using Iterator = std::vector<Row>::iterator;

  static bool is_error(const Attempt& attempt) {
    switch (attempt.verdict) {
      case KEEL_VERDICT_NOT_SENT:
      case KEEL_VERDICT_BROKEN:
      case KEEL_VERDICT_SILENT:
      case KEEL_VERDICT_PROVIDER_OVERLOAD:
        return true;
      case KEEL_VERDICT_TRANSIENT:
        return attempt.status >= kServerError;
      default:
        return false;
    }
  }

  Measured& of(const Target& target) {
    const std::string_view name = view(target.name);
    auto found = std::find_if(measured_.begin(), measured_.end(),
                              [name](const Measured& m) { return m.name == name; });
    if (found != measured_.end()) return *found;
    measured_.push_back({std::string(name)});
    return measured_.back();
  }

  // Which part of a measure is left at `now`.
  double left(const Measured& target, int64_t now_ns) const {
    return std::exp(-static_cast<double>(std::max<int64_t>(now_ns - target.at_ns, 0)) / tau_ns_);
  }

  void add(Measured& target, double cost_ns, int64_t now_ns) const {
    const double part = left(target, now_ns);
    target.cost_ns =
        cost_ns > target.cost_ns ? cost_ns : target.cost_ns * part + cost_ns * (1 - part);
    target.at_ns = std::max(target.at_ns, now_ns);
  }

  // What the host knows is where it begins: after a reload, and of what other routes have asked.
  double cost_of(const Candidate& candidate, int64_t now_ns) {
    Measured& target = of(*candidate.target);
    target.p99_ns = candidate.first_token.p99_ns;
    if (target.cost_ns == 0 && candidate.first_token.ewma_ns > 0)
      add(target, static_cast<double>(candidate.first_token.ewma_ns), now_ns);
    const bool known = target.cost_ns > 0 && left(target, now_ns) > std::exp(-kFadedOut);
    const double pending = candidate.in_flight;
    if (!known) return pending > 0 ? kUnknown * (pending + 1) : 0;
    return target.cost_ns * left(target, now_ns) * (pending + 1) / candidate.target->weight;
  }

  void fill(const Request& request, Candidates candidates) {
    rows_.clear();
    for (uint32_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      rows_.push_back({i, c.target->tier, c.position, cost_of(c, request.now_ns)});
    }
  }

  // Two draws without replacement; who costs less comes to the front, the rest keep their order. Of
  // equals the first drawn.
  static void better_of_two(Iterator first, Iterator last, Draws& draws) {
    const auto count = last - first;
    const auto one = static_cast<std::ptrdiff_t>(draws.unit() * static_cast<double>(count));
    auto other = static_cast<std::ptrdiff_t>(draws.unit() * static_cast<double>(count - 1));
    if (other >= one) ++other;
    const auto better = first + (first[other].cost < first[one].cost ? other : one);
    std::rotate(first, better, better + 1);
  }

  double tau_ns_;
  std::vector<Measured> measured_;  // one for each target of the route
  std::vector<Row> rows_;
};

}  // namespace

KEEL_POLICIES(LeastLatency)
