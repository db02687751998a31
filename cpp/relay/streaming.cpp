#include "relay/streaming.hpp"

#include "engine/backoff.hpp"
#include "relay/engines.hpp"
#include "relay/hedging.hpp"
#include "relay/next_move.hpp"
#include "relay/situation.hpp"
#include "wire/stream.hpp"

#include <algorithm>
#include <utility>

namespace keel::relay {

namespace {

using Kind = StreamEvent::Kind;

constexpr Duration kOpeningKept = seconds(2);  // frames before any content (SEMANTICS A4)
constexpr Duration kUsageWait = seconds(5);    // behind a finish_reason, for usage and end marker
constexpr Duration kEndWait = seconds(1);      // behind the end marker, for the end of the body

const StreamConfig& settings_of(const Engines& engines, const Call& call) {
  return engines.config->routes[call.route].stream;
}

Outcome ended(Ended how, std::string message) {
  Outcome out;
  out.ended = how;
  out.message = std::move(message);
  return out;
}

// The attempt does not say what the caller has; what it brought to an end is another answer.
Outcome another_answer(Call& call) {
  Attempt& attempt = *call.attempt;
  call.candidates[attempt.candidate].differs = true;
  attempt.stream.ended.clear();
  attempt.stream.finished = false;
  Outcome out = ended(Ended::cancelled, "it says something else this time");
  out.status = 200;
  return out;
}

bool contains(const std::vector<uint16_t>& choices, uint16_t choice) {
  return std::find(choices.begin(), choices.end(), choice) != choices.end();
}

// Every choice that spoke has its finish_reason. Whether that was all of them, where more were
// asked for, only the end of the stream can say.
bool all_ended(const Attempt::Stream& stream) {
  return !stream.ended.empty() && stream.open.empty();
}

void note(Attempt::Stream& stream, const StreamEvent& event, int64_t choices, Instant now) {
  const bool content = event.kind == Kind::content || !event.pieces.empty();
  stream.any = true;
  if (content && !stream.first_content) stream.first_content = now;
  stream.content |= content;
  for (const StreamEvent::Piece& piece : event.pieces)
    if (!contains(stream.ended, piece.lane.choice) && !contains(stream.open, piece.lane.choice))
      stream.open.push_back(piece.lane.choice);
  for (uint16_t choice : event.ends) {
    std::erase(stream.open, choice);
    if (!contains(stream.ended, choice)) stream.ended.push_back(choice);
  }
  const bool as_many = std::ssize(stream.ended) >= choices || event.kind == Kind::done;
  stream.finished = all_ended(stream) && (as_many || stream.finished);
  stream.filtered |= event.content_filtered;
  if (event.usage) stream.usage = event.usage;
  if (event.kind != Kind::lifecycle) stream.last_progress = now;
}

// Until when what is kept back is kept back, if time alone ends it.
std::optional<Duration> kept_for(const Delivery& delivery) {
  const HoldBack& hold_back = delivery.hold_back();
  if (hold_back.complete || hold_back.tokens > 0) return std::nullopt;
  if (hold_back.time <= Duration::zero()) return kOpeningKept;
  if (!delivery.keeps_content_back()) return std::nullopt;
  return hold_back.time;
}

std::shared_ptr<const StreamHead> head_of(const Call& call) {
  auto head = std::make_shared<StreamHead>();
  if (call.attempt) {
    head->target = call.attempt->target;
    head->clamped = call.attempt->clamped;
    head->fields = call.attempt->fields;
  } else if (!call.trace->attempts.empty()) {
    head->target = call.trace->attempts.back().target;
    head->clamped = call.clamped;
    head->fields = call.reply_fields;
  }
  head->sends = call.sends;
  head->cache = call.trace->cache;
  head->downgraded = call.downgraded;
  return head;
}

}  // namespace

// ---- questions ----------------------------------------------------------------------------------

Speech speech_of(const Engines& engines, const Call& call, TargetIndex target) {
  if (!call.resuming) return Speech::fresh;
  const bool echoed = engines.model_of(target).prefill == Prefill::prefix_echoed;
  return call.resuming == Resume::replay || echoed ? Speech::replay : Speech::continuation;
}

Duration first_token_limit(const Engines& engines, const Call& call, TargetIndex target,
                           Instant now) {
  const StreamConfig& settings = settings_of(engines, call);
  const Duration floor =
      engines.model_of(target).reasoning ? settings.first_token_reasoning : settings.first_token;
  auto p99 = engines.targets[target].health.first_token().quantile(0.99, now);
  return p99 ? std::max(floor, *p99 * 3) : floor;
}

bool is_slow(const Engines& engines, const Call& call, const Attempt& attempt) {
  const StreamConfig& settings = settings_of(engines, call);
  const Duration floor = engines.model_of(attempt.target).reasoning ? settings.first_token_reasoning
                                                                    : settings.first_token;
  return elapsed(attempt.started, *attempt.stream.first_content) > floor;
}

bool stream_cut_short(const Engines& engines, const Call& call, const Attempt& attempt,
                      Instant now) {
  if (now < call.deadline) return false;
  if (attempt.stream.content) return true;  // it was speaking
  const Duration ran = elapsed(attempt.sent.value_or(attempt.started), now);
  return ran < first_token_limit(engines, call, attempt.target, now);
}

Outcome outcome_of_stream(Call& call, Outcome transport) {
  const Attempt::Stream& stream = call.attempt->stream;
  const bool a_2xx = transport.status >= 200 && transport.status < 300;
  const bool came_whole = transport.ended == Ended::replied && a_2xx;
  const bool complete = stream.finished || (came_whole && all_ended(stream));
  if (complete && !call.delivery.caught_up()) return another_answer(call);
  if (complete) {
    Outcome out;
    out.status = 200;
    out.usage = stream.usage;
    out.content_filtered = stream.filtered;
    return out;
  }
  if (came_whole) {
    transport.ended = stream.content ? Ended::broken : Ended::unusable;
    transport.message = stream.content ? "the stream ended without a finish_reason"
                                       : "the stream ended without an answer";
  }
  if (stream.any && transport.status == 0) transport.status = 200;
  return transport;
}

bool can_resume(const Engines& engines, const Call& call, uint32_t candidate) {
  const CandidateState& state = call.candidates[candidate];
  const wire::Facts& facts = call.request.facts;
  if (call.resuming == Resume::replay)
    return !state.differs &&
           (facts.deterministic || !settings_of(engines, call).replay_deterministic_only);
  const RouteTarget& entry = engines.config->routes[call.route].targets[candidate];
  return engines.model_of(entry.target).prefill != Prefill::none && !state.refuses_begun &&
         facts.operation == Operation::chat && !facts.prefilled && !facts.asks_schema &&
         facts.choices == 1 && call.delivery.only_text() && !call.delivery.text().empty();
}

std::optional<uint32_t> who_resumes(const Engines& engines, const Call& call,
                                    const Survey& survey) {
  const uint32_t here = *call.previous;
  const std::string& model = engines.model_of(survey.candidates[here].target).name;
  std::optional<uint32_t> best;
  int best_rank = 4;
  for (const Candidate& c : survey.candidates) {
    if (!c.eligible() || c.downgrade_only) continue;
    const bool same_model = engines.model_of(c.target).name == model;
    const int once_more = call.candidates[here].attempts <= 1 ? 1 : 3;
    const int rank = c.index == here ? once_more : same_model ? 0 : 2;
    if (rank < best_rank) {
      best = c.index;
      best_rank = rank;
    }
  }
  return best;
}

void conclude_stream(const Call& call, Answer& answer) {
  answer.streamed = true;
  answer.body = {};
  const bool own_word = answer.kind == AnswerKind::ok || answer.kind == AnswerKind::cancelled ||
                        answer.kind == AnswerKind::deadline_exceeded;
  if (own_word || !call.delivery.committed()) return;
  answer.kind = AnswerKind::stream_interrupted;
  answer.status = 502;
  answer.code = "stream_interrupted";
  answer.message = "the stream broke after content was delivered: " + answer.message;
}

// ---- the stream's part of Life ------------------------------------------------------------------

void Life::streamed(Call& call, StreamEvent&& event, Fields&& fields) {
  if (!call.attempt) return;
  Attempt& attempt = *call.attempt;
  if (!attempt.sent) sent(call);
  if (!fields.empty()) attempt.fields = std::move(fields);
  const bool had_content = attempt.stream.content;
  const bool had_finished = attempt.stream.finished;
  note(attempt.stream, event, call.request.facts.choices, now_);
  const Kind kind = event.kind;
  if (kind == Kind::error || kind == Kind::unparsable) return give_up(call, event.outcome);
  if (kind == Kind::done && !attempt.stream.finished)
    return give_up(call, ended(Ended::broken, "the stream ended without a finish_reason"));
  if (attempt.stream.content && !had_content) engines_.due.remove(attempt.hedge_timer);
  if (!may_speak(call, event)) return;
  std::vector<std::string> frames;
  if (call.delivery.take(std::move(event), frames) == Delivery::Took::diverged)
    return give_up(call, another_answer(call));
  if (kind == Kind::done)
    watch(call, now_ + kEndWait);
  else if (attempt.stream.finished && !had_finished)
    watch(call, now_ + kUsageWait);
  else if (attempt.stream.content && !had_content)
    watch(call, now_ + settings_of(engines_, call).stall);
  if (attempt.stream.content && !had_content) {
    TargetEngines& target = engines_.targets[attempt.target];
    target.breaker.extend(attempt.permit, call.deadline + seconds(1));
    target.pool->renew(attempt.in_pool, call.leases_end(), now_);
  }
  deliver(call, std::move(frames));
  keep_back(call);
}

// What is kept back, if anything is, is so until then.
void Life::keep_back(Call& call) {
  if (!call.delivery.keeps_back() || call.keep_timer != DueTimes::kNone) return;
  if (auto keep = kept_for(call.delivery))
    call.keep_timer = engines_.due.add(now_ + *keep, {Due::Kind::kept_back, call.request.call});
}

void Life::kept_long_enough(Call& call) {
  if (!call.attempt) return;
  turn_to(call, call.speaking);
  std::vector<std::string> frames;
  call.delivery.release(frames);
  deliver(call, std::move(frames));
}

void Life::backpressure(Call& call, bool full) {
  call.paused = full;
  for (auto* attempt : {&call.attempt, &call.rival}) {
    if (!*attempt) continue;
    (*attempt)->stream.last_progress = now_;
    actions_.push_back(Pause{(*attempt)->id, full});
  }
}

// Looks at the attempt again then.
void Life::watch(Call& call, Instant until) {
  Attempt& attempt = *call.attempt;
  engines_.due.remove(attempt.limit_timer);
  attempt.limit = std::min(until, call.deadline);
  attempt.limit_timer = engines_.due.add(attempt.limit, {Due::Kind::attempt_limit, attempt.id});
}

// The instant watched for has come: is the stream too late?
void Life::stream_is_late(Call& call) {
  const Attempt& attempt = *call.attempt;
  const StreamConfig& settings = settings_of(engines_, call);
  if (attempt.stream.finished) return give_up(call, ended(Ended::replied, ""));
  if (call.paused) return watch(call, now_ + settings.stall);  // it is we who do not read
  if (attempt.stream.content) {
    const Instant late = attempt.stream.last_progress + settings.stall;
    if (now_ < late) return watch(call, late);
    return give_up(call, timed_out(true, "no event within the stall limit"));
  }
  const Survey seen = survey(engines_, call, now_);
  const bool another =
      call.rival ||
      std::any_of(seen.candidates.begin(), seen.candidates.end(), [&](const Candidate& c) {
        return c.index != attempt.candidate && c.eligible() && !c.downgrade_only;
      });
  if (!another) return watch(call, now_ + first_token_limit(engines_, call, attempt.target, now_));
  give_up(call, timed_out(attempt.sent.has_value(), "no content within the first-token limit"));
}

// A stream broke after content was delivered: who can go on with it, and how?
Next Life::resume(Call& call) {
  const RouteConfig& route = engines_.config->routes[call.route];
  CandidateState& here = call.candidates[*call.previous];
  // Of several choices one attempt ended some and the next the others: nothing is missing.
  if (call.last.cls != Class::policy && call.delivery.has_every_end(call.request.facts.choices)) {
    call.last.cls = Class::ok;
    call.last_outcome.status = 200;
    return Next::respond;
  }
  const bool refused = call.last.cls == Class::fatal || call.last.cls == Class::context ||
                       call.last.cls == Class::unsupported;
  if (refused && call.resuming == Resume::continuation) {
    here.refuses_begun = true;  // what it thinks of a begun answer says nothing of a whole one
    here.over = false;
    std::erase(call.refused_models, engines_.model_of(route.targets[*call.previous].target).name);
  } else if (refused) {
    here.over = true;
  }
  // A filtered end that has left is the end, whatever another would have said.
  const bool answerable = call.last.cls != Class::policy ||
                          (route.fallback_on_content_policy && !call.last_outcome.content_filtered);
  const bool possible = may_send_again(call) && safe_to_repeat(call) &&
                        call.delivery.can_resume() &&
                        remaining(call.deadline, now_) >= kMinUseful && answerable;
  for (Resume way : route.stream.resume) {
    if (!possible) break;
    call.resuming = way;
    const Survey seen = survey(engines_, call, now_);
    const auto who = who_resumes(engines_, call, seen);
    if (!who) continue;
    call.trace->say(Stage::retry,
                    std::string(way == Resume::replay ? "replay" : "continue") + " the stream at " +
                        engines_.config->targets[seen.candidates[*who].target].name,
                    now_);
    call.pinned = who;
    if (who != call.previous) return Next::choose;
    const engine::BackoffSettings& backoff = route.retry.backoff;
    return wait(call,
                engine::backoff_delay(here.attempts, backoff.scale, backoff.cap, backoff.jitter,
                                      engines_.random.unit()),
                who);
  }
  call.trace->say(Stage::retry, "the stream cannot be resumed", now_);
  return Next::respond;
}

void Life::deliver(Call& call, std::vector<std::string> frames) {
  for (std::string& bytes : frames) {
    if (call.canonical && call.delivered_whole) {
      call.delivered_whole = call.delivered.size() + bytes.size() <= Delivery::kRememberedMax;
      if (call.delivered_whole) call.delivered += bytes;
    }
    if (call.own) continue;
    Deliver piece{.call = call.request.call, .bytes = std::move(bytes)};
    if (!std::exchange(call.stream_begun, true)) piece.head = head_of(call);
    actions_.push_back(std::move(piece));
  }
  if (call.own || call.trace->first_token || !call.delivery.committed()) return;
  call.trace->first_token = now_;
  engines_.metrics.first_token(call.route, elapsed(call.began, now_));
}

// The last attempt ended well: what is still kept back, and the end marker if nobody sent it.
void Life::end_stream(Call& call) {
  std::vector<std::string> frames;
  call.delivery.release(frames);
  if (!call.delivery.ended()) frames.emplace_back(wire::end_marker());
  deliver(call, std::move(frames));
  if (call.delivered_whole && !call.delivery.resumed())
    call.last_reply = Body::take(std::move(call.delivered));
}

// A stored stream is handed over as it was.
void Life::deliver_cached(Call& call, const Answer& cached) {
  if (call.own) return;
  auto head = std::make_shared<StreamHead>();
  head->target = cached.target;
  head->cache = call.trace->cache;
  head->age = cached.age;
  head->sends = call.sends;
  call.stream_begun = true;
  actions_.push_back(Deliver{call.request.call, std::string(cached.body.view()), std::move(head)});
}

}  // namespace keel::relay
