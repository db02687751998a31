#pragma once
// What must never happen, where seeing it costs a comparison of what is known anyway: counted while
// requests run (keel_invariant_violations_total), 0 for as long as the code is right. The simulator
// checks far more, after every event.

#include <array>
#include <cstdint>
#include <string_view>

namespace keel::relay {

enum class Invariant : uint8_t {
  sends,     // a request has no more sends than its attempts, and no more tries than twice those
  deadline,  // no attempt begins at or after its request's deadline
  budget,    // posted and held is within every account's limit once a hold was taken
  hold,      // a hold is resolved once
  lease,     // a place among those in flight is given back once, and in time
};
inline constexpr std::array<std::string_view, 5> kInvariantNames = {"sends", "deadline", "budget",
                                                                    "hold", "lease"};

}  // namespace keel::relay
