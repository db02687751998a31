#pragma once
// What C++ refuses with on the control path, until errors.cpp makes a Python exception of it.

#include "base/result.hpp"
#include "config/reader.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace keel::binding {

struct Refusal : std::exception {
  explicit Refusal(Error with) : error(std::move(with)) {}
  Refusal(Error with, std::vector<relay::Problem> all)
      : error(std::move(with)), problems(std::move(all)) {}
  const char* what() const noexcept override { return error.message.c_str(); }

  Error error;
  std::vector<relay::Problem> problems;
};

template <typename T>
T or_raise(Result<T>&& result) {
  if (!result) throw Refusal(result.error());
  return std::move(*result);
}

}  // namespace keel::binding
