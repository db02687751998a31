#pragma once
// Which requests could have been answered? A request could when a target of its route was sound
// from 20 s before it arrived until it was answered or given up, with room for all, and its
// deadline left that target at least eight service times. What an oracle knows beforehand, a relay
// has to find out; the share of those that could and were is its availability.

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/upstream.hpp"

#include <optional>
#include <vector>

namespace keel::sim {

class Oracle {
 public:
  static constexpr Duration kHeadStart = seconds(20);
  static constexpr int64_t kServiceTimes = 8;

  // Both must outlive it.
  Oracle(const relay::Config& config, const std::vector<ProviderModel>& providers)
      : config_(config), providers_(providers) {}

  // A target that could have answered it, had it been known. Money and limits are not looked at: a
  // night that asks has enough of both.
  std::optional<TargetIndex> could_answer(const relay::Request& request, Instant arrived,
                                          Instant until) const;
  // What a target needs for it on a slow day: to connect, the first byte's p99.9, all tokens.
  Duration service_time(const relay::Request& request, TargetIndex target) const;

 private:
  bool sound(ProviderIndex provider, Instant arrived, Instant until) const;

  const relay::Config& config_;
  const std::vector<ProviderModel>& providers_;
};

}  // namespace keel::sim
