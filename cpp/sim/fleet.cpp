#include "sim/fleet.hpp"

#include <algorithm>
#include <cmath>

namespace keel::sim {

namespace {

// The fleet's wall clock at instant 0, 2026-11-27 00:56 UTC: an hour ends soon.
constexpr int64_t kWallStart_unix_ns = 1'795'737'600'000'000'000 + 56 * 60'000'000'000LL;
constexpr Duration kLongestSkew = milliseconds(700);
constexpr Duration kQuiet = seconds(90);  // at the end: what nobody uses has gone back by then
constexpr size_t kViolationsKept = 20;

enum : AccountIndex { kRelay, kMinute, kForever, kHour, kAccounts };

relay::AccountConfig shared_account(std::string name, int64_t usd_thousandths,
                                    engine::BudgetWindow window,
                                    std::optional<AccountIndex> parent = {}) {
  relay::AccountConfig out;
  out.name = name;
  out.parent = parent;
  out.shared = true;
  out.budget = engine::AccountSettings{std::move(name), {usd_thousandths * 1'000'000}, window, 80};
  return out;
}

// Two providers, the second cheaper; the relay and three tenants, one of them below another. Money
// is short everywhere: about three quarters of what would be spent is there.
std::shared_ptr<relay::Config> fleet_config(const FleetSettings& settings) {
  auto config = std::make_shared<relay::Config>();
  for (const int64_t price : {2'000'000'000, 1'500'000'000}) {
    relay::ProviderConfig provider;
    provider.name = "p" + std::to_string(config->providers.size());
    provider.models.push_back({.name = "m-" + provider.name,
                               .price = Price{.in = price / 2 + 1, .out = price + 1},
                               .context_tokens = 100'000,
                               .output_tokens = 2'000});
    config->targets.push_back({provider.name + "/" + provider.models[0].name,
                               static_cast<ProviderIndex>(config->providers.size())});
    config->providers.push_back(std::move(provider));
  }
  relay::RouteConfig route;
  route.name = "r";
  route.targets = {{.target = 0}, {.target = 1}};
  route.timeout = seconds(8);
  route.attempt_timeout = seconds(3);
  route.retry.max_attempts = 3;
  config->routes = {route};
  const auto seconds_long = static_cast<int64_t>(settings.requests / settings.relays) *
                            settings.between.ns / 1'000'000'000;
  config->accounts = {shared_account("relay", 13'000, engine::BudgetWindow::minute),
                      shared_account("minute", 6'000, engine::BudgetWindow::minute),
                      shared_account("forever", 50 * seconds_long, engine::BudgetWindow::forever),
                      shared_account("hour", 200'000, engine::BudgetWindow::hour, kMinute)};
  config->accounts[kHour].tiers.cache_only = 98;
  config->health_check.interval = Duration::zero();
  config->breaker.consecutive = 0;  // what is tried here is the money
  config->breaker.failure_rate = config->breaker.slow_rate = 2;
  config->traces_kept = 16;
  config->traces_say_why = false;
  return config;
}

FaultMix troubled() {
  FaultMix mix;
  mix[Fault::none] = 860;
  mix[Fault::no_usage] = 20;
  mix[Fault::refused] = 10;
  mix[Fault::connect_hangs] = 3;
  mix[Fault::reset] = 25;
  mix[Fault::silence] = 10;
  mix[Fault::server_error] = 25;
  mix[Fault::gateway_timeout] = 10;
  mix[Fault::throttled] = 5;
  mix[Fault::bad_request] = 10;
  mix[Fault::error_inside] = 5;
  mix[Fault::empty] = 5;
  mix[Fault::overrun] = 3;
  return mix;
}

int64_t up_to(Random& random, int64_t most) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(std::max<int64_t>(most, 0)) + 1));
}

}  // namespace

Fleet::Fleet(const FleetSettings& settings)
    : settings_(settings),
      config_(fleet_config(settings)),
      random_(settings.seed),
      store_(settings.network, kWallStart_unix_ns, random_.next()),
      instances_(settings.relays),
      mix_(troubled()) {
  for (const relay::AccountConfig& account : config_->accounts)
    store_.authority().open_account(*account.budget);
}

Instant Fleet::after(Duration mean) {
  return now_ + scaled(mean, -std::log1p(-random_.unit()));
}

void Fleet::push(Instant at, size_t instance, uint64_t life, decltype(Step::what) what) {
  steps_.push({at, order_++, instance, life, std::move(what)});
}

bool Fleet::going_on() const {
  return result_.requests < settings_.requests ||
         std::any_of(instances_.begin(), instances_.end(), [](const Instance& at) {
           return !at.relay || at.relay->open_calls() > 0 || !at.pending.empty();
         });
}

FleetResult Fleet::run() {
  for (size_t i = 0; i < instances_.size(); ++i) {
    start(i);
    push(after(settings_.between), i, 0, Arrive{});
    push(after(settings_.between_cuts), i, 0, Cut{});
    push(after(settings_.between_crashes), i, 0, Crash{});
  }
  Instant quiet_until = Instant::never();
  for (;;) {
    if (quiet_until == Instant::never() && !going_on()) {
      store_.calm();
      quiet_until = now_ + kQuiet;
    }
    size_t waking = instances_.size();
    Instant wake = Instant::never();
    for (size_t i = 0; i < instances_.size(); ++i)
      if (instances_[i].relay && instances_[i].relay->wake_at() < wake) {
        wake = instances_[i].relay->wake_at();
        waking = i;
      }
    const Instant step = steps_.empty() ? Instant::never() : steps_.top().at;
    const Instant next = std::min({wake, step, store_.next_at()});
    if (next == Instant::never() || next > quiet_until) break;
    now_ = std::max(now_, next);
    if (store_.next_at() <= next) {
      if (auto delivery = store_.step(now_); delivery && instances_[delivery->instance].relay)
        feed(delivery->instance, relay::Leased{std::move(delivery->grant)});
      store_moved();
    } else if (wake <= next) {
      feed(waking, relay::Wake{});
    } else {
      Step due = std::move(const_cast<Step&>(steps_.top()));
      steps_.pop();
      if (due.life == 0 || due.life == instances_[due.instance].life) carry_out(due);
    }
  }
  at_rest();
  result_.store = store_.counts();
  result_.windows = books_.size();
  for (const auto& [of, books] : books_)
    if (of.first == kRelay) result_.posted += books.used;
  return result_;
}

void Fleet::start(size_t instance) {
  Instance& at = instances_[instance];
  at.life = ++lives_;
  at.seen.assign(kAccounts, {});
  at.relay = std::make_unique<relay::Relay>(config_, relay::PolicySet{}, random_.next(), now_);
  at.relay->lease_as(at.life);
  push(now_, instance, at.life, SetClock{});
}

void Fleet::arrive(size_t instance) {
  if (result_.requests >= settings_.requests) return;
  push(after(settings_.between), instance, 0, Arrive{});
  if (!instances_[instance].relay) return;  // a connection refused; no relay knows of it
  ++result_.requests;
  relay::Request request;
  request.call = ++calls_;
  request.facts.model = "r";
  request.facts.input_tokens_estimate = 50 + up_to(random_, 400);
  request.facts.input_tokens_bound = request.facts.input_tokens_estimate * 4 + 128;
  request.facts.max_output_tokens = 1 + up_to(random_, 600);
  request.no_downgrade = random_.chance(1, 10);
  const uint64_t tenant = random_.below(kAccounts);
  if (tenant != kRelay) request.tenant = config_->accounts[tenant].name;
  if (random_.chance(1, 25))
    push(now_ + milliseconds(up_to(random_, 2'000)), instance, instances_[instance].life,
         relay::Cancel{request.call});
  feed(instance, std::move(request));
}

void Fleet::carry_out(Step& step) {
  const size_t i = step.instance;
  Instance& at = instances_[i];
  const bool over = result_.requests >= settings_.requests;
  if (std::holds_alternative<Arrive>(step.what)) {
    arrive(i);
  } else if (std::holds_alternative<Start>(step.what)) {
    start(i);
  } else if (std::holds_alternative<SetClock>(step.what)) {
    if (!over) push(after(seconds(60)), i, at.life, SetClock{});
    const int64_t skew = up_to(random_, 2 * kLongestSkew.ns) - kLongestSkew.ns;
    feed(i, relay::WallClock{kWallStart_unix_ns + now_.ns + skew});
  } else if (std::holds_alternative<Cut>(step.what)) {
    if (over) return;
    ++result_.cuts;
    // One in ten is the whole store's.
    const Instant until = now_ + scaled(settings_.longest_cut, random_.unit() * random_.unit());
    const bool all = random_.chance(1, 10);
    for (size_t j = 0; j < instances_.size(); ++j)
      if (all || j == i) store_.cut_off(j, until);
    push(after(settings_.between_cuts), i, 0, Cut{});
  } else if (std::holds_alternative<Crash>(step.what)) {
    if (over) return;
    push(after(settings_.between_crashes), i, 0, Crash{});
    if (!at.relay) return;
    // What it had in its head is gone: what it held and posted stays in the books, as spent.
    ++result_.crashes;
    at.relay.reset();
    at.pending.clear();
    at.life = 0;
    push(now_ + milliseconds(100 + up_to(random_, 5'000)), i, 0, Start{});
  } else if (auto* cancel = std::get_if<relay::Cancel>(&step.what)) {
    feed(i, *cancel);
  } else if (auto* sent = std::get_if<relay::Sent>(&step.what)) {
    auto found = at.pending.find(sent->attempt);
    if (found == at.pending.end()) return;  // closed before anything left
    const Pending& pending = found->second;
    const NanoUsd covered = std::min(pending.bill, pending.held);
    for (const auto& [account, window] : pending.charged) books(account, window).bill += covered;
    result_.true_bill += pending.bill;
    result_.overruns += pending.bill - covered;
    feed(i, *sent);
  } else if (auto* finished = std::get_if<relay::Finished>(&step.what)) {
    const bool wanted = at.pending.erase(finished->attempt) > 0;
    const bool again = random_.chance(1, 50);
    result_.repeats += (again ? 1 : 0) + (wanted ? 0 : 1);
    if (again) feed(i, *finished);
    feed(i, std::move(*finished));
  }
}

void Fleet::feed(size_t instance, relay::Event event) {
  Instance& at = instances_[instance];
  ++result_.events;
  result_.fingerprint =
      (result_.fingerprint ^ event.index() ^ static_cast<uint64_t>(now_.ns)) * 0x100000001b3ULL;
  actions_.clear();
  at.relay->handle(std::move(event), now_, actions_);
  relay::Actions todo;
  todo.swap(actions_);
  for (relay::Action& action : todo) {
    if (auto* out = std::get_if<relay::Send>(&action)) {
      send(instance, *out);
    } else if (auto* abort = std::get_if<relay::Abort>(&action)) {
      at.pending.erase(abort->attempt);
    } else if (auto* lease = std::get_if<relay::Lease>(&action)) {
      store_.ask(instance, lease->ask, now_);
    } else if (auto* respond = std::get_if<relay::Respond>(&action)) {
      result_.answered += respond->answer.kind == relay::AnswerKind::ok ? 1 : 0;
      result_.refused += respond->answer.kind == relay::AnswerKind::budget_exceeded ? 1 : 0;
      result_.cancelled += respond->answer.kind == relay::AnswerKind::cancelled ? 1 : 0;
    }
  }
  look_at(instance);
}

// What the provider makes of it: drawn here, and billed when the first byte leaves.
void Fleet::send(size_t instance, const relay::Send& send) {
  Instance& at = instances_[instance];
  ++result_.sends;
  const relay::Call& call = *at.relay->find(send.call);
  const wire::Facts& facts = call.request.facts;
  const int64_t most_out = send.max_output_tokens.value_or(*facts.max_output_tokens);
  Usage usage{.in = up_to(random_, facts.input_tokens_bound)};
  usage.cached = random_.chance(1, 3) ? up_to(random_, usage.in) : 0;
  usage.out = random_.chance(1, 20) ? most_out : up_to(random_, most_out);
  const Fault fault = mix_.draw(random_);
  if (fault == Fault::overrun) usage.out = most_out + 1 + up_to(random_, 500);
  const relay::TargetConfig& target = config_->targets[send.target];
  const Price& price = *config_->providers[target.provider].models[target.model].price;
  Pending pending{
      fault, never_billed(fault) ? NanoUsd{0} : cost_of(usage, price), call.attempt->held, {}, {}};
  const engine::Budget& budget = *at.relay->engines().budget;
  for (const AccountIndex account : call.accounts)
    pending.charged.emplace_back(account,
                                 budget.window_now(*at.relay->engines().accounts[account].ledger,
                                                   at.relay->engines().unix_ns(now_)));
  if (fault != Fault::overrun)
    check(pending.bill <= pending.held, "B3, one attempt", kRelay, pending.bill, pending.held);
  relay::Finished finished{
      .attempt = send.attempt,
      .outcome = outcome_of(fault, usage, milliseconds(up_to(random_, 8'000)))};
  at.pending.emplace(send.attempt, std::move(pending));
  if (fault == Fault::connect_hangs) return;
  const Instant sent_at = now_ + milliseconds(5 + up_to(random_, 40));
  if (fault != Fault::refused) push(sent_at, instance, at.life, relay::Sent{send.attempt});
  if (fault == Fault::silence) return;
  push(sent_at + milliseconds(100 + up_to(random_, 1'500)), instance, at.life, std::move(finished));
}

// ---- the books ----------------------------------------------------------------------------------

void Fleet::check(bool holds, const char* invariant, AccountIndex account, NanoUsd is,
                  NanoUsd most) {
  ++result_.checks;
  if (holds || result_.violations.size() >= kViolationsKept) return;
  result_.violations.push_back(std::string(invariant) + " at " +
                               std::to_string(static_cast<double>(now_.ns) / 1e9) +
                               " s: " + config_->accounts[account].name + ": " + to_usd_text(is) +
                               " of " + to_usd_text(most));
}

void Fleet::store_moved() {
  for (AccountIndex i = 0; i < kAccounts; ++i) {
    const engine::AccountSettings& account = *config_->accounts[i].budget;
    const int64_t newest = engine::window_number(account.window, kWallStart_unix_ns + now_.ns);
    for (const int64_t window : {newest, newest - 1}) {
      const auto totals = store_.authority().totals(account.name, window);
      if (totals.holders == 0) continue;
      books(i, window).out = totals.out;
      check(totals.out <= account.limit, "B1, leased", i, totals.out, account.limit);
    }
  }
}

void Fleet::look_at(size_t instance) {
  Instance& at = instances_[instance];
  const relay::Engines& engines = at.relay->engines();
  for (AccountIndex i = 0; i < kAccounts; ++i) {
    auto& [newest, before] = at.seen[i];
    const int64_t window =
        engines.budget->window_now(*engines.accounts[i].ledger, engines.unix_ns(now_));
    if (window != newest.window) {
      if (newest.window != INT64_MIN) look_at_window(at, i, before);
      before = newest;
      newest = {window, {}};
    }
    if (before.window != INT64_MIN) look_at_window(at, i, before);
    look_at_window(at, i, newest);
  }
}

void Fleet::look_at_window(Instance& at, AccountIndex account, Seen& seen) {
  if (seen.window == INT64_MIN) return;
  const relay::Engines& engines = at.relay->engines();
  const AccountIndex ledger = *engines.accounts[account].ledger;
  const auto totals = engines.budget->totals_in(ledger, seen.window);
  const NanoUsd used = totals.posted + totals.held;
  if (used == seen.used) return;
  // A window that the ledger has put away keeps what it had: nothing is held there any more.
  if (used == NanoUsd{0} && seen.window < at.seen[account][0].window) return;
  Books& all = books(account, seen.window);
  all.used += used - seen.used;
  seen.used = used;
  const NanoUsd limit = config_->accounts[account].budget->limit;
  const NanoUsd leased = engines.leases[account]->leased(seen.window);
  result_.overspent = std::max(result_.overspent, all.used - limit);
  check(all.used <= limit, "B1", account, all.used, limit);
  check(used <= leased || seen.window < at.seen[account][0].window, "B4, here", account, used,
        leased);
  check(all.used <= all.out, "B4", account, all.used, all.out);
  check(all.bill <= all.used, "B3", account, all.bill, all.used);
}

void Fleet::at_rest() {
  for (const Instance& at : instances_) {
    const relay::Engines& engines = at.relay->engines();
    check(engines.budget->open_holds() == 0, "L4, holds", kRelay, {}, {});
    for (AccountIndex i = 0; i < kAccounts; ++i) {
      const int64_t window = at.seen[i][0].window;
      const auto totals = engines.budget->totals_in(*engines.accounts[i].ledger, window);
      const NanoUsd leased = engines.leases[i]->leased(window);
      check(leased <= totals.posted + totals.overrun, "L4, leases", i, leased,
            totals.posted + totals.overrun);
    }
  }
}

}  // namespace keel::sim
