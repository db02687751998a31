#include "relay/hedging.hpp"

#include "relay/engines.hpp"
#include "relay/funding.hpp"
#include "relay/next_move.hpp"
#include "relay/situation.hpp"
#include "relay/survey.hpp"
#include "relay/taking.hpp"
#include "relay/telling.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

namespace {

constexpr size_t kOpeningsKept = 8;  // of a stream that is not heard yet; more say nothing new

const std::optional<HedgeConfig>& settings_of(const Engines& engines, const Call& call) {
  return engines.config->routes[call.route].hedge;
}

const std::string& name_of(const Engines& engines, const Attempt& attempt) {
  return engines.config->targets[attempt.target].name;
}

// How long its target takes for a first token, or for a whole reply of the expected length, in all
// but the slowest cases. Nothing: too little is known of it.
std::optional<Duration> usual_time(const Engines& engines, const Call& call, double quantile,
                                   Instant now) {
  const Attempt& attempt = *call.attempt;
  const engine::Health& health = engines.targets[attempt.target].health;
  if (call.request.facts.stream) return health.first_token().quantile(quantile, now);
  if (call.request.facts.operation == Operation::embeddings)
    return health.reply_time().quantile(quantile, now);
  const auto per_token = health.per_output_token().quantile(quantile, now);
  if (!per_token) return std::nullopt;
  return *per_token * expected_output_tokens(engines, call, attempt.candidate, now);
}

}  // namespace

void expect_in_time(Engines& engines, Call& call, Instant now) {
  const auto& settings = settings_of(engines, call);
  if (!settings || call.own || call.tries != 1) return;
  engines.routes[call.route].hedges->record_request(now);
  if (call.request.facts.side_effects) return;
  const auto usual = usual_time(engines, call, settings->after, now);
  if (!usual || now + *usual + kMinUseful >= call.deadline) return;
  Attempt& attempt = *call.attempt;
  attempt.hedge_timer = engines.due.add(now + *usual, {Due::Kind::hedge, attempt.id});
}

bool ends_the_race(const Engines& engines, const Call& call, const Verdict& verdict) {
  if (verdict.cls == Class::policy)
    return !engines.config->routes[call.route].fallback_on_content_policy;
  return verdict.cls == Class::ok || verdict.cls == Class::fatal;
}

void turn_to(Call& call, AttemptId attempt) {
  if (call.rival && call.rival->id == attempt) std::swap(call.attempt, call.rival);
}

// ---- the hedge's part of Life -------------------------------------------------------------------

// The first attempt is late: who else could be asked beside it?
void Life::hedge(Call& call) {
  const Attempt& late = *call.attempt;
  if (!late.sent || late.stream.content || late.stream.finished || !may_send_again(call)) return;
  RouteEngines& route = engines_.routes[call.route];
  auto not_hedged = [&](const char* why) {
    call.trace->say(Stage::choose, name_of(engines_, late) + " is late, and " + why, now_);
  };
  if (!route.hedges->would_grant(now_)) return not_hedged("the route's share of hedges is used up");
  Survey seen = survey(engines_, call, now_);
  for (Candidate& c : seen.candidates) {
    if (c.index == late.candidate) c.removed = Removed::racing;
    if (c.recovering) c.removed = Removed::breaker_open;  // nobody is tried out by a hedge
  }
  const Plan planned = plan(engines_, call, seen, actions_);
  call.trace->consider([&] { return choice_of(engines_, call, seen, planned, now_); });
  if (planned.refused || planned.order.empty()) return not_hedged("nobody else can take it now");
  const Funding funding = fund(engines_, call, seen, planned, actions_, now_);
  if (!funding.candidate || funding.clamped_by_money || !funding.downgraded.empty())
    return not_hedged("there is no money to ask another one as well");
  route.hedges->try_grant(now_);
  engines_.metrics.hedge(call.route, false);
  const std::string why = name_of(engines_, late) + " is late; ask beside it: ";
  call.rival = std::exchange(call.attempt, std::nullopt);
  call.attempt = take(engines_, call, seen, funding, actions_, now_);
  call.attempt->hedge = true;
  call.trace->took(call.attempt->target, funding.hold);
  call.trace->say(Stage::choose, why + describe_choice(engines_, call, seen, funding), now_);
  run(call, Next::attempt);
}

// The other one of two has lost: it is closed, and what it may have cost is posted.
void Life::drop_rival(Call& call) {
  std::optional<Attempt> winner =
      std::exchange(call.attempt, std::exchange(call.rival, std::nullopt));
  Outcome outcome;
  outcome.ended = Ended::cancelled;
  outcome.message = "another attempt is further";
  withdraw(call, std::move(outcome));
  call.attempt = std::move(winner);
  if (!call.attempt->hedge) return;
  call.downgraded.clear();  // of the one that was late
  engines_.metrics.hedge(call.route, true);
}

// One of two has failed: the other one goes on alone.
Next Life::go_on_alone(Call& call) {
  call.attempt = std::exchange(call.rival, std::nullopt);
  if (call.attempt->hedge) call.downgraded.clear();
  call.trace->say(Stage::retry, name_of(engines_, *call.attempt) + " goes on alone", now_);
  if (call.request.facts.stream) speak(call);
  return Next::wait;
}

// May the stream of this attempt be heard? Where two race, the one with content is; until then
// only the one that left first. What the other opens with is kept for when it is its turn.
bool Life::may_speak(Call& call, StreamEvent& event) {
  const auto& stream = call.attempt->stream;
  if (call.rival && (stream.content || !stream.ended.empty())) drop_rival(call);
  Attempt& attempt = *call.attempt;
  if (call.speaking == attempt.id) return true;
  if (call.rival) {
    if (attempt.opening.size() < kOpeningsKept) attempt.opening.push_back(std::move(event));
    return false;
  }
  speak(call);
  return true;
}

// The caller hears this attempt from here on.
void Life::speak(Call& call) {
  Attempt& attempt = *call.attempt;
  if (call.speaking == attempt.id) return;
  call.speaking = attempt.id;
  call.delivery.begin(attempt.speech);
  engines_.due.remove(call.keep_timer);
  std::vector<std::string> frames;
  for (StreamEvent& event : std::exchange(attempt.opening, {}))
    call.delivery.take(std::move(event), frames);
  deliver(call, std::move(frames));
  keep_back(call);
}

}  // namespace keel::relay
