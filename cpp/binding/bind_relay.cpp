// A relay on its driver: calls that wait without the GIL, calls an event loop waits for, news.

#include "binding/bindings.hpp"
#include "binding/calling.hpp"
#include "binding/configured.hpp"
#include "binding/given_answer.hpp"
#include "binding/host.hpp"
#include "binding/mailbox.hpp"
#include "binding/plain_json.hpp"
#include "binding/refusal.hpp"
#include "relay/log.hpp"
#include "wire/facts.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

// Where one caller's thread and the driver's thread meet.
class Pending {
 public:
  void deliver(GivenAnswer&& answer) {
    {
      std::lock_guard lock(mutex_);
      answer_ = std::move(answer);
    }
    changed_.notify_one();
  }
  // Nothing: not yet.
  std::optional<GivenAnswer> wait(Duration limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(limit.ns),
                      [this] { return answer_.has_value(); });
    return std::exchange(answer_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<GivenAnswer> answer_;
};

// The bytes are copied, so that no thread without the GIL ever holds Python's. Read with the GIL:
// it takes a microsecond, and writing the same request as JSON took longer. One function for each
// operation, because an enumeration's member costs half a microsecond on its way here.
template <Operation operation>
relay::Request request_of(const py::bytes& body, std::string request_id, std::string tenant,
                          std::optional<int64_t> timeout_ns, bool no_cache, bool no_downgrade) {
  relay::Request request;
  request.id = std::move(request_id);
  request.body = Body::copy_of(body);
  request.tenant = std::move(tenant);
  if (timeout_ns) request.timeout = {*timeout_ns};
  request.no_cache = no_cache;
  request.no_downgrade = no_downgrade;
  request.facts = or_raise(wire::read_facts(operation, request.body));
  return request;
}

GivenAnswer call(Host& host, relay::Request request) {
  Outside outside(host);
  py::gil_scoped_release without_gil;
  auto pending = std::make_shared<Pending>();
  const CallId call = host.submit(
      std::move(request), [pending](GivenAnswer&& answer) { pending->deliver(std::move(answer)); });
  for (;;) {
    if (auto answer = pending->wait(kSignalInterval)) return std::move(*answer);
    py::gil_scoped_acquire with_gil;
    if (PyErr_CheckSignals() != 0) {
      host.cancel(call);
      throw py::error_already_set();
    }
  }
}

std::optional<py::bytes> json_of(const py::object& value) {
  std::string text;
  if (!write_json(value, text)) return std::nullopt;
  return py::bytes(text);
}

// Waits for nothing, so the GIL stays: giving it up and getting it back costs more than this.
CallId submit(Host& host, relay::Request request, std::shared_ptr<Mailbox> to, uint64_t token) {
  return host.submit(std::move(request), [to = std::move(to), token](GivenAnswer&& answer) {
    to->put({token, std::move(answer)});
  });
}

using Letters = std::vector<std::pair<uint64_t, std::optional<GivenAnswer>>>;
Letters take(Mailbox& mailbox) {
  Letters letters;
  for (Mailbox::Letter& letter : mailbox.take())
    letters.emplace_back(letter.token, std::move(letter.answer));
  return letters;
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

}  // namespace

void bind_relay(py::module_& m) {
  py::class_<relay::Request> request(m, "Request", "Checked; may be asked again.");
  const auto made_by = [&request](const char* name, auto function) {
    request.def_static(name, function, py::arg("body"), py::arg("request_id"), py::arg("tenant"),
                       py::arg("timeout_ns"), py::arg("no_cache"), py::arg("no_downgrade"));
  };
  made_by("chat", &request_of<Operation::chat>);
  made_by("completions", &request_of<Operation::completions>);
  made_by("embeddings", &request_of<Operation::embeddings>);
  m.def("json_of", &json_of, py::arg("value"), "None: not plain, ask json.dumps.");
  py::classh<Mailbox>(m, "Mailbox", "Where one event loop's answers come, with an eventfd.")
      .def(py::init<>())
      .def_property_readonly("fd", &Mailbox::fd)
      .def("take", &take);
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
      .def("call", &call, py::arg("request"))
      .def("submit", &submit, py::arg("request"), py::arg("to"), py::arg("token"))
      .def("cancel", &Host::cancel, py::arg("call"))
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
