#include "sim/clients.hpp"

#include <algorithm>
#include <cmath>

namespace keel::sim {

namespace {

constexpr Duration kFirstDelay = milliseconds(500);
constexpr Duration kLongestDelay = seconds(8);
constexpr Duration kLongestServerDelay = seconds(60);

bool sdk_retries_status(int status) {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

}  // namespace

std::optional<Duration> sdk_retries_after(const ClientModel& model, const relay::Answer& answer,
                                          bool timed_out, int retries, double unit) {
  if (retries >= model.max_retries) return std::nullopt;
  if (answer.kind == relay::AnswerKind::ok) return std::nullopt;
  if (!timed_out) {
    if (answer.streamed) return std::nullopt;  // its head was a 200
    if (answer.should_retry ? !*answer.should_retry : !sdk_retries_status(answer.status))
      return std::nullopt;
    if (answer.retry_after && *answer.retry_after > Duration::zero() &&
        *answer.retry_after <= kLongestServerDelay)
      return *answer.retry_after;
  }
  const Duration delay =
      std::min(scaled(kFirstDelay, std::pow(2.0, std::min(retries, 1000))), kLongestDelay);
  return scaled(delay, 1 - 0.25 * unit);
}

Clients::Clients(const relay::Config& config, Workload& workload, const ClientModel& model,
                 Results& results, uint64_t seed)
    : workload_(workload), model_(model), results_(results), random_(seed), questions_(config) {}

Instant Clients::next_at() const {
  return std::min(due_.next(), workload_.next_at());
}

void Clients::due(Simulator& simulator, Instant now) {
  Due what;
  if (workload_.next_at() < due_.next()) {
    if (auto arrival = workload_.next()) begin(simulator, std::move(*arrival), now);
    return;
  }
  if (!due_.pop_due(now, what)) return;
  User& user = users_[what.user];
  switch (what.kind) {
    case Due::Kind::retry:
      user.retry_timer = UINT32_MAX;
      ++user.retries;
      return call(simulator, what.user, now);
    case Due::Kind::timeout:
      user.timeout_timer = UINT32_MAX;
      user.timed_out = true;
      return simulator.leave(user.call);
    case Due::Kind::patience:
      user.patience_timer = UINT32_MAX;
      user.left = true;
      if (user.call != 0) return simulator.leave(user.call);
      due_.remove(user.retry_timer);
      results_.concluded(UserOutcome::left, user.first_arrived, now);
      return release(what.user, now);
  }
}

uint32_t Clients::take_place() {
  if (free_.empty()) {
    users_.emplace_back();
    return static_cast<uint32_t>(users_.size() - 1);
  }
  const uint32_t place = free_.back();
  free_.pop_back();
  users_[place] = {};
  return place;
}

void Clients::begin(Simulator& simulator, Arrival&& arrival, Instant now) {
  const uint32_t place = take_place();
  User& user = users_[place];
  user.asks = std::move(arrival);
  user.request = next_request_++;
  user.first_arrived = now;
  results_.asked(now);
  if (model_.abandon_share > 0 && random_.unit() < model_.abandon_share)
    user.patience_timer = due_.add(now + scaled(model_.abandon_after, exponential(random_)),
                                   {Due::Kind::patience, place});
  call(simulator, place, now);
}

void Clients::call(Simulator& simulator, uint32_t place, Instant now) {
  User& user = users_[place];
  user.call = next_call_++;
  user.arrived = now;
  user.timed_out = false;
  results_.called(user.retries > 0, now);
  if (model_.timeout)
    user.timeout_timer = due_.add(now + *model_.timeout, {Due::Kind::timeout, place});
  const Truth truth{user.asks.tokens_out, user.asks.identity, place};
  simulator.ask(questions_.make(user.asks, user.call), truth);
}

void Clients::answered(CallId id, const relay::Answer& answer, const Simulator::Told& asked,
                       Instant now) {
  const uint32_t place = asked.truth.asker;
  User& user = users_[place];
  user.call = 0;
  due_.remove(user.timeout_timer);
  std::optional<Duration> again;
  if (!user.left)
    again = sdk_retries_after(model_, answer, user.timed_out, user.retries, random_.unit());
  Told told{.call = id,
            .request = user.request,
            .client_try = user.retries,
            .last = !again,
            .outcome = user_outcome_of(answer),
            .first_arrived = user.first_arrived,
            .arrived = user.arrived,
            .true_bill = asked.true_bill};
  const bool good = answer.kind == relay::AnswerKind::ok;
  if (user.timed_out && !good) told.outcome = UserOutcome::client_timeout;
  if (user.left && !good) told.outcome = UserOutcome::left;
  results_.told(told, user.asks, answer, now);
  if (again) {
    user.retry_timer = due_.add(now + *again, {Due::Kind::retry, place});
    return;
  }
  due_.remove(user.patience_timer);
  release(place, now);
}

void Clients::release(uint32_t place, Instant now) {
  workload_.answered(users_[place].asks.client, now);
  free_.push_back(place);
}

}  // namespace keel::sim
