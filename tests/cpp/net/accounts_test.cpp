// The accounts of both sides over thousands of requests that go wrong in every way a provider can:
// what the mocks saw and billed, what the traces say was sent, what the ledger posted.

#include "net/e2e_house.hpp"

#include <map>
#include <sstream>
#include <string>

namespace keel::net::e2e {
namespace {

// Breakers that stay closed and generous retry budgets: every fault is met to the end.
constexpr const char* kUnhindered = R"(
breaker: {consecutive: 0, failure_rate: off, slow_rate: off}
retry:
  {scale: 1ms, throttled_scale: 1ms, budget: {ratio: 100, floor: 100000},
   extra_sends: {ratio: 100, floor: 100000}}
health_check: {interval: 0}
)";

constexpr const char* kFaults = R"(
default: {out_tokens: 7, close_on_reuse: first_byte, reuse_limit: 4}
rules:
  - {probability: [1, 40], error: {status: 429, retry_after_ms: 3}}
  - {probability: [1, 60], error: {status: 429, code: slow_down, retry_after_ms: 3}}
  - {probability: [1, 40], error: 500}
  - {probability: [1, 40], error: {status: 502}}
  - {probability: [1, 40], error: {status: 503, retry_after_ms: 2}}
  - {probability: [1, 80], error: 504}
  - {probability: [1, 80], error: 529}
  - {probability: [1, 80], error: 408}
  - {probability: [1, 80], error: 400}
  - {probability: [1, 40], fault: reset}
  - {probability: [1, 40], fault: close}
  - {probability: [1, 40], fault: reset_after_head}
  - {probability: [1, 40], fault: reset_mid_body}
  - {probability: [1, 40], fault: truncated}
  - {probability: [1, 40], fault: empty}
  - {probability: [1, 40], fault: error_inside}
  - {probability: [1, 60], fault: no_choices}
  - {probability: [1, 60], fault: unparsable}
  - {probability: [1, 100], fault: silence}
  - {probability: [1, 100], fault: head_then_silence}
  - {probability: [1, 40], usage: missing}
  - {probability: [1, 40], usage: "null"}
  - {probability: [1, 60], usage: over}
)";

// What must have struck at every provider for the test to mean something.
constexpr const char* kAllOfThem =
    "400 408 429 500 502 503 504 529 reset close reset_after_head reset_mid_body truncated empty "
    "error_inside no_choices unparsable silence head_then_silence first_byte_close";

struct Books {
  int64_t sends = 0;  // as the answers count
  int64_t sent = 0;   // attempts in the traces that were sent
  int64_t broken_on_reuse = 0;
  NanoUsd cost;    // as the answers say
  NanoUsd posted;  // as the traces say
  std::vector<int64_t> sent_to;
  std::vector<NanoUsd> posted_for;
  std::map<AnswerKind, int> kinds;

  Books(const std::vector<Answer>& answers, size_t providers)
      : sent_to(providers), posted_for(providers) {
    for (const Answer& answer : answers) add(answer);
  }
  void add(const Answer& answer) {
    ++kinds[answer.kind];
    sends += answer.sends;
    cost += answer.cost;
    for (const AttemptRecord& attempt : answer.trace->attempts) {
      posted += attempt.posted;
      posted_for[attempt.target] += attempt.posted;
      if (!attempt.sent) {
        EXPECT_EQ(attempt.posted, NanoUsd{0});
        continue;
      }
      ++sent;
      ++sent_to[attempt.target];
      broken_on_reuse += attempt.cls == Class::broken && attempt.reused_connection ? 1 : 0;
    }
  }
};

// The ledger and the traces tell the same story, and nothing is left open.
void expect_ledger_agrees(const House& house, const Books& books) {
  const engine::Budget& budget = *house.engines().budget;
  EXPECT_EQ(books.sends, books.sent);
  EXPECT_EQ(budget.lifetime(0).postings, books.sent);
  EXPECT_EQ(budget.lifetime(0).posted, books.posted);
  EXPECT_EQ(books.cost, books.posted);
  EXPECT_EQ(budget.open_holds(), 0);
  EXPECT_EQ(house.engines().attempts.size(), 0u);
  for (const auto& target : house.engines().targets) {
    EXPECT_EQ(target.pool->in_flight(Instant{}), 0);
    EXPECT_EQ(target.breaker.permits_given(), target.breaker.permits_returned());
  }
}

