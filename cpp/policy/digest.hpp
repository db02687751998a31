#pragma once

#include "base/result.hpp"

#include <string>

namespace keel::policy {

// SHA-256 of what can be read from `descriptor`, from its beginning, as 64 lower-case hex
// digits.
Result<std::string> sha256_of(int descriptor);

}  // namespace keel::policy
