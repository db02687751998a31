// keel._core: names what Python sees and nothing else. Python adds defaults, units and clocks.

#include "binding/bindings.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of keel. Integers only: nanoseconds and nano-USD. Use `keel` instead.";
  m.attr("__version__") = KEEL_VERSION;
  keel::binding::bind_errors(m);
  keel::binding::bind_config(m);
  keel::binding::bind_relay(m);
  keel::binding::bind_limits(m);
  keel::binding::bind_breaker(m);
  keel::binding::bind_choosing(m);
  keel::binding::bind_stores(m);
}
