#include "relay/metrics.hpp"

#include "relay/driven.hpp"
#include "relay/fake_policies.hpp"
#include "relay/prometheus.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using prometheus::LabelMap;
using prometheus::Page;

Page page_of(const Driven& driven) {
  return Page(driven.metrics());
}

const LabelMap kNear = {{"provider", "near"}, {"model", "near-model"}};
const LabelMap kFar = {{"provider", "far"}, {"model", "far-model"}};

LabelMap with(LabelMap labels, std::string name, std::string value) {
  labels.emplace(std::move(name), std::move(value));
  return labels;
}

TEST(Metrics, ARelayThatDidNothingShowsEveryFamilyAndZeros) {
  const Page page = page_of(Driven());
  for (const char* name : {"keel_requests_total",
                           "keel_request_duration_seconds",
                           "keel_time_to_first_token_seconds",
                           "keel_overhead_seconds",
                           "keel_attempts_total",
                           "keel_attempt_duration_seconds",
                           "keel_provider_up",
                           "keel_provider_health_score",
                           "keel_breaker_state",
                           "keel_breaker_transitions_total",
                           "keel_retries_total",
                           "keel_failovers_total",
                           "keel_cache_requests_total",
                           "keel_cache_bytes",
                           "keel_tokens_total",
                           "keel_cost_usd_total",
                           "keel_budget_limit_usd",
                           "keel_budget_spent_usd",
                           "keel_budget_held_usd",
                           "keel_budget_tier",
                           "keel_budget_tokens",
                           "keel_downgrades_total",
                           "keel_key_usage_ratio",
                           "keel_key_up",
                           "keel_rate_limited_total",
                           "keel_policy_errors_total",
                           "keel_policy_decision_seconds",
                           "keel_concurrency_limit",
                           "keel_invariant_violations_total",
                           "keel_in_flight",
                           "keel_build_info"})
    EXPECT_TRUE(page.has(name)) << name;
  EXPECT_EQ(page.families.size(), 33u);
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "ok"}}), "0");
  EXPECT_EQ(page.value("keel_attempts_total", with(kFar, "verdict", "key_dead")), "0");
  EXPECT_EQ(page.value("keel_request_duration_seconds_count", {{"route", "main"}}), "0");
  EXPECT_EQ(page.value("keel_rate_limited_total", {{"account", "shop"}}), "0");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", "near"}}), "1");
  EXPECT_EQ(page.value("keel_provider_health_score", kNear), "1");
  EXPECT_EQ(page.value("keel_breaker_state", kNear), "0");
  EXPECT_EQ(page.value("keel_key_up", {{"provider", "near"}, {"key", "label-near"}}), "1");
  EXPECT_EQ(page.value("keel_cost_usd_total", {}), "0");
  EXPECT_EQ(page.value("keel_budget_limit_usd", {{"account", "relay"}}), "10");
}

TEST(Metrics, AnEmptyConfigurationIsAPageToo) {
  Config config;
  config.accounts = {{.name = "relay"}};
  config.health_check.interval = Duration::zero();
  const Page page = page_of(Driven(std::move(config)));
  EXPECT_EQ(page.value("keel_cache_bytes", {}), "0");
  EXPECT_EQ(page.value("keel_budget_spent_usd", {{"account", "relay"}}), "0");
  EXPECT_FALSE(page.value("keel_budget_limit_usd", {{"account", "relay"}}));  // it has none
}

