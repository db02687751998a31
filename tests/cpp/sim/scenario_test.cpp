// What a scenario's text becomes, what is said of a wrong one, and what holds when.

#include "sim/scenario.hpp"

#include "sim/simulated.hpp"
#include "sim/weather.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

std::string problems(const std::string& text) {
  return lines_of(read_scenario(text, *config_of(kTwo)).problems);
}

TEST(Scenario, NothingIsEveryProviderByTheDefaults) {
  auto config = config_of(kTwo);
  const Scenario scenario = scenario_of("", *config);
  ASSERT_EQ(scenario.behaviours.size(), 2u);
  EXPECT_EQ(scenario.behaviours[0].ttft_p50, milliseconds(400));
  EXPECT_EQ(scenario.clients.max_retries, 0);
}

TEST(Scenario, ATargetsOwnWordsStandOverItsProviders) {
  auto config = config_of(kTwo);
  const Scenario scenario = scenario_of(
      "defaults: {ttft_p50: 1s}\n"
      "providers:\n"
      "  north: {tokens_per_second: 20, errors: {503: 0.25, cut: 0.5}}\n"
      "  north/m: {connect: 5ms}\n",
      *config);
  const Behaviour& north = scenario.behaviours[scenario.of_target[0]];
  EXPECT_EQ(north.ttft_p50, seconds(1));
  EXPECT_EQ(north.tokens_per_second, 20);
  EXPECT_EQ(north.connect, milliseconds(5));
  ASSERT_EQ(north.errors.shares.size(), 2u);
  EXPECT_EQ(north.errors.shares[0].trouble.fault, Fault::unavailable);
  EXPECT_EQ(north.errors.shares[1].trouble.ending, Ending::cut);
  EXPECT_EQ(north.errors.shares[1].below, 750'000'000u);
  EXPECT_EQ(scenario.behaviours[scenario.of_provider[0]].connect, milliseconds(20));
  EXPECT_EQ(scenario.behaviours[scenario.of_target[1]].ttft_p50, seconds(1));
}

TEST(Scenario, ClientsAreTheSdksUnlessToldOtherwise) {
  auto config = config_of(kTwo);
  EXPECT_EQ(scenario_of("clients: {}", *config).clients.max_retries, 2);
  const ClientModel clients =
      scenario_of("clients: {max_retries: 5, timeout: 9s, abandon: {share: 0.1, after: 2s}}",
                  *config)
          .clients;
  EXPECT_EQ(clients.max_retries, 5);
  EXPECT_EQ(clients.timeout, seconds(9));
  EXPECT_EQ(clients.abandon_share, 0.1);
  EXPECT_EQ(clients.abandon_after, seconds(2));
}

TEST(Scenario, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(problems("providers: {nort: {}}"),
            "it:1: providers.nort: unknown provider \"nort\"; the nearest is \"north\"\n");
  EXPECT_EQ(
      problems("providers: {north/n: {}}"),
      "it:1: providers[\"north/n\"]: unknown target \"north/n\"; the nearest is \"north/m\"\n");
  EXPECT_EQ(
      problems("providers:\n  north:\n    ttft_p5: 1s\n"),
      "it:3: providers.north.ttft_p5: unknown key \"ttft_p5\"; the nearest is \"ttft_p50\"\n");
  EXPECT_EQ(problems("providers: {north: {errors: {silenze: 0.1}}}"),
            "it:1: providers.north.errors.silenze: unknown trouble \"silenze\"; the nearest is "
            "\"silence\"\n");
  EXPECT_EQ(problems("providers: {north: {errors: {503: 0.7, 429: 0.7}}}"),
            "it:1: providers.north.errors: the shares add up to more than 1\n");
  EXPECT_EQ(
      problems("providers: {north: {outages: [{from: 60s, to: 30s}]}}"),
      "it:1: providers.north.outages[0].to: found \"30s\", wanted an end after its beginning\n");
  EXPECT_EQ(
      problems("providers: {north: {outages: [{from: 0, to: 1, kind: no_usage}]}}"),
      "it:1: providers.north.outages[0].kind: found \"no_usage\", wanted refused, silence, 503, "
      "429 or another way to fail\n");
  EXPECT_EQ(problems("correlated: [{from: 0, to: 1}]"),
            "it:1: correlated[0].providers: missing, wanted a list of providers\n");
  EXPECT_EQ(problems("clock_steps: [{at: 1s, by: soon}]"),
            "it:1: clock_steps[0].by: found \"soon\", wanted a duration such as -2s or 1h\n");
  EXPECT_EQ(problems("clients: {max_retries: -1}"),
            "it:1: clients.max_retries: found \"-1\", wanted a whole number from 0 to 100\n");
  EXPECT_EQ(problems("[]"), "it:1: found a list, wanted a mapping\n");
}

