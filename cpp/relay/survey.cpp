#include "relay/survey.hpp"

#include "engine/router.hpp"
#include "relay/engines.hpp"
#include "relay/funding.hpp"
#include "relay/streaming.hpp"
#include "relay/taking.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

constexpr int64_t kFirstGuessOutputTokens = 1'000;  // before anything was learned (SEMANTICS A7)

constexpr Duration kLatenciesFresh = milliseconds(250);

uint32_t capabilities_of(const wire::Facts& facts) {
  return (facts.asks_tools ? KEEL_ASKS_TOOLS : 0) | (facts.asks_schema ? KEEL_ASKS_SCHEMA : 0) |
         (facts.asks_images ? KEEL_ASKS_IMAGES : 0) |
         (facts.asks_reasoning ? KEEL_ASKS_REASONING : 0);
}

bool lacks(const ModelConfig& model, const wire::Facts& facts) {
  return (facts.asks_tools && model.lacks.tools) || (facts.asks_schema && model.lacks.schema) ||
         (facts.asks_images && model.lacks.images) || (facts.asks_audio && model.lacks.audio);
}

Removed for_this_request(const Engines& engines, const Call& call, const Candidate& candidate) {
  const CandidateState& state = call.candidates[candidate.index];
  const ModelConfig& model = engines.model_of(candidate.target);
  const wire::Facts& facts = call.request.facts;
  const auto& refused = call.refused_models;
  if (state.over || std::find(refused.begin(), refused.end(), model.name) != refused.end())
    return Removed::over;
  if (call.resuming && !can_resume(engines, call, candidate.index)) return Removed::cannot_resume;
  if (lacks(model, facts)) return Removed::capability;
  if (model.context_tokens > 0 && (facts.input_tokens_estimate > model.context_tokens ||
                                   model.context_tokens <= call.context_needed_over))
    return Removed::context;
  if (call.budgeted && !candidate.worst_case) return Removed::unknown_price;
  return Removed::none;
}

// Extra load is granted, not taken for granted (SEMANTICS A3).
Removed for_the_load(const Engines& engines, const Call& call, const Candidate& candidate,
                     Instant now) {
  if (call.tries == 0) return Removed::none;
  if (call.candidates[candidate.index].attempts > 0 &&
      !engines.targets[candidate.target].retries.would_grant(now))
    return Removed::retry_budget;
  if (!extra_send_is_free(engines, call, candidate.index) &&
      !engines.routes[call.route].extra_sends.would_grant(now))
    return Removed::extra_sends;
  return Removed::none;
}

void bound_output(const Engines& engines, const Call& call, Candidate& candidate) {
  const wire::Facts& facts = call.request.facts;
  if (facts.operation == Operation::embeddings) return;
  int64_t limit = engines.model_of(candidate.target).output_tokens;
  int64_t each = facts.max_output_tokens.value_or(limit);
  if (each <= 0) {
    each = kUnknownOutputLimit;
    if (call.budgeted) candidate.must_clamp = each;
  }
  __int128 all = __int128{each} * std::max<int64_t>(facts.choices, 1);
  candidate.output_bound = static_cast<int64_t>(std::min<__int128>(all, wire::kOutputTokensMax));
}

keel_latency describe(const engine::Latency& latency, Instant now) {
  keel_latency out{};
  if (auto mean = latency.mean(now)) out.ewma_ns = mean->ns;
  if (auto p50 = latency.quantile(0.5, now)) out.p50_ns = p50->ns;
  if (auto p95 = latency.quantile(0.95, now)) out.p95_ns = p95->ns;
  if (auto p99 = latency.quantile(0.99, now)) out.p99_ns = p99->ns;
  out.samples = latency.samples(now);
  return out;
}

double token_share(const LimitSet& limits, Instant now) {
  return limits.tokens ? limits.tokens->share_left(now) : 1.0;
}

void read_latencies(TargetEngines& target, Instant now) {
  if (now - target.latencies_read_at < kLatenciesFresh) return;
  target.latencies_read_at = now;
  target.first_token = describe(target.health.first_token(), now);
  target.output_token = describe(target.health.per_output_token(), now);
}