TEST(Metrics, AnAnswerIsCountedOnceEverywhere) {
  Driven driven;
  driven.ask();
  EXPECT_EQ(page_of(driven).value("keel_in_flight", kNear), "1");
  EXPECT_NE(page_of(driven).value("keel_budget_held_usd", {{"account", "relay"}}), "0");
  driven.succeed({.in = 20, .out = 10}, milliseconds(400));
  ASSERT_EQ(driven.answer->kind, AnswerKind::ok);
  const Page page = page_of(driven);
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "ok"}}), "1");
  EXPECT_EQ(page.value("keel_attempts_total", with(kNear, "verdict", "ok")), "1");
  EXPECT_EQ(page.value("keel_attempt_duration_seconds_bucket", with(kNear, "le", "0.25")), "0");
  EXPECT_EQ(page.value("keel_attempt_duration_seconds_bucket", with(kNear, "le", "0.5")), "1");
  EXPECT_EQ(page.value("keel_attempt_duration_seconds_sum", kNear), "0.4");
  EXPECT_EQ(page.value("keel_tokens_total", {{"direction", "in"}}), "20");
  EXPECT_EQ(page.value("keel_tokens_total", {{"direction", "out"}}), "10");
  // 20 at 1 USD and 10 at 2 USD per million.
  EXPECT_EQ(page.value("keel_cost_usd_total", {}), "0.00004");
  EXPECT_EQ(page.value("keel_budget_spent_usd", {{"account", "relay"}}), "0.00004");
  EXPECT_EQ(page.value("keel_budget_held_usd", {{"account", "relay"}}), "0");
  EXPECT_EQ(page.value("keel_in_flight", kNear), "0");
  EXPECT_EQ(driven.relay().engines().metrics.postings(), 1u);
}

TEST(Metrics, AFailoverNamesBothEnds) {
  Driven driven;
  driven.ask();
  driven.fail(404, "no such model", ErrorCode::not_found);
  driven.succeed();
  ASSERT_EQ(driven.answer->kind, AnswerKind::ok);
  const Page page = page_of(driven);
  EXPECT_EQ(
      page.value("keel_failovers_total", {{"from", "near/near-model"}, {"to", "far/far-model"}}),
      "1");
  EXPECT_EQ(page.value("keel_attempts_total", with(kFar, "verdict", "ok")), "1");
  EXPECT_EQ(page.value("keel_retries_total", kNear), "0");
}

TEST(Metrics, ADeadKeyAndItsProviderAreDown) {
  Driven driven;
  driven.ask();
  driven.fail(401, "no", ErrorCode::authentication);
  driven.succeed();
  const Page page = page_of(driven);
  EXPECT_EQ(page.value("keel_attempts_total", with(kNear, "verdict", "key_dead")), "1");
  EXPECT_EQ(page.value("keel_key_up", {{"provider", "near"}, {"key", "label-near"}}), "0");
  EXPECT_EQ(page.value("keel_key_up", {{"provider", "far"}, {"key", "label-far"}}), "1");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", "near"}}), "0");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", "far"}}), "1");
}

TEST(Metrics, AnOpenBreakerIsTwoAndItsTransitionsAreCounted) {
  Config config = small_config();
  config.breaker.consecutive = 1;
  config.breaker_consecutive_named = true;
  Driven driven(std::move(config));
  driven.ask();
  driven.fail(500);
  driven.succeed();
  Page page = page_of(driven);
  EXPECT_EQ(page.value("keel_breaker_state", kNear), "2");
  EXPECT_EQ(page.value("keel_breaker_transitions_total", kNear), "1");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", "near"}}), "0");
  driven.pass(seconds(60));
  page = page_of(driven);
  EXPECT_EQ(page.value("keel_breaker_state", kNear), "1");
  EXPECT_EQ(page.value("keel_breaker_transitions_total", kNear), "2");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", "near"}}), "1");
}

TEST(Metrics, OurOwnFullLimitIsNoOutage) {
  Config config = small_config();
  config.providers[0].limits.concurrency = 1;
  Driven driven(std::move(config));
  driven.ask();
  EXPECT_EQ(page_of(driven).value("keel_provider_up", {{"provider", "near"}}), "1");
}

TEST(Metrics, RefusalsAreCountedByAccountAndOutcome) {
  Config config = small_config();
  config.accounts[1].limits.requests_per_minute = 1;
  Driven driven(std::move(config));
  for (int i = 0; i < 8; ++i) {
    driven.ask("main", "shop");
    if (!driven.answer) driven.succeed({}, Duration::zero());
  }
  EXPECT_EQ(driven.answer->kind, AnswerKind::rate_limited);
  driven.ask("nothing-like-it");
  EXPECT_EQ(driven.answer->kind, AnswerKind::unknown_model);
  driven.ask();
  driven.cancel();
  const Page page = page_of(driven);
  EXPECT_NE(page.value("keel_rate_limited_total", {{"account", "shop"}}), "0");
  EXPECT_EQ(page.value("keel_rate_limited_total", {{"account", "shop"}}),
            page.value("keel_requests_total", {{"route", "main"}, {"outcome", "rate_limited"}}));
  EXPECT_EQ(page.value("keel_requests_total", {{"route", ""}, {"outcome", "rejected"}}), "1");
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "cancelled"}}), "1");
  EXPECT_EQ(page.value("keel_in_flight", kNear), "0");
}

