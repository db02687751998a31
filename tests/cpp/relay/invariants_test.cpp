// What must never happen is counted where it is seen, and nowhere else.

#include "relay/invariants.hpp"

#include "relay/driven.hpp"
#include "relay/prometheus.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

std::string count(const Driven& d, std::string_view invariant) {
  return prometheus::Page(d.metrics())
      .value("keel_invariant_violations_total", {{"invariant", std::string(invariant)}})
      .value_or("none");
}

TEST(Invariants, AreZeroWhateverProvidersDo) {
  Config config = small_config();
  config.routes[0].retry.max_attempts = 2;
  Driven d(config);
  for (int i = 0; i < 60; ++i) {
    d.ask();
    for (int status : {503, i % 2 ? 500 : 429, 200}) {
      d.wait(seconds(5));  // for what it waits for
      if (d.answer || !d.last_send) continue;
      if (status == 200)
        d.succeed({.in = 20, .out = 10'000'000});  // an overrun
      else
        d.fail(status);
    }
    d.wait(seconds(i % 7 ? 20 : 700));
  }
  EXPECT_TRUE(d.at_rest());
  EXPECT_GT(d.tries.size(), 30u);
  for (std::string_view name : kInvariantNames) EXPECT_EQ(count(d, name), "0") << name;
  EXPECT_EQ(d.engines().metrics.violations(), 0u);
}

// A driver that slept through the deadline and a minute more: the place was another's long ago.
TEST(Invariants, APlaceThatIsGivenBackTooLateIsCounted) {
  Driven d;
  d.ask();
  const AttemptId attempt = d.send().attempt;
  d.feed(Sent{attempt});
  d.now = d.now + minutes(12);
  Outcome outcome;
  outcome.status = 200;
  outcome.usage = Usage{.in = 1, .out = 1};
  d.feed(Finished{.attempt = attempt, .outcome = std::move(outcome), .reply = Body::take("{}")});
  EXPECT_EQ(count(d, "lease"), "1");
  EXPECT_EQ(d.engines().metrics.violations(), 1u);
  EXPECT_EQ(d.engines().targets[0].pool->in_flight(d.now), 0);
}

TEST(Invariants, EachIsCountedByItsNameOnlyWhereItDoesNotHold) {
  const Config config = small_config();
  const Driven d(config);
  for (size_t i = 0; i < kInvariantNames.size(); ++i) {
    Metrics metrics(config);
    const auto invariant = static_cast<Invariant>(i);
    metrics.require(true, invariant);
    EXPECT_EQ(metrics.violations(), 0u);
    for (size_t n = 0; n <= i; ++n) metrics.require(false, invariant);
    EXPECT_EQ(metrics.violations(), i + 1);
    const std::string sample = "keel_invariant_violations_total{invariant=\"" +
                               std::string(kInvariantNames[i]) + "\"} " + std::to_string(i + 1);
    EXPECT_NE(metrics.render(d.engines(), d.now).find(sample + "\n"), std::string::npos) << sample;
  }
}

}  // namespace
}  // namespace keel::relay
