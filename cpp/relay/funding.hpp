#pragma once
// Which of the planned targets the money allows (SEMANTICS A8): the plan's first as it is, or as
// the cost policy advises; else the cheapest that fits; else with a smaller max_tokens; else
// nobody. Nobody is asked for an account that gives stored answers only; nobody stands in who costs
// more.

#include "relay/survey.hpp"
#include "relay/tiers.hpp"

#include <optional>
#include <string>

namespace keel::relay {

struct Funding {
  std::optional<uint32_t> candidate;  // nothing: nobody fits
  NanoUsd hold;
  std::optional<int64_t> clamp;  // max_tokens to send, where money or a default limits it
  bool clamped_by_money = false;
  std::string downgraded;              // "from->to (reason)", empty if not
  std::optional<std::string> refused;  // the cost policy's text
  std::optional<uint32_t> instead_of;  // the candidate that `candidate` stands in for
  engine::Budget::Refusal refusal;     // who said no, when nobody fits
  bool awaits_lease = false;           // more of a shared account was asked for: ask again then
  Tier tier = Tier::open;              // ... and that it is cache_only, where that is why
};

Funding fund(Engines& engines, const Call& call, const Survey& survey, const Plan& plan,
             Actions& actions, Instant now);

// Fewer output tokens than this are not worth an answer (SEMANTICS A8).
inline constexpr int64_t kLeastClamp = 256;
// Output limit spliced in where a budget applies and nobody knows the model's own.
inline constexpr int64_t kUnknownOutputLimit = 4096;

}  // namespace keel::relay
