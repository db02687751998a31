#pragma once
// The dialect of OpenAI's API and of the many that imitate it.

#include "wire/exchange.hpp"

namespace keel::wire {

const Dialect& openai_dialect();

}  // namespace keel::wire
