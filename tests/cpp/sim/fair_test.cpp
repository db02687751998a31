// The availability oracle, a short slice: `make simulate-night KIND=fair` goes on for as long as
// one likes.

#include "sim/fair_night.hpp"
#include "sim/oracle.hpp"
#include "sim/policies.hpp"

#include <string>

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

TEST(FairNights, AnswerWhoeverCouldBeAnswered) {
  FairResult all;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    const Night night = fair_night(seed, 2'000);
    all.add(run_fair_night(night, policies_of(night)));
  }
  std::printf("%llu requests, %llu could be answered, %llu of them were\n",
              static_cast<unsigned long long>(all.requests),
              static_cast<unsigned long long>(all.could),
              static_cast<unsigned long long>(all.could_and_were));
  EXPECT_GT(all.could * 10, all.requests * 4) << "an oracle that is never sure tests nothing";
  EXPECT_LT(all.could * 10, all.requests * 9) << "a night without faults tests nothing";
  std::string reasons;
  for (const auto& [name, reason] : all.reasons)
    reasons += std::to_string(reason.count) + " " + name + ", such as " + reason.story + "\n";
  EXPECT_GE(static_cast<double>(all.could_and_were), 0.9999 * static_cast<double>(all.could))
      << reasons;
}

// Phases by hand: when may a target be a witness?
class OracleTest : public testing::Test {
 protected:
  OracleTest() {
    relay::ProviderConfig provider;
    provider.models.push_back({.name = "m"});
    config_.providers.push_back(std::move(provider));
    config_.targets.push_back({"p/m", 0, 0, true});
    relay::RouteConfig route;
    route.name = "r";
    route.targets = {{.target = 0}};
    config_.routes.push_back(std::move(route));
    model_.connect = milliseconds(100);
    model_.first_byte_p50 = seconds(1);
    model_.spread = 0;
    model_.tokens_per_second = 100;
    request_.facts.model = "r";
    request_.facts.max_output_tokens = 90;  // 0.1 s + 1 s + 0.9 s: two seconds
  }
  bool could(int64_t arrived_s, int64_t until_s) {
    const std::vector<ProviderModel> models{model_};
    return Oracle(config_, models)
        .could_answer(request_, Instant{} + seconds(arrived_s), Instant{} + seconds(until_s))
        .has_value();
  }
  void broken(Fault fault, int64_t from_s, int64_t to_s) {
    Phase phase{Instant{} + seconds(from_s)};
    phase.mix[fault] = 1;
    model_.phases = {{Instant{}}, phase, {Instant{} + seconds(to_s)}};
  }

  relay::Config config_;
  ProviderModel model_;
  relay::Request request_;
};

TEST_F(OracleTest, ASoundTargetIsAWitness) {
  EXPECT_TRUE(could(0, 1));
}

TEST_F(OracleTest, SoundFrom20SecondsBeforeUntilTheEnd) {
  broken(Fault::server_error, 100, 130);
  EXPECT_TRUE(could(90, 99));
  EXPECT_FALSE(could(90, 100)) << "it broke before the request ended";
  EXPECT_FALSE(could(120, 121));
  EXPECT_FALSE(could(149, 151));
  EXPECT_TRUE(could(150, 151));
}

TEST_F(OracleTest, ASpoiltKeyIsNoWitnessForAQuarterOfAnHour) {
  broken(Fault::unauthorized, 100, 130);
  EXPECT_FALSE(could(130 + 899, 130 + 900));
  EXPECT_TRUE(could(130 + 900, 130 + 901));
}

TEST_F(OracleTest, FaultsThatAnswerAreNone) {
  broken(Fault::no_usage, 100, 130);
  EXPECT_TRUE(could(110, 120));
}

TEST_F(OracleTest, EightServiceTimesAreNeeded) {
  request_.timeout = seconds(16);
  EXPECT_TRUE(could(0, 1));
  request_.timeout = seconds(16) - nanoseconds(1);
  EXPECT_FALSE(could(0, 1));
}

TEST_F(OracleTest, NobodyPromisesRoomWhereItIsScarce) {
  model_.capacity = 100;
  EXPECT_FALSE(could(0, 1));
}

TEST_F(OracleTest, AnUnknownRouteHasNoWitness) {
  request_.facts.model = "elsewhere";
  EXPECT_FALSE(could(0, 1));
}

}  // namespace
}  // namespace keel::sim
