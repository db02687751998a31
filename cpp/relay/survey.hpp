#pragma once
// Every target of a call's route, looked at once: may it take this request now, what would it cost,
// what should a policy know of it. Peeks only; nothing is taken.

#include "base/money.hpp"
#include "relay/availability.hpp"
#include "relay/call.hpp"

#include <keel/abi.h>

#include <optional>
#include <string>
#include <vector>

namespace keel::relay {

struct Engines;

struct Candidate {
  uint32_t index = 0;  // into the route's targets
  TargetIndex target = 0;
  Removed removed = Removed::none;
  Instant until = Instant::never();
  engine::KeyReason key = engine::KeyReason::none;
  int64_t tokens = 0;  // what tokens-per-minute limits are asked for: input and expected output
  bool recovering = false;  // half-open, and this request may be the trial
  bool on_trial = false;    // half-open
  bool downgrade_only = false;
  int64_t output_bound = 0;           // the most output tokens this request can be billed here
  std::optional<int64_t> must_clamp;  // max_tokens to splice where nobody else limits the output
  std::optional<NanoUsd> worst_case;  // nothing: unknown price
  std::optional<NanoUsd> estimated;

  bool eligible() const { return removed == Removed::none; }
};

struct Survey {
  keel_request request{};
  std::vector<Candidate> candidates;      // one per target of the route
  std::vector<keel_candidate> described;  // the same, as policies see them

  bool anyone_eligible() const;
};

Survey survey(Engines& engines, const Call& call, Instant now);

// The order in which they are to be tried: the pinned one, then who needs a trial, then the
// policy's order or the host's default. A refusal carries the policy's text.
struct Plan {
  std::vector<uint32_t> order;  // indices into the route's targets
  std::optional<std::string> refused;
  bool by_policy = false;
};
Plan plan(Engines& engines, const Call& call, const Survey& survey, Actions& actions);

// Output tokens this route's model usually gives: the learned p95 per choice, at first the smaller
// of what was asked for and 1,000.
int64_t expected_output_tokens(const Engines& engines, const Call& call, uint32_t candidate,
                               Instant now);

// Has a target of this one's provider failed this request?
bool provider_failed(const Engines& engines, const Call& call, TargetIndex target);

// Keys of a provider that this request may not use again.
std::vector<KeyIndex> spent_keys_of(const Call& call, ProviderIndex provider);

// Input tokens a request can be billed for at a target: the byte bound, or the model's whole
// context where that is smaller.
int64_t input_bound(const Engines& engines, const Call& call, TargetIndex target);

// What it costs by the route's cost policy; the host's own sum where the policy abstains.
std::optional<NanoUsd> price(Engines& engines, const Call& call, const keel_request& request,
                             uint32_t candidate, const Usage& usage, uint32_t usage_kind);

}  // namespace keel::relay