engine::BestLatency best_latency(const Engines& engines, const Call& call, Instant now) {
  engine::BestLatency best;
  for (const RouteTarget& entry : engines.config->routes[call.route].targets)
    best.consider(engines.targets[entry.target].health, now);
  return best;
}

keel_candidate describe(const Engines& engines, const Call& call, const Candidate& candidate,
                        const engine::BestLatency& best, Instant now) {
  const TargetEngines& target = engines.targets[candidate.target];
  const LimitSet& limits = engines.provider_engines(candidate.target).limits;
  keel_candidate out{};
  out.struct_size = sizeof out;
  out.position = candidate.index;
  out.target = &engines.routes[call.route].described[candidate.index];
  out.health_score =
      target.health.score(target.breaker.state(), best.like(target.health, now), now);
  out.success_rate = target.health.success_rate(now);
  out.requests_left_share = limits.requests ? limits.requests->share_left(now) : 1.0;
  out.tokens_left_share = token_share(limits, now);
  out.concurrency_left_share = std::min(
      target.pool->share_left(now), limits.concurrency ? limits.concurrency->share_left(now) : 1.0);
  out.estimated_cost_nano_usd = candidate.estimated ? candidate.estimated->value : -1;
  out.worst_case_cost_nano_usd = candidate.worst_case ? candidate.worst_case->value : -1;
  out.in_flight = static_cast<uint32_t>(target.pool->in_flight(now));
  switch (target.breaker.state()) {
    case engine::Breaker::State::half_open:
      out.breaker_state = KEEL_BREAKER_HALF_OPEN;
      break;
    case engine::Breaker::State::open:
    case engine::Breaker::State::forced_open:
      out.breaker_state = KEEL_BREAKER_OPEN;
      break;
    default:
      out.breaker_state = KEEL_BREAKER_CLOSED;
  }
  const CandidateState& state = call.candidates[candidate.index];
  out.last_verdict = state.last ? policy::verdict_of(*state.last) : KEEL_VERDICT_NONE;
  out.first_token = target.first_token;
  out.output_token = target.output_token;
  return out;
}

keel_request describe(Engines& engines, const Call& call, Instant now) {
  const wire::Facts& facts = call.request.facts;
  keel_request out{};
  out.struct_size = sizeof out;
  out.capabilities = capabilities_of(facts);
  out.route = policy::text_of(engines.config->routes[call.route].name);
  out.tenant = policy::text_of(call.request.tenant);
  out.model = policy::text_of(facts.model);
  out.input_tokens = facts.input_tokens_estimate;
  out.expected_output_tokens =
      call.candidates.empty() ? 0 : expected_output_tokens(engines, call, 0, now);
  out.deadline_left_ns = remaining(call.deadline, now).ns;
  out.budget_left_share = 1.0;
  for (AccountIndex account : call.budget_accounts)
    out.budget_left_share =
        std::clamp(1.0 - engines.budget->spent_share(account, engines.unix_ns(now)), 0.0,
                   out.budget_left_share);
  out.now_ns = now.ns;
  out.entropy = engines.random.next();
  out.stream = facts.stream ? 1 : 0;
  out.attempt = static_cast<uint32_t>(call.sends) + 1;
  out.tries = static_cast<uint32_t>(call.tries);
  out.requested_candidate = call.requested ? static_cast<int32_t>(*call.requested) : -1;
  return out;
}

}  // namespace

int64_t expected_output_tokens(const Engines& engines, const Call& call, uint32_t candidate,
                               Instant now) {
  const wire::Facts& facts = call.request.facts;
  if (facts.operation == Operation::embeddings) return 0;
  int64_t asked = facts.max_output_tokens.value_or(INT64_MAX);
  auto learned = engines.routes[call.route].output_tokens[candidate].quantile(0.95, now);
  int64_t expected = std::min(asked, learned.value_or(kFirstGuessOutputTokens));
  return expected * std::max<int64_t>(facts.choices, 1);
}

std::vector<KeyIndex> spent_keys_of(const Call& call, ProviderIndex provider) {
  std::vector<KeyIndex> out;
  for (const auto& [of, key] : call.spent_keys)
    if (of == provider) out.push_back(key);
  return out;
}

