#pragma once
// Every way a call can end, as the caller sees it: one function each. Status and code are those of
// CONVENTIONS ("Errors"); a provider's own last error keeps its status, except that its refusal of
// our credentials is no business of the client's.

#include "engine/cache.hpp"
#include "engine/rate_limiter.hpp"
#include "policy/policies.hpp"
#include "relay/funding.hpp"
#include "relay/survey.hpp"

#include <string>

namespace keel::relay {

Answer unknown_tenant(const std::string& tenant);
Answer account_frozen(const std::string& account);
Answer unknown_model(const Engines& engines, const std::string& asked);
Answer rate_limited(const std::string& account, const engine::Allowance& allowance);
Answer policy_refused(const policy::Policy& by, const std::string& text);
Answer budget_exceeded(const Engines& engines, const Call& call, const Funding& funding,
                       Instant now);
Answer no_target(const Engines& engines, const Survey& survey, Instant now);
Answer deadline_exceeded(const Engines& engines, const Call& call);
Answer cancelled();
Answer cached_answer(const Engines& engines, const engine::CachedReply& reply, Instant now);
Answer success(const Engines& engines, const Call& call);
// The last upstream error as the client should see it.
Answer last_error(const Engines& engines, const Call& call);

}  // namespace keel::relay
