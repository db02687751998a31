#pragma once
// A value or a reason there is none. Deciding paths return values; exceptions stay on the control
// path (configuration, start-up).

#include <string>
#include <utility>
#include <variant>

namespace keel {

// code: a stable word ("invalid_request"); where: a path or position; message: what was found and
// what was wanted.
struct Error {
  std::string code;
  std::string where;
  std::string message;

  std::string text() const { return where.empty() ? message : where + ": " + message; }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace keel
