#pragma once
// What was known of every target of a route when one was to be chosen: plain numbers, kept with the
// trace and made into text when somebody asks for it.

#include "base/money.hpp"
#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "relay/availability.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keel::relay {

struct Considered {
  TargetIndex target = 0;
  Removed removed = Removed::none;
  engine::KeyReason key = engine::KeyReason::none;
  bool stand_in = false;  // reached by a downgrade only
  bool trial = false;     // its breaker is half open
  uint16_t place = 0;     // in the order in which they would be tried, from 1; 0: not in it
  int tier = 0;
  double weight = 0;
  double health = 0;                 // the score, in [0, 1]
  Instant until = Instant::never();  // removed at least so long, as far as known
  std::optional<NanoUsd> estimated;  // nothing: no price is known
  std::optional<NanoUsd> worst_case;

  friend bool operator==(const Considered&, const Considered&) = default;
};

struct Choice {
  Instant at;
  size_t line = 0;  // of the trace: what was made of it
  std::optional<TargetIndex> taken;
  NanoUsd held;  // for the one taken
  std::vector<Considered> considered;

  friend bool operator==(const Choice&, const Choice&) = default;
};

using TargetNames = std::vector<std::string>;  // by their index

// A line for each target, who is tried first above; they end in '\n'.
std::string text_of(const Choice& choice, const TargetNames& names);
// An object; `at` as milliseconds since `began`.
std::string json_of(const Choice& choice, const TargetNames& names, Instant began);

}  // namespace keel::relay