TEST(Metrics, EveryKindOfAnswerHasAnOutcome) {
  auto outcome = [](AnswerKind kind, bool cached = false) {
    Answer answer;
    answer.kind = kind;
    answer.cached = cached;
    return outcome_of(answer);
  };
  EXPECT_EQ(outcome(AnswerKind::ok), "ok");
  EXPECT_EQ(outcome(AnswerKind::ok, true), "cached");
  for (AnswerKind kind :
       {AnswerKind::invalid_request, AnswerKind::unknown_model, AnswerKind::unknown_tenant,
        AnswerKind::account_frozen, AnswerKind::request_too_large, AnswerKind::policy_refused})
    EXPECT_EQ(outcome(kind), "rejected");
  EXPECT_EQ(outcome(AnswerKind::rate_limited), "rate_limited");
  EXPECT_EQ(outcome(AnswerKind::budget_exceeded), "budget");
  EXPECT_EQ(outcome(AnswerKind::no_target), "no_target");
  EXPECT_EQ(outcome(AnswerKind::deadline_exceeded), "deadline");
  EXPECT_EQ(outcome(AnswerKind::upstream_error), "upstream_error");
  EXPECT_EQ(outcome(AnswerKind::stream_interrupted), "cut");
  EXPECT_EQ(outcome(AnswerKind::cancelled), "cancelled");
}

TEST(Metrics, CountersCountWhatTheyAreTold) {
  Config config = small_config();
  config.routes[0].cache = RouteCache{};
  Metrics metrics(config);
  Driven driven(config);
  metrics.cache("hit");
  metrics.cache("hit");
  metrics.policy_error("mine");
  metrics.retry(1);
  AttemptRecord never_sent;
  never_sent.cls = Class::not_sent;
  never_sent.started = Instant{} + seconds(2);  // the clock stepped back
  metrics.attempt(never_sent);
  AttemptRecord dear = never_sent;
  dear.sent = Instant{};
  dear.posted = {9'000'000'000'000'000'001};
  dear.usage = Usage{.in = -5, .out = 7};  // a provider's nonsense does not count backwards
  metrics.attempt(dear);
  const Page page(metrics.render(driven.relay().engines(), {}));
  EXPECT_EQ(page.value("keel_cache_requests_total", {{"result", "hit"}}), "2");
  EXPECT_EQ(page.value("keel_cache_requests_total", {{"result", "miss"}}), "0");
  EXPECT_EQ(page.value("keel_policy_errors_total", {{"policy", "mine"}}), "1");
  EXPECT_EQ(page.value("keel_retries_total", kFar), "1");
  EXPECT_EQ(page.value("keel_attempt_duration_seconds_sum", kNear), "0");
  EXPECT_EQ(page.value("keel_attempt_duration_seconds_count", kNear), "2");
  EXPECT_EQ(page.value("keel_cost_usd_total", {}), "9000000000.000000001");
  EXPECT_EQ(page.value("keel_tokens_total", {{"direction", "in"}}), "0");
  EXPECT_EQ(metrics.postings(), 1u);
}

TEST(Metrics, LabelsAreEscaped) {
  Config config = small_config();
  const std::string odd = "a \"b\" \\ c\nd, e=\"}";
  config.routes[0].name = odd;
  config.providers[0].name = odd;
  const Page page = page_of(Driven(std::move(config)));
  EXPECT_EQ(page.value("keel_requests_total", {{"route", odd}, {"outcome", "ok"}}), "0");
  EXPECT_EQ(page.value("keel_provider_up", {{"provider", odd}}), "1");
}

