#pragma once
// Python's plain values as JSON: what json.dumps writes without blanks and with ensure_ascii=False,
// several times as fast. Whatever is not plain is left to json.dumps, its errors included.

#include <string>

#include <pybind11/pybind11.h>

namespace keel::binding {

// False where a value is no dict with text as keys, list, tuple, str, int of 64 bits, finite float,
// bool or None (a subclass of one is none either), where text is no Unicode, or where values are
// nested more than 64 deep. No Python code runs meanwhile.
bool write_json(pybind11::handle value, std::string& out);

}  // namespace keel::binding
