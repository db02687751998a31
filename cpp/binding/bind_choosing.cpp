// Engines that choose: the router's plan, the classifier's verdict, the pool of keys.

#include "binding/bindings.hpp"
#include "engine/classifier.hpp"
#include "engine/key_pool.hpp"
#include "engine/router.hpp"

#include <tuple>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using engine::KeyPool;

// (eligible, recovering, tier, weight, score)
using StandingTuple = std::tuple<bool, bool, int, double, double>;
std::vector<uint32_t> plan(const std::vector<StandingTuple>& candidates,
                           const std::optional<std::vector<uint32_t>>& order) {
  std::vector<engine::Standing> standings;
  for (const auto& [eligible, recovering, tier, weight, score] : candidates)
    standings.push_back({eligible, recovering, tier, weight, score});
  if (!order) return engine::make_plan(standings, engine::PolicyAnswer::abstained, {});
  return engine::make_plan(standings, engine::PolicyAnswer::ordered, *order);
}

// (class, may it have been billed, effect on health, this target is over)
using VerdictTuple = std::tuple<std::string_view, std::string_view, Effect, bool>;
VerdictTuple classify(Ended ended, int status, ErrorCode code, bool content_filtered,
                      std::optional<bool> should_retry, bool has_usage, bool bills_errors) {
  Outcome outcome;
  outcome.ended = ended;
  outcome.status = status;
  outcome.code = code;
  outcome.content_filtered = content_filtered;
  outcome.hint.should_retry = should_retry;
  if (has_usage) outcome.usage = Usage{};
  const Verdict verdict = engine::classify(outcome, {bills_errors});
  return {name_of(verdict.cls), name_of(verdict.billed), verdict.effect, verdict.stop_target};
}

void bind_classifier(py::module_& m) {
  py::native_enum<Ended>(m, "Ended", "enum.Enum")
      .value("not_sent", Ended::not_sent)
      .value("broken", Ended::broken)
      .value("silent", Ended::silent)
      .value("replied", Ended::replied)
      .value("unusable", Ended::unusable)
      .value("cancelled", Ended::cancelled)
      .finalize();
  py::native_enum<ErrorCode>(m, "ErrorCode", "enum.Enum")
      .value("none", ErrorCode::none)
      .value("rate_limited", ErrorCode::rate_limited)
      .value("slow_down", ErrorCode::slow_down)
      .value("exhausted", ErrorCode::exhausted)
      .value("context_length", ErrorCode::context_length)
      .value("content_policy", ErrorCode::content_policy)
      .value("overloaded", ErrorCode::overloaded)
      .value("timeout", ErrorCode::timeout)
      .value("server_error", ErrorCode::server_error)
      .value("authentication", ErrorCode::authentication)
      .value("permission", ErrorCode::permission)
      .value("not_found", ErrorCode::not_found)
      .value("invalid_request", ErrorCode::invalid_request)
      .finalize();
  m.def("classify", &classify, py::kw_only(), py::arg("ended"), py::arg("status"), py::arg("code"),
        py::arg("content_filtered"), py::arg("should_retry"), py::arg("has_usage"),
        py::arg("bills_errors"));
}

// (requests per minute, tokens per minute, concurrency, account); 0: no limit
using KeyTuple = std::tuple<int64_t, int64_t, int64_t, std::string>;
std::unique_ptr<KeyPool> make_pool(const std::vector<KeyTuple>& keys, bool least_used_random,
                                   uint64_t seed) {
  std::vector<engine::KeySettings> settings;
  for (const auto& [requests, tokens, concurrency, account] : keys)
    settings.push_back({{requests, tokens, concurrency}, account});
  return std::make_unique<KeyPool>(
      std::move(settings),
      least_used_random ? engine::KeyOrder::least_used_random : engine::KeyOrder::least_loaded,
      seed);
}

using Keys = std::vector<KeyIndex>;

void bind_key_pool(py::module_& m) {
  py::class_<KeyPool::Lease>(m, "KeyLease")
      .def_readonly("key", &KeyPool::Lease::key)
      .def_readonly("tokens", &KeyPool::Lease::tokens);
  py::class_<KeyPool>(m, "KeyPool")
      .def(py::init(&make_pool), py::arg("keys"), py::kw_only(), py::arg("least_used_random"),
           py::arg("seed"))
      .def(
          "availability",
          [](const KeyPool& p, uint32_t model, int64_t tokens, const Keys& excluded,
             int64_t now_ns) {
            KeyPool::Availability is = p.availability(model, tokens, excluded, {now_ns});
            return std::tuple(name_of(is.reason), ns_of(is.until));
          },
          py::arg("model"), py::arg("tokens"), py::arg("excluded"), py::arg("now_ns"))
      .def(
          "take",
          [](KeyPool& p, uint32_t model, int64_t tokens, const Keys& excluded, int64_t lease_ns,
             int64_t now_ns) {
            return p.take(model, tokens, excluded, Instant{now_ns} + Duration{lease_ns}, {now_ns});
          },
          py::arg("model"), py::arg("tokens"), py::arg("excluded"), py::arg("lease_ns"),
          py::arg("now_ns"))
      .def(
          "give_back",
          [](KeyPool& p, const KeyPool::Lease& lease, int64_t actual_tokens, bool sent,
             int64_t now_ns) { p.give_back(lease, actual_tokens, sent, {now_ns}); },
          py::arg("lease"), py::arg("actual_tokens"), py::arg("sent"), py::arg("now_ns"))
      .def(
          "throttle",
          [](KeyPool& p, KeyIndex key, uint32_t model, std::optional<int64_t> delay_ns,
             int64_t now_ns) {
            auto delay = delay_ns ? std::optional(Duration{*delay_ns}) : std::nullopt;
            return p.throttle(key, model, delay, {now_ns}).ns;
          },
          py::arg("key"), py::arg("model"), py::arg("delay_ns"), py::arg("now_ns"))
      .def(
          "bench",
          [](KeyPool& p, KeyIndex key, std::optional<int64_t> until_reset_ns, int64_t now_ns) {
            auto reset = until_reset_ns ? std::optional(Duration{*until_reset_ns}) : std::nullopt;
            p.bench(key, reset, {now_ns});
          },
          py::arg("key"), py::arg("until_reset_ns"), py::arg("now_ns"))
      .def("succeed", &KeyPool::succeed, py::arg("key"), py::arg("model"))
      .def(
          "kill", [](KeyPool& p, KeyIndex key, int64_t now_ns) { p.kill(key, {now_ns}); },
          py::arg("key"), py::arg("now_ns"))
      .def(
          "deny",
          [](KeyPool& p, KeyIndex key, uint32_t model, int64_t now_ns) {
            p.deny(key, model, {now_ns});
          },
          py::arg("key"), py::arg("model"), py::arg("now_ns"))
      .def("revive", &KeyPool::revive, py::arg("key"))
      .def("dead", &KeyPool::dead, py::arg("key"))
      .def("uses", &KeyPool::uses, py::arg("key"))
      .def(
          "in_flight",
          [](const KeyPool& p, KeyIndex key, int64_t now_ns) { return p.in_flight(key, {now_ns}); },
          py::arg("key"), py::arg("now_ns"))
      .def(
          "load",
          [](const KeyPool& p, KeyIndex key, int64_t now_ns) { return p.load(key, {now_ns}); },
          py::arg("key"), py::arg("now_ns"));
}

}  // namespace

void bind_choosing(py::module_& m) {
  m.def("plan", &plan, py::arg("candidates"), py::arg("order"));
  bind_classifier(m);
  bind_key_pool(m);
}

}  // namespace keel::binding
