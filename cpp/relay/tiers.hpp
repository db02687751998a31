#pragma once
// How far a budget is gone and what that still allows (SEMANTICS A8): from one share of it on
// cheaper models stand in, from another on only stored answers are given, at its end nothing is
// sent. All three go by what is committed, held money included, because the limit itself does: a
// downgrade would come after the burst that made it necessary. Only the alert goes by what is
// spent: it is told once in a window, and a hold may yet cost nothing.

#include "base/money.hpp"
#include "base/vocabulary.hpp"

#include <cstdint>
#include <string_view>

namespace keel::relay {

struct AccountConfig;
struct Engines;

enum class Tier : uint8_t { open, cheaper, cache_only, refuse };
std::string_view name_of(Tier tier);

// From which percentage of the account's budget on the tier holds; 0: it never does.
int percent_of(const AccountConfig& account, Tier tier);
// The tier an account is in; `own` is what the asking call itself holds there. Open where the
// account has no budget.
Tier tier_of(const Engines& engines, AccountIndex account, int64_t unix_ns, NanoUsd own = {});

}  // namespace keel::relay
