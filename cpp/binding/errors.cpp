// The one translator: whatever C++ refuses with becomes an exception of keel.errors, which knows
// the classes. std::invalid_argument of an engine's settings is ValueError by pybind11's own rule.

#include "binding/bindings.hpp"
#include "binding/refusal.hpp"

namespace py = pybind11;

namespace keel::binding {

namespace {

void raise(const Refusal& refusal) {
  py::list problems;
  for (const relay::Problem& problem : refusal.problems)
    problems.append(py::make_tuple(problem.line, problem.path, problem.message));
  const Error& error = refusal.error;
  py::object exception =
      py::module_::import("keel.errors")
          .attr("error_of_refusal")(error.code, error.where, error.message, std::move(problems));
  PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Refusal& refusal) {
      raise(refusal);
    }
  });
}

}  // namespace keel::binding
