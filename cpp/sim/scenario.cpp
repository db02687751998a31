#include "sim/scenario.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace keel::sim {

namespace {

constexpr uint64_t kWhole = 1'000'000'000;

// In the order of Fault and Ending.
constexpr std::array<std::string_view, kFaultCount> kFaults = {
    "none",           "no_usage",
    "filtered",       "refused",
    "connect_hangs",  "reset",
    "silence",        "throttled",
    "throttled_bare", "slow_down",
    "quota",          "unauthorized",
    "forbidden",      "no_such_model",
    "bad_request",    "too_long",
    "content_policy", "server_error",
    "unavailable",    "gateway_timeout",
    "overloaded",     "unsupported",
    "redirect",       "error_inside",
    "empty",          "told_not_to_retry",
    "overrun"};
constexpr std::array<std::string_view, kEndingCount> kEndings = {
    "whole", "no_end_marker", "no_finish", "cut", "stall", "error_event", "garbage"};

struct Status {
  std::string_view name;
  Fault fault;
};
constexpr Status kStatuses[] = {
    {"302", Fault::redirect},        {"400", Fault::bad_request},   {"401", Fault::unauthorized},
    {"403", Fault::forbidden},       {"404", Fault::no_such_model}, {"429", Fault::throttled},
    {"500", Fault::server_error},    {"501", Fault::unsupported},   {"503", Fault::unavailable},
    {"504", Fault::gateway_timeout}, {"529", Fault::overloaded}};

}  // namespace

std::string_view name_of(Fault fault) {
  return kFaults[static_cast<size_t>(fault)];
}

std::string_view name_of(Ending ending) {
  return kEndings[static_cast<size_t>(ending)];
}

std::optional<Trouble> trouble_named(std::string_view name) {
  for (const Status& status : kStatuses)
    if (status.name == name) return Trouble{.fault = status.fault};
  for (size_t i = 1; i < kFaults.size(); ++i)
    if (kFaults[i] == name) return Trouble{.fault = static_cast<Fault>(i)};
  for (size_t i = 1; i < kEndings.size(); ++i)
    if (kEndings[i] == name) return Trouble{.ending = static_cast<Ending>(i)};
  return std::nullopt;
}

std::vector<std::string> trouble_names() {
  std::vector<std::string> out;
  for (const Status& status : kStatuses) out.emplace_back(status.name);
  out.insert(out.end(), kFaults.begin() + 1, kFaults.end());
  out.insert(out.end(), kEndings.begin() + 1, kEndings.end());
  return out;
}

Trouble TroubleMix::draw(Random& random) const {
  if (shares.empty()) return {};
  const uint64_t drawn = random.below(kWhole);
  if (drawn >= shares.back().below) return {};
  for (const Share& share : shares)
    if (drawn < share.below) return share.trouble;
  return {};
}

double log_normal(double sigma, Random& random) {
  const double u = 1.0 - random.unit(), v = random.unit();
  return std::exp(sigma * std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
}

double exponential(Random& random) {
  return -std::log(1.0 - random.unit());
}

int64_t Sizes::draw(Random& random) const {
  const double drawn = spread > 0 ? p50 * log_normal(spread, random) : p50;
  return std::clamp<int64_t>(std::llround(std::min(drawn, 1e12)), 1, most);
}

}  // namespace keel::sim
