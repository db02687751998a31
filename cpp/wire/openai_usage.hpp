#pragma once
// Token counts as OpenAI's dialect writes them, in replies and in streams.

#include "base/vocabulary.hpp"
#include "wire/json.hpp"

#include <cstdint>
#include <optional>

namespace keel::wire {

// As they stand in a `usage` object. `nonsense`: one of them is no count.
struct Counts {
  std::optional<int64_t> in, out, total, cached, reasoning;
  bool nonsense = false;

  // No usage rather than a doubtful one: an attempt without usage settles at its full hold, while
  // zero input tokens or none of the output named would settle below the bill.
  std::optional<Usage> usage(Operation operation) const;
};

// Reads one value; whatever is no object holds no counts.
Counts read_counts(json::Cursor& cursor);

}  // namespace keel::wire
