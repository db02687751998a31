// Engines that say how much and how soon: rate limits, retry budgets, backoff.

#include "base/random.hpp"
#include "binding/bindings.hpp"
#include "engine/backoff.hpp"
#include "engine/rate_limiter.hpp"
#include "engine/retry_budget.hpp"

#include <tuple>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using engine::Allowance;
using engine::RateLimiter;
using engine::RetryBudget;

// (allowed, how long to wait; nothing: it can never pass)
using AllowanceTuple = std::tuple<bool, std::optional<int64_t>>;
AllowanceTuple tuple_of(const Allowance& allowance) {
  if (allowance.kind == Allowance::Kind::never) return {false, std::nullopt};
  return {static_cast<bool>(allowance), allowance.retry_after.ns};
}

// Backoff with its own seeded chance.
struct Jitter {
  engine::BackoffSettings settings;
  Random random;

  int64_t delay(int n) {
    return engine::backoff_delay(n, settings.scale, settings.cap, settings.jitter, random.unit())
        .ns;
  }
  int64_t spread(int64_t server_delay_ns) {
    return engine::spread_server_delay({server_delay_ns}, random.unit()).ns;
  }
};

}  // namespace

void bind_limits(py::module_& m) {
  py::class_<RateLimiter>(m, "RateLimiter")
      .def(py::init([](int64_t limit, int64_t period_ns, int64_t burst) {
             return RateLimiter({limit, {period_ns}, burst});
           }),
           py::kw_only(), py::arg("limit"), py::arg("period_ns"), py::arg("burst"))
      .def(
          "would_allow",
          [](const RateLimiter& l, int64_t quantity, int64_t now_ns) {
            return tuple_of(l.would_allow(quantity, {now_ns}));
          },
          py::arg("quantity"), py::arg("now_ns"))
      .def(
          "try_take",
          [](RateLimiter& l, int64_t quantity, int64_t now_ns) {
            return tuple_of(l.try_take(quantity, {now_ns}));
          },
          py::arg("quantity"), py::arg("now_ns"))
      .def(
          "settle",
          [](RateLimiter& l, int64_t taken, int64_t actual, int64_t now_ns) {
            l.settle(taken, actual, {now_ns});
          },
          py::arg("taken"), py::arg("actual"), py::arg("now_ns"))
      .def(
          "share_left", [](const RateLimiter& l, int64_t now_ns) { return l.share_left({now_ns}); },
          py::arg("now_ns"));

  py::class_<RetryBudget>(m, "RetryBudget")
      .def(py::init([](double ratio, int64_t floor, int64_t window_ns) {
             return RetryBudget({ratio, floor, {window_ns}});
           }),
           py::kw_only(), py::arg("ratio"), py::arg("floor"), py::arg("window_ns"))
      .def(
          "record_request", [](RetryBudget& b, int64_t now_ns) { b.record_request({now_ns}); },
          py::arg("now_ns"))
      .def(
          "would_grant",
          [](const RetryBudget& b, int64_t now_ns) { return b.would_grant({now_ns}); },
          py::arg("now_ns"))
      .def(
          "try_grant", [](RetryBudget& b, int64_t now_ns) { return b.try_grant({now_ns}); },
          py::arg("now_ns"))
      .def(
          "balance", [](const RetryBudget& b, int64_t now_ns) { return b.balance({now_ns}); },
          py::arg("now_ns"));

  py::class_<Jitter>(m, "Backoff")
      .def(py::init([](int64_t scale_ns, int64_t cap_ns, bool jitter, uint64_t seed) {
             engine::BackoffSettings settings;
             settings.scale = {scale_ns};
             settings.cap = {cap_ns};
             settings.jitter = jitter;
             return Jitter{settings, Random(seed)};
           }),
           py::kw_only(), py::arg("scale_ns"), py::arg("cap_ns"), py::arg("jitter"),
           py::arg("seed"))
      .def("delay_ns", &Jitter::delay, py::arg("n"))
      .def("spread_ns", &Jitter::spread, py::arg("server_delay_ns"));
}

}  // namespace keel::binding