int64_t input_bound(const Engines& engines, const Call& call, TargetIndex target) {
  int64_t bound = call.request.facts.input_tokens_bound;
  if (call.resuming == Resume::continuation)  // what was begun is part of the question
    bound += static_cast<int64_t>(call.delivery.text().size());
  int64_t context = engines.model_of(target).context_tokens;
  return context > 0 ? std::min(bound, context) : bound;
}

std::optional<NanoUsd> price(Engines& engines, const Call& call, const keel_request& request,
                             uint32_t candidate, const Usage& usage, uint32_t usage_kind) {
  RouteEngines& route = engines.routes[call.route];
  keel_usage question{sizeof(keel_usage), usage_kind, usage.in,       usage.cached,
                      usage.cache_write,  usage.out,  usage.reasoning};
  if (route.policies.cost) {
    int64_t nano_usd = 0;
    policy::Decision answer =
        route.policies.cost->price(request, route.described[candidate], question, nano_usd);
    if (answer) return NanoUsd{nano_usd};
    if (answer.answered == policy::Answered::failed)
      engines.metrics.policy_error(route.policies.cost->description().id);
  }
  const TargetIndex target = engines.config->routes[call.route].targets[candidate].target;
  const auto& listed = engines.model_of(target).price;
  if (!listed) return std::nullopt;
  return usage_kind == KEEL_USAGE_WORST_CASE ? worst_case(usage.in, usage.out, *listed)
                                             : cost_of(usage, *listed);
}

bool Survey::anyone_eligible() const {
  return std::any_of(candidates.begin(), candidates.end(),
                     [](const Candidate& c) { return c.eligible() && !c.downgrade_only; });
}

Survey survey(Engines& engines, const Call& call, Instant now) {
  const RouteConfig& route = engines.config->routes[call.route];
  Survey out;
  out.request = describe(engines, call, now);
  const engine::BestLatency best = best_latency(engines, call, now);
  // Estimates are there to be compared, so all are made for the same output: what a model is known
  // to say must not make it look cheaper than one that has said nothing yet.
  int64_t compared = 0;
  out.candidates.reserve(route.targets.size());
  out.described.reserve(route.targets.size());
  for (uint32_t i = 0; i < route.targets.size(); ++i) {
    const int64_t expected = expected_output_tokens(engines, call, i, now);
    compared = std::max(compared, expected);
    out.candidates.push_back({.index = i, .target = route.targets[i].target});
    out.candidates.back().tokens = call.request.facts.input_tokens_estimate + expected;
  }
  for (uint32_t i = 0; i < route.targets.size(); ++i) {
    Candidate& candidate = out.candidates[i];
    candidate.downgrade_only = route.targets[i].downgrade_only;
    bound_output(engines, call, candidate);
    int64_t in = input_bound(engines, call, candidate.target);
    candidate.worst_case = price(engines, call, out.request, i,
                                 {.in = in, .out = candidate.output_bound}, KEEL_USAGE_WORST_CASE);
    candidate.estimated =
        price(engines, call, out.request, i,
              {.in = call.request.facts.input_tokens_estimate, .out = compared}, KEEL_USAGE_ACTUAL);
    candidate.removed = for_this_request(engines, call, candidate);
    if (candidate.eligible() && call.candidates[i].not_before > now) {
      candidate.removed = Removed::asked_to_wait;
      candidate.until = call.candidates[i].not_before;
    }
    if (candidate.eligible()) {
      Availability now_free =
          available(engines, candidate.target, candidate.tokens,
                    spent_keys_of(call, engines.config->targets[candidate.target].provider), now);
      candidate.removed = now_free.why;
      candidate.until = now_free.until;
      candidate.key = now_free.key;
    }
    if (candidate.eligible()) {
      candidate.removed = for_the_load(engines, call, candidate, now);
      if (candidate.removed == Removed::extra_sends) candidate.until = now + kAskAgain;
    }
    const engine::Breaker& breaker = engines.targets[candidate.target].breaker;
    candidate.on_trial = breaker.state() == engine::Breaker::State::half_open;
    candidate.recovering = candidate.on_trial && candidate.eligible() && !candidate.downgrade_only;
    read_latencies(engines.targets[candidate.target], now);
    out.described.push_back(describe(engines, call, candidate, best, now));
  }
  return out;
}