void expect_bills_are_covered(const House& house, const Books& books) {
  for (size_t i = 0; i < house.mocks.size(); ++i) {
    const auto billed = house.state(i)["bill"]["total_nano_usd"].get<int64_t>();
    EXPECT_GT(billed, 0);
    EXPECT_LE(billed, books.posted_for[i].value) << "provider " << i;
  }
}

void expect_nonces_are_own(const std::vector<Answer>& answers) {
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].kind != AnswerKind::ok) continue;
    std::string nonce = nonce_of(static_cast<int>(i));
    ASSERT_NE(answers[i].body.view().find(nonce), std::string_view::npos) << "request " << i;
  }
}

TEST(Accounts, AgreeOverTenThousandRequestsOfMixedFaults) {
  const std::string faults(kFaults);
  House house({"seed: 1\n" + faults, "seed: 2\n" + faults, "seed: 3\n" + faults},
              {kUnhindered, ", attempt_timeout: 150ms"});
  const int each = 1250 / kSlowed;
  auto answers = ask_all(*house.driver, 8, each, 8, [](int i, relay::Request& made) {
    if (i % 101 == 0) made.timeout = milliseconds(3);
    if (i % 7 == 0) made.facts.side_effects = true;
    return i % 97 == 0;
  });
  house.driver->close();
  Books books(answers, 3);
  house.settle();

  std::string met;  // which faults a provider happens to draw is chance; nearly all come somewhere
  for (size_t i = 0; i < 3; ++i) {
    json state = house.state(i);
    EXPECT_EQ(state["requests"], books.sent_to[i]) << "provider " << i;
    for (const auto& [fault, count] : state["by_status"].items()) met += ' ' + fault + ' ';
  }
  std::istringstream words(kAllOfThem);
  for (std::string fault; words >> fault;)
    EXPECT_NE(met.find(' ' + fault + ' '), std::string::npos) << fault << " was never met";
  EXPECT_EQ(house.seen(), books.sent);
  expect_ledger_agrees(house, books);
  expect_bills_are_covered(house, books);
  expect_nonces_are_own(answers);
  EXPECT_GT(books.sent, static_cast<int64_t>(answers.size()));
  EXPECT_GT(books.broken_on_reuse, 0);
  EXPECT_GT(books.kinds[AnswerKind::ok], static_cast<int>(answers.size()) * 8 / 10);
  RecordProperty("sends", std::to_string(books.sent));
  RecordProperty("posted_nano_usd", std::to_string(books.posted.value));
}

// A connection that a provider closes while it is idle can swallow a request: then the relay has
// sent what nobody saw. It says so, pays for it, and never sends it again by itself.
TEST(Accounts, WhatAnIdleCloseSwallowsIsABrokenAttemptOnAReusedConnection) {
  const std::string closing =
      "default: {out_tokens: 7, close_on_reuse: idle, reuse_limit: 2, reuse_idle_ms: 0.2}\n";
  House house({"seed: 1\n" + closing, "seed: 2\n" + closing},
              {kUnhindered, ", attempt_timeout: 150ms"});
  const int each = 500 / kSlowed;
  auto answers = ask_all(*house.driver, 8, each, 4, [](int, relay::Request&) { return false; });
  house.driver->close();
  const Books books(answers, 2);
  house.settle();

  // The requests each mock has read, by nonce: the nonce is in the body, so they were read whole.
  std::map<std::string, int64_t> read;
  for (size_t i = 0; i < 2; ++i) {
    json state = house.state(i);
    EXPECT_LE(state["requests"].get<int64_t>(), books.sent_to[i]);
    for (const json& record : state["records"])
      ++read[std::to_string(i) + record["nonce"].get<std::string>()];
  }
  int64_t missing = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    for (size_t p = 0; p < 2; ++p) {
      int64_t sent = 0, broken = 0;
      for (const AttemptRecord& attempt : answers[i].trace->attempts) {
        if (attempt.target != p || !attempt.sent) continue;
        ++sent;
        broken += attempt.cls == Class::broken && attempt.reused_connection ? 1 : 0;
      }
      const int64_t seen = read[std::to_string(p) + "n" + std::to_string(i)];
      EXPECT_LE(seen, sent) << answers[i].trace->explain();
      EXPECT_LE(sent - seen, broken) << answers[i].trace->explain();
      missing += sent - seen;
    }
  }
  EXPECT_EQ(books.sent - house.seen(), missing);
  expect_ledger_agrees(house, books);
  expect_bills_are_covered(house, books);
  expect_nonces_are_own(answers);
}

}  // namespace
}  // namespace keel::net::e2e
