#include "relay/relay.hpp"

#include "relay/health_checks.hpp"
#include "relay/hedging.hpp"
#include "relay/leasing.hpp"
#include "relay/refreshing.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace keel::relay {

namespace {

void leases_due(Engines& engines, Instant now) {
  engines.ledger_timer = DueTimes::kNone;
  engines.budget->expire(now);
  arm_ledger(engines);
}

}  // namespace

Relay::Relay(std::shared_ptr<const Config> config, PolicySet policies, uint64_t seed, Instant now)
    : engines_(std::move(config), std::move(policies), seed), now_(now) {
  begin_health_checks(engines_, now);
}

void Relay::handle(Event event, Instant now, Actions& actions) {
  now_ = std::max(now_, now);
  std::visit([&](auto& e) { on(e, actions); }, event);
  if (!engines_.leases.empty()) tend_leases(engines_, actions, now_);
}

void Relay::time_decisions(policy::Clock clock) {
  for (RouteEngines& route : engines_.routes)
    relay::time_decisions(route.policies, clock, engines_.metrics);
}

Instant Relay::wake_at() const {
  return engines_.due.next();
}

const Call* Relay::find(CallId call) const {
  auto found = calls_.find(call);
  return found == calls_.end() ? nullptr : found->second.get();
}

std::vector<CallId> Relay::own_calls() const {
  std::vector<CallId> out;
  for (const auto& [id, call] : calls_)
    if (call->own) out.push_back(id);
  return out;
}

Call* Relay::call_of(AttemptId attempt) {
  auto owner = engines_.attempts.find(attempt);
  if (owner == engines_.attempts.end()) return nullptr;  // late: given up before
  Call* call = calls_.at(owner->second).get();
  turn_to(*call, attempt);
  return call;
}

void Relay::forget_if_closed(CallId id) {
  auto found = calls_.find(id);
  if (found != calls_.end() && found->second->closed) calls_.erase(found);
}

void Relay::on(Request& event, Actions& actions) {
  const CallId id = event.call;
  auto [place, is_new] = calls_.emplace(id, std::make_unique<Call>());
  assert(is_new && "a driver gives every call a new id");
  place->second->request = std::move(event);
  Life(engines_, actions, now_).begin(*place->second);
  forget_if_closed(id);
}

void Relay::on(Cancel& event, Actions& actions) {
  auto found = calls_.find(event.call);
  if (found == calls_.end()) return;  // answered already
  Life(engines_, actions, now_).cancel(*found->second);
  forget_if_closed(event.call);
}

void Relay::on(Backpressure& event, Actions& actions) {
  auto found = calls_.find(event.call);
  if (found != calls_.end()) Life(engines_, actions, now_).backpressure(*found->second, event.full);
}

void Relay::on(Streamed& event, Actions& actions) {
  Call* call = call_of(event.attempt);
  if (!call) return;
  const CallId id = call->request.call;
  Life(engines_, actions, now_).streamed(*call, std::move(event.event), std::move(event.fields));
  forget_if_closed(id);
}

void Relay::on(Sent& event, Actions& actions) {
  if (Call* call = call_of(event.attempt)) Life(engines_, actions, now_).sent(*call);
}

void Relay::on(Finished& event, Actions& actions) {
  Call* call = call_of(event.attempt);
  if (!call) return;
  const CallId id = call->request.call;
  Life(engines_, actions, now_).finished(*call, std::move(event));
  forget_if_closed(id);
}

void Relay::on(Probed& event, Actions& actions) {
  probed(engines_, event, actions, now_);
}

void Relay::on(WallClock& event, Actions&) {
  engines_.wall_offset_ns = event.unix_ns - now_.ns;
}

void Relay::on(Leased& event, Actions&) {
  take_lease(engines_, event.grant, now_);
}

void Relay::lease_as(engine::HolderId holder) {
  hold_leases(engines_, holder);
}

void Relay::on(Wake&, Actions& actions) {
  Due what;
  if (engines_.due.pop_due(now_, what)) due(what, actions);
}

Call* Relay::call_due(const Due& what) {
  switch (what.kind) {
    case Due::Kind::call_deadline:
    case Due::Kind::call_wait:
    case Due::Kind::kept_back:
      return calls_.at(what.id).get();
    case Due::Kind::attempt_limit:
    case Due::Kind::connect_limit:
    case Due::Kind::hedge:
      return call_of(what.id);
    case Due::Kind::flight:
    case Due::Kind::lease: {
      const auto found = calls_.find(what.id);
      return found == calls_.end() ? nullptr : found->second.get();
    }
    default:
      return nullptr;
  }
}

void Relay::due(Due what, Actions& actions) {
  Life life(engines_, actions, now_);
  Call* call = call_due(what);
  switch (what.kind) {
    case Due::Kind::call_deadline:
      call->deadline_timer = DueTimes::kNone;
      life.deadline_passed(*call);
      break;
    case Due::Kind::call_wait:
      life.wait_is_over(*call);
      break;
    case Due::Kind::kept_back:
      call->keep_timer = DueTimes::kNone;
      life.kept_long_enough(*call);
      break;
    case Due::Kind::attempt_limit:
      call->attempt->limit_timer = DueTimes::kNone;
      life.time_is_up(*call);
      break;
    case Due::Kind::connect_limit:
      call->attempt->connect_timer = DueTimes::kNone;
      life.connect_is_late(*call);
      break;
    case Due::Kind::hedge:
      call->attempt->hedge_timer = DueTimes::kNone;
      life.hedge(*call);
      break;
    case Due::Kind::flight:
      if (call) life.flight_moved(*call);
      break;
    case Due::Kind::lease:
      if (call) life.lease_moved(*call);
      break;
    case Due::Kind::leases:
      engines_.lease_timer = DueTimes::kNone;  // handle() sees to them after every event
      break;
    case Due::Kind::breaker:
      breaker_due(engines_, static_cast<TargetIndex>(what.id), actions, now_);
      break;
    case Due::Kind::health_check:
      health_check_due(engines_, static_cast<ProviderIndex>(what.id), actions, now_);
      break;
    case Due::Kind::probe_limit:
      probe_is_late(engines_, what.id, actions, now_);
      break;
    case Due::Kind::key_revival:
      key_revival_due(engines_, static_cast<ProviderIndex>(what.id), actions, now_);
      break;
    case Due::Kind::hold_leases:
      leases_due(engines_, now_);
      break;
    case Due::Kind::refresh:
      call = calls_.emplace(what.id, refresh_of(engines_, what.id)).first->second.get();
      life.begin(*call);
      break;
  }
  if (call) forget_if_closed(call->request.call);
}

}  // namespace keel::relay
