#pragma once
// What module.cpp puts together: one function per area.

#include "base/time.hpp"

#include <cstdint>
#include <optional>

#include <pybind11/pybind11.h>

namespace keel::binding {

void bind_errors(pybind11::module_& m);
void bind_config(pybind11::module_& m);
void bind_catalog(pybind11::module_& m);
void bind_answers(pybind11::module_& m);
void bind_relay(pybind11::module_& m);
void bind_stream(pybind11::module_& m);
void bind_limits(pybind11::module_& m);
void bind_breaker(pybind11::module_& m);
void bind_choosing(pybind11::module_& m);
void bind_stores(pybind11::module_& m);
void bind_sim(pybind11::module_& m);

inline std::optional<int64_t> ns_of(std::optional<Duration> duration) {
  return duration ? std::optional(duration->ns) : std::nullopt;
}
inline std::optional<int64_t> ns_of(Instant instant) {
  return instant == Instant::never() ? std::nullopt : std::optional(instant.ns);
}

}  // namespace keel::binding