TEST(Metrics, AKeyListedTwiceIsShownOnce) {
  Config config = small_config();
  config.providers[0].keys.push_back(config.providers[0].keys[0]);
  const Page page = page_of(Driven(std::move(config)));  // a second sample would be refused
  EXPECT_EQ(page.value("keel_key_up", {{"provider", "near"}, {"key", "label-near"}}), "1");
}

TEST(Metrics, FirstTokensAndOverheadAreWhatTheyAreToldToBe) {
  Config config = small_config();
  Driven driven(config);
  Metrics metrics(config);
  metrics.first_token(0, milliseconds(800));
  metrics.overhead(nanoseconds(42'000));
  metrics.overhead(Duration::zero() - seconds(1));  // the clock stepped back
  const Page page(metrics.render(driven.relay().engines(), {}));
  const LabelMap route = {{"route", "main"}};
  EXPECT_EQ(page.value("keel_time_to_first_token_seconds_count", route), "1");
  EXPECT_EQ(page.value("keel_time_to_first_token_seconds_bucket", with(route, "le", "0.5")), "0");
  EXPECT_EQ(page.value("keel_time_to_first_token_seconds_bucket", with(route, "le", "1")), "1");
  EXPECT_EQ(page.value("keel_overhead_seconds_bucket", {{"le", "2.5e-05"}}), "1");
  EXPECT_EQ(page.value("keel_overhead_seconds_bucket", {{"le", "5e-05"}}), "2");
  EXPECT_EQ(page.value("keel_overhead_seconds_sum", {}), "4.2e-05");
}

// Every look at it is 2 us later than the one before.
Instant ticking() {
  static Instant now;
  return now = now + microseconds(2);
}

PolicySet policies_of_main() {
  PolicySet set(1);
  set[0].routing = std::make_unique<FailingRouting>();
  set[0].cost = std::make_unique<FakeCost>(std::vector<uint32_t>{1});
  return set;
}

TEST(Metrics, DecisionsOfAPolicyAreTimedWhereADriverHasAClockAndChangeByNothing) {
  Driven timed(small_config(), policies_of_main()), untimed(small_config(), policies_of_main());
  timed.time_decisions(&ticking);
  for (Driven* driven : {&timed, &untimed}) {
    driven->ask();
    driven->succeed();
  }
  EXPECT_EQ(timed.answer->trace->explain(), untimed.answer->trace->explain());
  const Page page = page_of(timed);
  const char* const name = "keel_policy_decision_seconds";
  const LabelMap routing = {{"policy", "failing"}}, cost = {{"policy", "fake_cost"}};
  EXPECT_EQ(page.value(std::string(name) + "_count", routing), "1");
  EXPECT_EQ(page.value(std::string(name) + "_sum", routing), "2e-06");
  EXPECT_EQ(page.value(std::string(name) + "_bucket", with(routing, "le", "1e-06")), "0");
  EXPECT_EQ(page.value(std::string(name) + "_bucket", with(routing, "le", "2.5e-06")), "1");
  EXPECT_NE(page.value(std::string(name) + "_count", cost), "0");  // prices and advice
  EXPECT_EQ(page.value("keel_policy_errors_total", routing), "1");
  EXPECT_TRUE(page_of(untimed).has(name));
  EXPECT_FALSE(page_of(untimed).value(std::string(name) + "_count", routing));
}

TEST(Metrics, DecisionsAreCountedOnThroughAReload) {
  Driven before(small_config(), policies_of_main()), after(small_config(), policies_of_main());
  before.time_decisions(&ticking);
  before.ask();
  after.follow(before);
  after.time_decisions(&ticking);
  after.ask();
  EXPECT_EQ(page_of(after).value("keel_policy_decision_seconds_count", {{"policy", "failing"}}),
            "2");
}

TEST(Metrics, EveryOutcomeOfTheConventionsIsThereFromTheStart) {
  const Page page = page_of(Driven());
  for (const char* outcome : {"ok", "cached", "rejected", "rate_limited", "budget", "no_target",
                              "deadline", "upstream_error", "cut", "cancelled"})
    EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", outcome}}), "0");
}

TEST(Metrics, AsManySeriesAfterAThousandStrangersAsAfterOne) {
  Driven driven;
  const auto strangers = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      driven.ask("model-" + std::to_string(i));
      driven.ask("main", "tenant-" + std::to_string(i));
    }
    size_t series = 0;
    for (const auto& family : page_of(driven).families) series += family.samples.size();
    return series;
  };
  const size_t after_one = strangers(0, 1);
  EXPECT_EQ(strangers(1, 1'000), after_one);
}

TEST(Metrics, OneThatJoinsCountsOnWithTheOneBefore) {
  Config config = small_config();
  config.accounts[0].limits.requests_per_minute = 60;
  Metrics before(config);
  AttemptRecord record;
  record.target = 1;
  record.sent = Instant{};
  record.posted = {5};
  before.attempt(record);
  before.retry(1);
  before.rate_limited(0);
  Config next = config;
  std::swap(next.targets[0], next.targets[1]);
  next.routes[0].name = "other";
  next.accounts[0].limits = {};
  Metrics after(next);
  after.join(before, next);
  record.target = 0;  // the same target by its new number
  after.attempt(record);
  before.request(0, Answer{}, seconds(1));  // one that was still under way
  after.request(0, Answer{}, seconds(1));
  after.failover(0, 1);
  before.failover(1, 0);
  Driven driven(next);
  const Page page(after.render(driven.relay().engines(), {}));
  EXPECT_EQ(page.value("keel_attempts_total", with(kFar, "verdict", "ok")), "2");
  EXPECT_EQ(page.value("keel_retries_total", kFar), "1");
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "main"}, {"outcome", "ok"}}), "1");
  EXPECT_EQ(page.value("keel_requests_total", {{"route", "other"}, {"outcome", "ok"}}), "1");
  EXPECT_EQ(page.value("keel_rate_limited_total", {{"account", "relay"}}), "1");
  EXPECT_EQ(
      page.value("keel_failovers_total", {{"from", "far/far-model"}, {"to", "near/near-model"}}),
      "2");
  EXPECT_EQ(after.postings(), 2u);
}

