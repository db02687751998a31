#pragma once
// The words of a trace, and what policies and people are told on the way: one sentence for every
// decision, written for whoever reads it at night.

#include "relay/funding.hpp"
#include "relay/next_move.hpp"
#include "relay/situation.hpp"
#include "relay/survey.hpp"

#include <string>

namespace keel::relay {

std::string describe_request(const Engines& engines, const Call& call, Instant now);
std::string describe_choice(const Engines& engines, const Call& call, const Survey& survey,
                            const Funding& funding);
// Every target of the route, and who would be tried in which order.
Choice choice_of(const Engines& engines, const Call& call, const Survey& survey, const Plan& plan,
                 Instant now);
std::string describe_attempt(const Engines& engines, const Call& call, Instant now);
std::string describe_outcome(const Engines& engines, const Attempt& attempt);
std::string describe_settlement(const AttemptRecord& record);
std::string describe_move(const Move& move);
std::string describe_wait(const Engines& engines, const Survey& survey, Duration delay);
std::string describe_exhaustion();
std::string describe_answer(const Engines& engines, const Call& call, const Answer& answer);

AttemptRecord record_of(const Engines& engines, const Attempt& attempt, Instant now);
std::string key_subject(const Engines& engines, ProviderIndex provider, KeyIndex key);

// Tells a learning policy how an attempt ended.
void observe(Engines& engines, const Call& call, const Attempt& attempt,
             const AttemptRecord& record, Instant now);
// Which model stands in for which in this attempt; an account that begins to downgrade, or ends it
// in a new window, is told of once.
void note_downgrade(Engines& engines, Call& call, const Funding& funding, Actions& actions,
                    Instant now);
void tell_budget_exhausted(Engines& engines, const Call& call, const Funding& funding,
                           Actions& actions, Instant now);

}  // namespace keel::relay
