// A relay on its driver: calls that wait without the GIL, answers, traces, news.

#include "binding/bindings.hpp"
#include "binding/configured.hpp"
#include "binding/host.hpp"
#include "binding/refusal.hpp"
#include "relay/log.hpp"
#include "wire/exchange.hpp"
#include "wire/facts.hpp"

#include <string>
#include <string_view>
#include <tuple>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

// Signals get through a wait this often.
constexpr Duration kSignalInterval = milliseconds(100);

struct Answered {
  relay::Answer answer;
  std::shared_ptr<const relay::Config> config;

  const relay::TargetConfig* target() const {
    return answer.from_target ? &config->targets[answer.target] : nullptr;
  }
  std::string provider() const {
    return target() ? config->providers[target()->provider].name : std::string();
  }
  std::string model() const {
    return target() ? config->providers[target()->provider].models[target()->model].name
                    : std::string();
  }
  std::string text() const {
    if (!target()) return {};
    const std::string& dialect = config->providers[target()->provider].dialect;
    return wire::dialect_named(dialect)->text_of(answer.body);
  }
};

// Counts a thread that gives the GIL up until it has it back.
class Outside {
 public:
  explicit Outside(Host& host) : host_(host) { ++host_.callers_outside; }
  ~Outside() { --host_.callers_outside; }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Host& host_;
};

relay::Answer wait_for(Host& host, const Host::Submitted& submitted) {
  for (;;) {
    if (auto answer = submitted.pending->wait(kSignalInterval)) return std::move(*answer);
    py::gil_scoped_acquire with_gil;
    if (PyErr_CheckSignals() != 0) {
      host.cancel(submitted.call);
      throw py::error_already_set();
    }
  }
}

Answered call(Host& host, Operation operation, const py::bytes& body, std::string request_id,
              std::string tenant, std::optional<int64_t> timeout_ns, bool no_cache,
              bool no_downgrade) {
  relay::Request request;
  request.id = std::move(request_id);
  request.body = Body::copy_of(body);
  request.tenant = std::move(tenant);
  if (timeout_ns) request.timeout = {*timeout_ns};
  request.no_cache = no_cache;
  request.no_downgrade = no_downgrade;
  Outside outside(host);
  py::gil_scoped_release without_gil;
  request.facts = or_raise(wire::read_facts(operation, request.body));
  return {wait_for(host, host.submit(std::move(request))), host.config()};
}

using UsageTuple = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>;
UsageTuple usage_tuple(const Usage& usage) {
  return {usage.in, usage.cached, usage.cache_write, usage.out, usage.reasoning};
}

using NoticeTuple =
    std::tuple<std::string_view, std::string, std::string, int64_t, std::string_view, std::string>;
std::tuple<std::vector<NoticeTuple>, std::vector<std::string>, bool> news(Host& host,
                                                                          int64_t limit_ns) {
  Host::News news;
  {
    py::gil_scoped_release without_gil;
    news = host.news({limit_ns});
  }
  std::vector<NoticeTuple> notices;
  for (const Told& told : news.told) {
    const relay::LogLevel level = relay::level_of(told.notice.kind);
    notices.emplace_back(name_of(told.notice.kind), told.notice.subject, told.notice.text,
                         told.unix_ns, relay::name_of(level),
                         relay::notice_line(told.notice, level, told.unix_ns));
  }
  return {std::move(notices), std::move(news.complaints), news.closed};
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
      .def("explain", &Trace::explain);
}

void bind_answer(py::module_& m) {
  py::class_<Answered>(m, "Answer")
      .def_property_readonly("kind", [](const Answered& a) { return name_of(a.answer.kind); })
      .def_property_readonly("status", [](const Answered& a) { return a.answer.status; })
      .def_property_readonly("body",
                             [](const Answered& a) { return py::bytes(a.answer.body.view()); })
      .def_property_readonly("code", [](const Answered& a) { return a.answer.code; })
      .def_property_readonly("message", [](const Answered& a) { return a.answer.message; })
      .def_property_readonly("provider", &Answered::provider)
      .def_property_readonly("model", &Answered::model)
      .def_property_readonly("text", &Answered::text)
      .def_property_readonly("usage", [](const Answered& a) { return usage_tuple(a.answer.usage); })
      .def_property_readonly("cost_nano_usd", [](const Answered& a) { return a.answer.cost.value; })
      .def_property_readonly("sends", [](const Answered& a) { return a.answer.sends; })
      .def_property_readonly("cached", [](const Answered& a) { return a.answer.cached; })
      .def_property_readonly("age_ns", [](const Answered& a) { return a.answer.age.ns; })
      .def_property_readonly("downgraded", [](const Answered& a) { return a.answer.downgraded; })
      .def_property_readonly("clamped", [](const Answered& a) { return a.answer.clamped; })
      .def_property_readonly("retry_after_ns",
                             [](const Answered& a) { return ns_of(a.answer.retry_after); })
      .def_property_readonly("verdict",
                             [](const Answered& a) { return name_of(a.answer.last_verdict.cls); })
      .def_property_readonly("trace", [](const Answered& a) {
        return std::const_pointer_cast<relay::Trace>(a.answer.trace);
      });
}

}  // namespace

void bind_relay(py::module_& m) {
  bind_trace(m);
  bind_answer(m);
  py::native_enum<Operation>(m, "Operation", "enum.Enum")
      .value("chat", Operation::chat)
      .value("embeddings", Operation::embeddings)
      .finalize();
  py::class_<Host>(m, "Relay")
      .def(py::init([](const Configured& configured, std::string ca_file,
                       std::vector<std::string> resolve,
                       std::vector<std::string> plugin_directories, uint64_t seed) {
             return std::make_unique<Host>(configured.config(),
                                           HostOptions{std::move(ca_file), std::move(resolve),
                                                       std::move(plugin_directories), seed});
           }),
           py::arg("config"), py::kw_only(), py::arg("ca_file"), py::arg("resolve"),
           py::arg("plugin_directories"), py::arg("seed"))
      .def("call", &call, py::arg("operation"), py::arg("body"), py::kw_only(),
           py::arg("request_id"), py::arg("tenant"), py::arg("timeout_ns"), py::arg("no_cache"),
           py::arg("no_downgrade"))
      .def("metrics", &Host::metrics, py::call_guard<py::gil_scoped_release>())
      .def("news", &news, py::arg("limit_ns"))
      .def("close", &Host::close, py::call_guard<py::gil_scoped_release>())
      .def("close_news", &Host::close_news)
      .def_property_readonly("callers_outside",
                             [](const Host& host) { return host.callers_outside.load(); })
      .def_property_readonly("started", &Host::started)
      .def_property_readonly("forked", &Host::forked);
}

}  // namespace keel::binding
