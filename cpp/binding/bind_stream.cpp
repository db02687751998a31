// Streamed answers: taken by a thread that waits without the GIL, or as an event loop is told.

#include "binding/bindings.hpp"
#include "binding/calling.hpp"
#include "binding/given_answer.hpp"
#include "binding/streaming.hpp"

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using ChunkTuple = std::tuple<py::bytes, py::str, bool>;
using TakenTuple = std::tuple<std::vector<ChunkTuple>, std::optional<GivenAnswer>>;

// Half of a surrogate pair, which JSON may hold, is no reason to lose the rest.
py::str str_of(const std::string& text) {
  const auto size = static_cast<py::ssize_t>(text.size());
  return py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(text.data(), size, "replace"));
}

TakenTuple tuple_of(Streaming& streaming, Streaming::Taken&& taken) {
  TakenTuple out;
  for (const Streaming::Chunk& chunk : taken.chunks)
    std::get<0>(out).emplace_back(py::bytes(chunk.bytes), str_of(chunk.text), chunk.finish);
  if (taken.answer) std::get<1>(out) = streaming.host().given(std::move(*taken.answer));
  return out;
}

TakenTuple take(Streaming& streaming) {
  Streaming::Taken taken;
  {
    Outside outside(streaming.host());
    py::gil_scoped_release without_gil;
    while ((taken = streaming.take(kSignalInterval)).empty()) {
      py::gil_scoped_acquire with_gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
  }
  return tuple_of(streaming, std::move(taken));
}

}  // namespace

void bind_stream(py::module_& m) {
  py::classh<Streaming>(m, "Stream")
      .def(py::init([](Host& host, relay::Request request,
                       std::optional<std::shared_ptr<Mailbox>> to, uint64_t token) {
             return Streaming::begin(host, std::move(request), {to.value_or(nullptr), token});
           }),
           py::keep_alive<1, 2>(), py::arg("relay"), py::arg("request"), py::arg("to"),
           py::arg("token"), "Sends at once. Without a mailbox a thread has to wait in take().")
      .def("take", &take, "Waits for chunks (bytes, text, finish) or the answer, or both.")
      .def(
          "take_now",
          [](Streaming& streaming) { return tuple_of(streaming, streaming.take_now()); },
          "What there is; if nothing, a letter with the token follows when there is.")
      .def("cancel", &Streaming::cancel);
}

}  // namespace keel::binding
