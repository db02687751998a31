// A workload's text to its settings, all problems at once.

#include "config/node.hpp"
#include "config/values.hpp"
#include "sim/reading.hpp"
#include "sim/workload.hpp"

#include <algorithm>

namespace keel::sim {

namespace {

using relay::Section;
using relay::Value;
using Kind = WorkloadSettings::Kind;

constexpr Duration kLongest = hours(24 * 366);

class Reader {
 public:
  Reader(const relay::Config& config, WorkloadSettings& out) : config_(config), out_(out) {}

  void read_root(const Value& document) {
    Section root(document);
    if (auto kind = root.require("kind", "poisson, spike, azure_trace or another kind")) {
      if (auto choice = kind->choice({"poisson", "diurnal", "spike", "closed_loop", "agents",
                                      "azure_trace", "request_log"})) {
        out_.kind = static_cast<Kind>(*choice);
        known_ = true;
      }
    }
    read_rates(root);
    read_asking(root, out_.asking);
    const bool traced = out_.kind == Kind::azure_trace || out_.kind == Kind::request_log;
    if (known_ && !traced && out_.requests == 0 && out_.end == Instant::never() && root.is_map())
      document.problem(
          "found neither requests nor duration, wanted one of them: when does it end?");
    root.finish();
  }

 private:
  void read_rates(Section& root) {
    int64_t requests = 0;
    root.read("requests", requests, 0, 1'000'000'000'000);
    out_.requests = static_cast<uint64_t>(requests);
    if (auto value = root.get("duration"))
      if (auto duration = value->duration(nanoseconds(1), kLongest))
        out_.end = Instant{} + *duration;
    const bool traced = out_.kind == Kind::azure_trace || out_.kind == Kind::request_log;
    if (!traced && out_.kind != Kind::closed_loop) root.read("rate", out_.rate, 1e-9, 1e9);
    switch (out_.kind) {
      case Kind::diurnal:
        root.read("swing", out_.swing, 0, 1);
        root.read("period", out_.period, seconds(1), kLongest);
        root.read("peak_at", out_.peak_at, Duration::zero(), kLongest);
        break;
      case Kind::spike:
        read_spike(root);
        break;
      case Kind::closed_loop:
        root.read("clients", out_.clients, 1, 10'000'000);
        root.read("think", out_.think, Duration::zero(), kLongest);
        break;
      case Kind::agents:
        root.read("steps", out_.steps, 1, 1'000'000);
        root.read("think", out_.think, Duration::zero(), kLongest);
        root.read("growth", out_.growth, 0.01, 100);
        break;
      case Kind::azure_trace:
      case Kind::request_log:
        root.read("speed", out_.speed, 1e-6, 1e6);
        break;
      default:
        break;
    }
  }

  void read_spike(Section& root) {
    root.read("factor", out_.factor, 0, 1e6);
    Duration from, to;
    root.read("from", from, Duration::zero(), kLongest);
    if (auto value = root.require("to", "when the spike ends")) {
      to = value->duration(Duration::zero(), kLongest).value_or(kLongest);
      if (to <= from) value->wanted("an end after its beginning");
    }
    out_.from = Instant{} + from;
    out_.to = Instant{} + to;
  }

  void read_asking(Section& root, Asking& asking) {
    read_models(root, asking);
    if (auto list = root.get("tenants"))
      for (const Value& item : list->items())
        if (auto name = item.text()) asking.tenants.push_back(known_tenant(item, *name));
    if (out_.kind != Kind::azure_trace && out_.kind != Kind::request_log) {
      if (auto value = root.get("tokens_in")) read_sizes(*value, asking.tokens_in);
      if (auto value = root.get("tokens_out")) read_sizes(*value, asking.tokens_out.emplace());
      root.read("repeat_share", asking.repeat_share, 0, 1);
      root.read("repeat_pool", asking.repeat_pool, 1, 1'000'000'000);
    }
    if (auto value = root.get("max_tokens")) asking.max_tokens = value->integer(1, 2'147'483'647);
    if (out_.kind != Kind::request_log) root.read("stream_share", asking.stream_share, 0, 1);
    root.read("deterministic_share", asking.deterministic_share, 0, 1);
    if (auto value = root.get("timeout"))
      asking.timeout = value->duration(milliseconds(1), seconds(600));
  }

  // `model: name`, or `models: {name: weight}`; else the first route.
  void read_models(Section& root, Asking& asking) {
    if (auto value = root.get("model")) {
      if (auto name = value->text()) asking.models.push_back({known_model(*value, *name), 1});
    }
    if (auto value = root.get("models")) {
      Section section(*value);
      double sum = 0;
      for (const auto& entry : section.entries()) {
        sum += entry.value.number(0, 1e9).value_or(0);
        asking.models.push_back({known_model(entry.value, entry.name), sum});
      }
      for (Asking::Weighted& model : asking.models) model.below /= sum > 0 ? sum : 1;
    }
    // A request log names its own.
    if (asking.models.empty() && !config_.routes.empty() && out_.kind != Kind::request_log)
      asking.models.push_back({config_.routes.front().name, 1});
  }

  std::string known_model(const Value& where, const std::string& name) const {
    std::vector<std::string> known;
    for (const relay::RouteConfig& route : config_.routes) known.push_back(route.name);
    if (!config_.default_route && std::find(known.begin(), known.end(), name) == known.end())
      where.problem("unknown model " + relay::quoted(name) +
                    relay::suggestion(name, known, "the configuration's routes are:"));
    return name;
  }

  std::string known_tenant(const Value& where, const std::string& name) const {
    std::vector<std::string> known;
    for (size_t i = 1; i < config_.accounts.size(); ++i) known.push_back(config_.accounts[i].name);
    if (std::find(known.begin(), known.end(), name) == known.end())
      where.problem("unknown tenant " + relay::quoted(name) +
                    relay::suggestion(name, known, "the configuration has:"));
    return name;
  }

  const relay::Config& config_;
  WorkloadSettings& out_;
  bool known_ = false;  // which kind it is
};

}  // namespace

Parsed<WorkloadSettings> read_workload(std::string_view text, const relay::Config& config) {
  Parsed<WorkloadSettings> out;
  Reader reader(config, out.value);
  const bool there = read_text(
      text, [&](const Value& document) { reader.read_root(document); }, out.problems);
  if (!there && out.problems.empty())
    out.problems.push_back({0, "",
                            "found nothing, wanted a workload such as {kind: poisson, "
                            "rate: 10, duration: 10m}"});
  return out;
}

}  // namespace keel::sim
