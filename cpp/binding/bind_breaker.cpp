// Engines that judge a target by its results: the breaker and the health score.

#include "binding/bindings.hpp"
#include "engine/breaker.hpp"
#include "engine/health.hpp"

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using engine::Breaker;
using engine::BreakerSettings;
using engine::Health;

std::unique_ptr<Breaker> make_breaker(int consecutive, double failure_rate, double slow_rate,
                                      int min_requests, int64_t window_ns, int64_t open_ns,
                                      int64_t open_max_ns, double jitter, int close_after,
                                      int half_open_in_flight, uint64_t seed) {
  BreakerSettings settings;
  settings.consecutive = consecutive;
  settings.failure_rate = failure_rate;
  settings.slow_rate = slow_rate;
  settings.min_requests = min_requests;
  settings.window = {window_ns};
  settings.open = {open_ns};
  settings.open_max = {open_max_ns};
  settings.jitter = jitter;
  settings.close_after = close_after;
  settings.half_open_in_flight = half_open_in_flight;
  return std::make_unique<Breaker>(settings, seed);
}

void bind_breaker_alone(py::module_& m) {
  py::class_<Breaker::Permit>(m, "Permit").def_readonly("epoch", &Breaker::Permit::epoch);
  py::class_<Breaker>(m, "Breaker")
      .def(py::init(&make_breaker), py::kw_only(), py::arg("consecutive"), py::arg("failure_rate"),
           py::arg("slow_rate"), py::arg("min_requests"), py::arg("window_ns"), py::arg("open_ns"),
           py::arg("open_max_ns"), py::arg("jitter"), py::arg("close_after"),
           py::arg("half_open_in_flight"), py::arg("seed"))
      .def_property_readonly("state", &Breaker::state)
      .def_property_readonly("epoch", &Breaker::epoch)
      .def_property_readonly("trials_in_flight", &Breaker::trials_in_flight)
      .def_property_readonly("open_until_ns",
                             [](const Breaker& b) { return ns_of(b.open_until()); })
      .def(
          "would_admit", [](const Breaker& b, int64_t now_ns) { return b.would_admit({now_ns}); },
          py::arg("now_ns"))
      .def(
          "admit",
          [](Breaker& b, int64_t lease_ns, int64_t now_ns) {
            return b.admit({lease_ns}, {now_ns});
          },
          py::arg("lease_ns"), py::arg("now_ns"))
      .def(
          "settle",
          [](Breaker& b, Breaker::Permit permit, Effect effect, bool slow, int64_t now_ns) {
            b.settle(permit, effect, slow, {now_ns});
          },
          py::arg("permit"), py::arg("effect"), py::arg("slow"), py::arg("now_ns"))
      .def(
          "expire", [](Breaker& b, int64_t now_ns) { b.expire({now_ns}); }, py::arg("now_ns"))
      .def(
          "trip", [](Breaker& b, int64_t now_ns) { b.trip({now_ns}); }, py::arg("now_ns"))
      .def(
          "reset", [](Breaker& b, int64_t now_ns) { b.reset({now_ns}); }, py::arg("now_ns"))
      .def("force_open", &Breaker::force_open)
      .def("disable", &Breaker::disable);
}

void bind_health(py::module_& m) {
  py::class_<Health>(m, "Health")
      .def(py::init([](int64_t tau_ns) { return std::make_unique<Health>(Duration{tau_ns}); }),
           py::kw_only(), py::arg("tau_ns"))
      .def(
          "record_probe",
          [](Health& h, bool good, int64_t round_trip_ns, int64_t now_ns) {
            h.record_probe(good, {round_trip_ns}, {now_ns});
          },
          py::arg("good"), py::arg("round_trip_ns"), py::arg("now_ns"))
      .def(
          "record_result",
          [](Health& h, bool failed, int64_t now_ns) { h.record_result(failed, {now_ns}); },
          py::arg("failed"), py::arg("now_ns"))
      .def(
          "record_first_token",
          [](Health& h, int64_t ttft_ns, int64_t now_ns) {
            h.record_first_token({ttft_ns}, {now_ns});
          },
          py::arg("ttft_ns"), py::arg("now_ns"))
      .def(
          "record_per_output_token",
          [](Health& h, int64_t per_token_ns, int64_t now_ns) {
            h.record_per_output_token({per_token_ns}, {now_ns});
          },
          py::arg("per_token_ns"), py::arg("now_ns"))
      .def(
          "availability",
          [](const Health& h, Breaker::State breaker, int64_t now_ns) {
            return h.availability(breaker, {now_ns});
          },
          py::arg("breaker"), py::arg("now_ns"))
      .def(
          "error_rate", [](const Health& h, int64_t now_ns) { return h.error_rate({now_ns}); },
          py::arg("now_ns"))
      .def(
          "typical_latency_ns",
          [](const Health& h, int64_t now_ns) { return ns_of(h.typical_latency({now_ns})); },
          py::arg("now_ns"))
      .def(
          "score",
          [](const Health& h, Breaker::State breaker, std::optional<int64_t> best_ns,
             int64_t now_ns) {
            auto best = best_ns ? std::optional(Duration{*best_ns}) : std::nullopt;
            return h.score(breaker, best, {now_ns});
          },
          py::arg("breaker"), py::arg("best_ns"), py::arg("now_ns"));
}

}  // namespace

void bind_breaker(py::module_& m) {
  py::native_enum<Breaker::State>(m, "BreakerState", "enum.Enum")
      .value("closed", Breaker::State::closed)
      .value("half_open", Breaker::State::half_open)
      .value("open", Breaker::State::open)
      .value("forced_open", Breaker::State::forced_open)
      .value("disabled", Breaker::State::disabled)
      .finalize();
  py::native_enum<Effect>(m, "Effect", "enum.Enum")
      .value("success", Effect::success)
      .value("failure", Effect::failure)
      .value("neutral", Effect::neutral)
      .finalize();
  bind_breaker_alone(m);
  bind_health(m);
}

}  // namespace keel::binding
