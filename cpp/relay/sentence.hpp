#pragma once
// Text put together piece by piece in one piece of memory: the lines of a trace.

#include "base/decimal.hpp"
#include "base/money.hpp"
#include "base/time.hpp"

#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace keel::relay {

class Sentence {
 public:
  Sentence() { text_.reserve(kUsual); }

  Sentence& operator<<(std::string_view piece) {
    text_ += piece;
    return *this;
  }
  template <std::integral T>
  Sentence& operator<<(T number) {
    append_number(text_, static_cast<int64_t>(number));
    return *this;
  }
  // Seconds to the millisecond.
  Sentence& operator<<(Duration time) {
    append_decimal(text_, time.ns / 1'000'000 + (time.ns % 1'000'000 >= 500'000 ? 1 : 0), 3);
    text_ += " s";
    return *this;
  }
  Sentence& operator<<(NanoUsd money) {
    append_usd(text_, money);
    text_ += " USD";
    return *this;
  }
  // Two digits behind the point; for a share or a score.
  Sentence& share(double value) {
    append_decimal(text_, std::lround(value * 100), 2);
    return *this;
  }
  bool empty() const { return text_.empty(); }
  std::string_view view() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  static constexpr size_t kUsual = 95;  // most lines, in one allocation

  std::string text_;
};

}  // namespace keel::relay
