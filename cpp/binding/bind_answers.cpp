// Answers and traces.

#include "binding/bindings.hpp"
#include "binding/given_answer.hpp"
#include "relay/trace.hpp"
#include "wire/exchange.hpp"

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

std::string GivenAnswer::provider() const {
  return target() ? config_->providers[target()->provider].name : std::string();
}

std::string GivenAnswer::model() const {
  return target() ? config_->providers[target()->provider].models[target()->model].name
                  : std::string();
}

std::string GivenAnswer::text() const {
  if (!target()) return {};
  const std::string& dialect = config_->providers[target()->provider].dialect;
  return wire::dialect_named(dialect)->text_of(answer.body);
}

namespace {

using UsageTuple = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>;
UsageTuple usage_tuple(const Usage& usage) {
  return {usage.in, usage.cached, usage.cache_write, usage.out, usage.reasoning};
}

void bind_trace(py::module_& m) {
  using relay::AttemptRecord;
  using relay::Trace;
  py::class_<AttemptRecord>(m, "Attempt")
      .def_readonly("provider", &AttemptRecord::provider)
      .def_readonly("model", &AttemptRecord::model)
      .def_readonly("key", &AttemptRecord::key)
      .def_readonly("status", &AttemptRecord::status)
      .def_readonly("estimated", &AttemptRecord::estimated)
      .def_readonly("reused_connection", &AttemptRecord::reused_connection)
      .def_property_readonly("verdict", [](const AttemptRecord& a) { return name_of(a.cls); })
      .def_property_readonly("billed", [](const AttemptRecord& a) { return name_of(a.billed); })
      .def_property_readonly("sent", [](const AttemptRecord& a) { return a.sent.has_value(); })
      .def_property_readonly("started_ns", [](const AttemptRecord& a) { return a.started.ns; })
      .def_property_readonly("ended_ns", [](const AttemptRecord& a) { return a.ended.ns; })
      .def_property_readonly("held_nano_usd", [](const AttemptRecord& a) { return a.held.value; })
      .def_property_readonly("posted_nano_usd",
                             [](const AttemptRecord& a) { return a.posted.value; })
      .def_property_readonly("usage", [](const AttemptRecord& a) {
        return a.usage ? std::optional(usage_tuple(*a.usage)) : std::nullopt;
      });
  using Line = std::tuple<int64_t, std::string_view, std::string>;
  py::classh<Trace>(m, "Trace")
      .def_readonly("id", &Trace::id)
      .def_readonly("route", &Trace::route)
      .def_readonly("tenant", &Trace::tenant)
      .def_readonly("model_asked", &Trace::model_asked)
      .def_readonly("attempts", &Trace::attempts)
      .def_property_readonly("began_ns", [](const Trace& t) { return t.began.ns; })
      .def_property_readonly("ended_ns", [](const Trace& t) { return t.ended.ns; })
      .def_property_readonly("lines",
                             [](const Trace& t) {
                               std::vector<Line> lines;
                               for (const relay::TraceLine& line : t.lines)
                                 lines.emplace_back(elapsed(t.began, line.at).ns,
                                                    name_of(line.stage), line.text);
                               return lines;
                             })
      .def("explain", &Trace::explain)
      .def("to_json", &Trace::to_json);
}

void bind_answer_class(py::module_& m) {
  py::class_<GivenAnswer>(m, "Answer")
      .def_property_readonly("kind", [](const GivenAnswer& a) { return name_of(a.answer.kind); })
      .def_property_readonly("status", [](const GivenAnswer& a) { return a.answer.status; })
      .def_property_readonly("body",
                             [](const GivenAnswer& a) { return py::bytes(a.answer.body.view()); })
      .def_property_readonly("code", [](const GivenAnswer& a) { return a.answer.code; })
      .def_property_readonly("message", [](const GivenAnswer& a) { return a.answer.message; })
      .def_property_readonly("refused_by", [](const GivenAnswer& a) { return a.answer.refused_by; })
      .def_property_readonly("provider", &GivenAnswer::provider)
      .def_property_readonly("model", &GivenAnswer::model)
      .def_property_readonly("text", &GivenAnswer::text)
      .def_property_readonly("usage",
                             [](const GivenAnswer& a) { return usage_tuple(a.answer.usage); })
      .def_property_readonly("cost_nano_usd",
                             [](const GivenAnswer& a) { return a.answer.cost.value; })
      .def_property_readonly("sends", [](const GivenAnswer& a) { return a.answer.sends; })
      .def_property_readonly("cached", [](const GivenAnswer& a) { return a.answer.cached; })
      .def_property_readonly("stale", [](const GivenAnswer& a) { return a.answer.stale; })
      .def_property_readonly("age_ns", [](const GivenAnswer& a) { return a.answer.age.ns; })
      .def_property_readonly("downgraded", [](const GivenAnswer& a) { return a.answer.downgraded; })
      .def_property_readonly("clamped", [](const GivenAnswer& a) { return a.answer.clamped; })
      .def_property_readonly("retry_after_ns",
                             [](const GivenAnswer& a) { return ns_of(a.answer.retry_after); })
      .def_property_readonly(
          "verdict", [](const GivenAnswer& a) { return name_of(a.answer.last_verdict.cls); })
      .def_property_readonly("trace", [](const GivenAnswer& a) {
        return std::const_pointer_cast<relay::Trace>(a.answer.trace);
      });
}

}  // namespace

void bind_answers(py::module_& m) {
  bind_trace(m);
  bind_answer_class(m);
}

}  // namespace keel::binding