namespace {

// The candidates a policy may order: eligible, not for downgrades only, and those an earlier
// attempt advises against only when there is nobody else.
std::vector<uint32_t> presentable(const Call& call, const Survey& survey) {
  std::vector<uint32_t> fresh, avoided;
  for (const Candidate& c : survey.candidates) {
    if (!c.eligible() || c.downgrade_only) continue;
    (call.candidates[c.index].avoid ? avoided : fresh).push_back(c.index);
  }
  return fresh.empty() ? avoided : fresh;
}

// After so many sends a provider that has not failed this request goes first, where there is one:
// models of one provider fail together more often than not, and sends are few.
constexpr int kSendsByOrder = 2;

}  // namespace

bool provider_failed(const Engines& engines, const Call& call, TargetIndex target) {
  const ProviderIndex provider = engines.config->targets[target].provider;
  return std::any_of(call.trace->attempts.begin(), call.trace->attempts.end(),
                     [&](const AttemptRecord& record) {
                       return engines.config->targets[record.target].provider == provider;
                     });
}

Plan plan(Engines& engines, const Call& call, const Survey& survey, Actions& actions) {
  Plan out;
  std::vector<uint32_t> shown = presentable(call, survey);
  if (shown.empty()) return out;
  RouteEngines& route = engines.routes[call.route];
  std::vector<keel_candidate> described;
  std::vector<engine::Standing> standings;
  // Behind a trial there has to be a send left for somebody who is well.
  const bool may_stand_trial = call.tries == 0 || call.max_sends - call.sends > 1;
  keel_request request = survey.request;
  request.requested_candidate = -1;
  for (uint32_t index : shown) {
    if (call.requested == index)
      request.requested_candidate = static_cast<int32_t>(described.size());
    const keel_candidate& d = survey.described[index];
    described.push_back(d);
    standings.push_back({true, survey.candidates[index].recovering && may_stand_trial,
                         static_cast<int>(d.target->tier), d.target->weight, d.health_score});
  }
  std::vector<uint32_t> order;
  auto answer = engine::PolicyAnswer::abstained;
  if (route.policies.routing) {
    keel_candidates list{sizeof(keel_candidates), static_cast<uint32_t>(described.size()),
                         sizeof(keel_candidate), described.data()};
    policy::Decision decision = route.policies.routing->route(request, list, order);
    if (decision.answered == policy::Answered::refuse) {
      out.refused = decision.text;
      return out;
    }
    if (decision.answered == policy::Answered::failed) {
      const std::string& id = route.policies.routing->description().id;
      engines.metrics.policy_error(id);
      if (once_a_minute(route.failure, Instant{survey.request.now_ns}))
        tell(actions, Notice::Kind::policy_failed, id, decision.text);
      answer = engine::PolicyAnswer::failed;
    } else if (decision) {
      answer = engine::PolicyAnswer::ordered;
      out.by_policy = true;
    }
  }
  for (uint32_t i : engine::make_plan(standings, answer, order)) out.order.push_back(shown[i]);
  // A policy knows what the client named; the host's own order begins there too.
  auto named = std::find(out.order.begin(), out.order.end(), call.requested.value_or(UINT32_MAX));
  if (!out.by_policy && named != out.order.end() &&
      !survey.candidates[out.order.front()].recovering)
    std::rotate(out.order.begin(), named, named + 1);
  if (call.sends >= kSendsByOrder)
    std::stable_partition(out.order.begin(), out.order.end(), [&](uint32_t index) {
      return !provider_failed(engines, call, survey.candidates[index].target);
    });
  if (call.pinned && survey.candidates[*call.pinned].eligible()) {
    std::erase(out.order, *call.pinned);
    out.order.insert(out.order.begin(), *call.pinned);
  }
  return out;
}

}  // namespace keel::relay
