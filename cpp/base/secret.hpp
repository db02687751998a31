#pragma once
// A string that cannot be printed: no stream operator, no conversion. reveal() is the only way out
// and is easy to search for.

#include <string>
#include <string_view>
#include <utility>

namespace keel {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

}  // namespace keel