TEST(Histogram, AnEdgeBelongsToItsBucket) {
  Histogram histogram;
  for (Duration d : {Duration::zero(), milliseconds(50), nanoseconds(50'000'001), seconds(600),
                     nanoseconds(600'000'000'001), Duration::max()})
    histogram.add(d);
  Exposition out;
  out.family("h", "histogram", "x");
  histogram.render(out, {{"a", "b"}});
  const Page page(out.take());
  auto bucket = [&](const char* le) { return page.value("h_bucket", {{"a", "b"}, {"le", le}}); };
  EXPECT_EQ(bucket("0.05"), "2");
  EXPECT_EQ(bucket("0.1"), "3");
  EXPECT_EQ(bucket("300"), "3");
  EXPECT_EQ(bucket("600"), "4");
  EXPECT_EQ(bucket("+Inf"), "6");
  EXPECT_EQ(page.value("h_count", {{"a", "b"}}), "6");
}

TEST(PrometheusPage, RefusesWhatIsWrong) {
  const std::string head = "# HELP a_total x\n# TYPE a_total counter\n";
  EXPECT_NO_THROW(Page(head + "a_total{b=\"c\"} 1\n"));
  const std::string buckets = "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n";
  EXPECT_NO_THROW(Page(buckets + "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n"));
  for (const std::string& bad :
       {std::string(), head + "a_total 1", std::string("a_total 1\n"), head + "b_total 1\n",
        head + "a_total 1\na_total 2\n", head + "a_total one\n", head + "a_total{b=\"c} 1\n",
        head + "a_total{b=\"\\x\"} 1\n", head + head, std::string("# HELP a x\n"),
        std::string("# HELP a x\n# TYPE a counter\n"),
        buckets + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        buckets + "h_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 2\n",
        buckets + "h_bucket{le=\"+Inf\"} 3\n", buckets + "h_sum 1\nh_count 2\n"})
    EXPECT_THROW(Page{bad}, std::runtime_error) << bad;
}

}  // namespace
}  // namespace keel::relay
