#include "binding/plain_json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace keel::binding {

namespace {

constexpr int kDepthMax = 64;

// What stands behind a backslash for each byte: 'u' for \u00XX, 0 for bytes that need none.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

void write_text(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  size_t written = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    out.append(text, written, i - written);
    written = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') {
      out += "00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out.append(text, written);
  out += '"';
}

bool write_str(PyObject* value, std::string& out) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value, &size);
  if (!text) {
    PyErr_Clear();  // half of a surrogate pair
    return false;
  }
  write_text({text, static_cast<size_t>(size)}, out);
  return true;
}

bool write_int(PyObject* value, std::string& out) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0) return false;
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
  return true;
}

bool write_float(PyObject* value, std::string& out) {
  const double number = PyFloat_AS_DOUBLE(value);
  if (!std::isfinite(number)) return false;
  char* text = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
  if (!text) {
    PyErr_Clear();
    return false;
  }
  out += text;
  PyMem_Free(text);
  return true;
}

bool write(PyObject* value, int depth, std::string& out);

bool write_dict(PyObject* value, int depth, std::string& out) {
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  Py_ssize_t at = 0;
  char before = '{';
  while (PyDict_Next(value, &at, &key, &item)) {
    out += before;
    before = ',';
    if (!PyUnicode_CheckExact(key) || !write_str(key, out)) return false;
    out += ':';
    if (!write(item, depth, out)) return false;
  }
  out += before == '{' ? "{}" : "}";
  return true;
}

bool write_items(PyObject* value, int depth, std::string& out) {
  char before = '[';
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i) {
    out += before;
    before = ',';
    if (!write(PySequence_Fast_GET_ITEM(value, i), depth, out)) return false;
  }
  out += before == '[' ? "[]" : "]";
  return true;
}

bool write(PyObject* value, int depth, std::string& out) {
  if (depth > kDepthMax) return false;
  if (PyUnicode_CheckExact(value)) return write_str(value, out);
  if (PyDict_CheckExact(value)) return write_dict(value, depth + 1, out);
  if (PyList_CheckExact(value) || PyTuple_CheckExact(value))
    return write_items(value, depth + 1, out);
  if (PyLong_CheckExact(value)) return write_int(value, out);
  if (PyFloat_CheckExact(value)) return write_float(value, out);
  if (value != Py_True && value != Py_False && value != Py_None) return false;
  out += value == Py_True ? "true" : value == Py_False ? "false" : "null";
  return true;
}

}  // namespace

bool write_json(pybind11::handle value, std::string& out) {
  return write(value.ptr(), 0, out);
}

}  // namespace keel::binding