TEST(Scenario, EveryTroubleHasANameThatIsReadAgain) {
  for (int i = 1; i < kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    EXPECT_EQ(trouble_named(name_of(fault)), (Trouble{fault, Ending::whole}));
  }
  for (int i = 1; i < kEndingCount; ++i) {
    const auto ending = static_cast<Ending>(i);
    EXPECT_EQ(trouble_named(name_of(ending)), (Trouble{Fault::none, ending}));
  }
  EXPECT_EQ(trouble_named("429")->fault, Fault::throttled);
  EXPECT_FALSE(trouble_named("none"));
}

TEST(TroubleMix, ComesAsOftenAsItsShareSays) {
  Random random(1);
  TroubleMix mix{{{{Fault::reset, {}}, 100'000'000}, {{Fault::silence, {}}, 400'000'000}}};
  int resets = 0, silences = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Fault fault = mix.draw(random).fault;
    resets += fault == Fault::reset ? 1 : 0;
    silences += fault == Fault::silence ? 1 : 0;
  }
  EXPECT_NEAR(resets, 10'000, 400);
  EXPECT_NEAR(silences, 30'000, 600);
  EXPECT_EQ(TroubleMix{}.draw(random), Trouble{});
}

TEST(Sizes, AreLogNormalAroundTheirMedian) {
  Random random(3);
  int below = 0;
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const int64_t drawn = Sizes{400, 0.5, 1'000'000}.draw(random);
    below += drawn < 400 ? 1 : 0;
    sum += std::log(static_cast<double>(drawn) / 400) * std::log(static_cast<double>(drawn) / 400);
  }
  EXPECT_NEAR(below, 50'000, 800);
  EXPECT_NEAR(std::sqrt(sum / 100'000), 0.5, 0.01);
  EXPECT_EQ((Sizes{7, 0, 100}.draw(random)), 7);
  EXPECT_EQ((Sizes{1e6, 0, 100}.draw(random)), 100);
}

TEST(Weather, HoldsFromItsBeginningUntilItsEnd) {
  auto config = config_of(kTwo);
  const Scenario scenario = scenario_of(
      "providers:\n"
      "  north:\n"
      "    outages: [{from: 60s, to: 90s, kind: refused}]\n"
      "    brownouts: [{from: 10s, to: 20s, slowness: 4, errors: {503: 0.5}},\n"
      "                {from: 15s, to: 30s, slowness: 2}]\n"
      "    slow_drain: [{from: 100s, to: 110s, tokens_per_second: 2}]\n",
      *config);
  Weather weather(scenario, 1);
  auto at = [&](int64_t s) { return weather.at(0, Instant{} + seconds(s)); };
  EXPECT_EQ(at(0).slowness, 1);
  EXPECT_EQ(at(0).breaks, Instant{} + seconds(60));
  EXPECT_EQ(at(10).slowness, 4);
  EXPECT_EQ(at(10).errors->shares.size(), 1u);
  EXPECT_EQ(at(15).slowness, 8);
  EXPECT_EQ(at(20).slowness, 2);
  EXPECT_TRUE(at(20).errors->shares.empty());
  EXPECT_EQ(at(30).slowness, 1);
  EXPECT_FALSE(at(59).outage);
  EXPECT_EQ(at(60).outage, Fault::refused);
  EXPECT_EQ(at(89).outage, Fault::refused);
  EXPECT_FALSE(at(90).outage);
  EXPECT_EQ(at(100).tokens_per_second, 2);
  EXPECT_EQ(at(110).tokens_per_second, 80);
  EXPECT_FALSE(weather.at(1, Instant{} + seconds(60)).outage);
}

struct Downtime {
  double one = 0, other = 0, both = 0;
};
Downtime downtime_of(double correlated) {
  auto config = config_of(kTwo);
  const Scenario scenario =
      scenario_of("random_outages: {mean_between: 1h, mean_length: 10m, correlated: " +
                      std::to_string(correlated) + "}",
                  *config);
  Weather weather(scenario, 7);
  Downtime out;
  constexpr int kSteps = 400'000;
  for (int i = 0; i < kSteps; ++i) {
    const Instant now = Instant{} + seconds(20) * i;
    const bool north = weather.at(0, now).outage.has_value();
    const bool south = weather.at(1, now).outage.has_value();
    out.one += north ? 1.0 / kSteps : 0;
    out.other += south ? 1.0 / kSteps : 0;
    out.both += north && south ? 1.0 / kSteps : 0;
  }
  return out;
}

TEST(Weather, RandomOutagesKeepEachProvidersSumAndShareAsMuchAsTold) {
  const double alone = 10.0 / 70;  // ten minutes in seventy
  const Downtime independent = downtime_of(0);
  EXPECT_NEAR(independent.one, alone, 0.01);
  EXPECT_NEAR(independent.other, alone, 0.01);
  EXPECT_NEAR(independent.both, alone * alone, 0.005);
  const Downtime together = downtime_of(1);
  EXPECT_NEAR(together.one, alone, 0.01);
  EXPECT_EQ(together.one, together.both);
  const Downtime half = downtime_of(0.5);
  EXPECT_NEAR(half.one, alone, 0.02);
  EXPECT_GT(half.both, independent.both * 2);
  EXPECT_LT(half.both, together.both);
}

}  // namespace
}  // namespace keel::sim
