// keel._core: names what Python sees and nothing else. Python adds defaults, units and clocks.

#include "binding/bindings.hpp"

PYBIND11_MODULE(_core_of_main_interpreter, m) {
  m.doc() = "The C++ core of keel. Integers only: nanoseconds and nano-USD. Use `keel` instead.";
  m.attr("__version__") = KEEL_VERSION;
  keel::binding::bind_errors(m);
  keel::binding::bind_config(m);
  keel::binding::bind_catalog(m);
  keel::binding::bind_answers(m);
  keel::binding::bind_relay(m);
  keel::binding::bind_stream(m);
  keel::binding::bind_limits(m);
  keel::binding::bind_breaker(m);
  keel::binding::bind_choosing(m);
  keel::binding::bind_stores(m);
  keel::binding::bind_sim(m);
}

// pybind11 refuses sub-interpreters by itself from Python 3.12 on and hangs before it.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main())
    return PyInit__core_of_main_interpreter();
  PyErr_SetString(PyExc_ImportError, "keel._core does not support loading in sub-interpreters");
  return nullptr;
}
