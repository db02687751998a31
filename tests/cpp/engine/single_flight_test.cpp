#include "engine/single_flight.hpp"

#include "base/random.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

using Members = std::vector<SingleFlight::Member>;

CacheKey key(uint8_t n) {
  CacheKey out{};
  out[0] = n;
  return out;
}
const Body kAsked = Body::copy_of("q");
CachedReply reply(std::string_view text) {
  CachedReply out;
  out.body = Body::copy_of(text);
  out.target = 7;
  return out;
}
Instant at(int64_t s) {
  return {seconds(s).ns};
}
Members land(SingleFlight& flights, SingleFlight::Seat seat, std::optional<CachedReply> answer) {
  Members others;
  flights.land(seat, std::move(answer), others);
  return others;
}

TEST(SingleFlight, OneAloneComesAndGoes) {
  SingleFlight flights;
  const auto seat = flights.join(key(1), kAsked, 10, at(1));
  EXPECT_TRUE(flights.asks(seat));
  EXPECT_FALSE(flights.over(seat));
  EXPECT_EQ(flights.last_began(seat), at(1));
  EXPECT_EQ(flights.in_the_air(), 1u);
  EXPECT_EQ(flights.leave(seat, at(2)), std::nullopt);
  EXPECT_EQ(flights.in_the_air(), 0u);
  EXPECT_EQ(flights.members(), 0u);
  const auto again = flights.join(key(1), kAsked, 11, at(3));
  EXPECT_TRUE(flights.asks(again)) << "nothing is left of the one before";
  EXPECT_TRUE(land(flights, again, reply("a")).empty());
  EXPECT_EQ(flights.members(), 0u);
}

TEST(SingleFlight, OthersWaitAndFindTheAnswerAtTheirSeats) {
  SingleFlight flights;
  const auto first = flights.join(key(1), kAsked, 10, at(0));
  const auto second = flights.join(key(1), kAsked, 11, at(1));
  const auto third = flights.join(key(1), kAsked, 12, at(2));
  EXPECT_FALSE(flights.asks(second));
  EXPECT_EQ(flights.answer(second), nullptr);
  EXPECT_EQ(land(flights, first, reply("hello")), (Members{11, 12}));
  EXPECT_EQ(flights.in_the_air(), 0u) << "who comes now finds it in the cache";
  ASSERT_NE(flights.answer(second), nullptr);
  EXPECT_EQ(flights.answer(second)->body.view(), "hello");
  EXPECT_EQ(flights.leave(second, at(3)), std::nullopt);
  ASSERT_NE(flights.answer(third), nullptr) << "kept for the last of them";
  EXPECT_EQ(flights.leave(third, at(3)), std::nullopt) << "nobody takes a place in what is over";
  EXPECT_EQ(flights.members(), 0u);
}

TEST(SingleFlight, AnAnswerForOneAloneSendsTheOthersAway) {
  SingleFlight flights;
  const auto first = flights.join(key(1), kAsked, 10, at(0));
  const auto second = flights.join(key(1), kAsked, 11, at(1));
  EXPECT_EQ(land(flights, first, std::nullopt), Members{11});
  EXPECT_TRUE(flights.over(second));
  EXPECT_EQ(flights.answer(second), nullptr);
  const auto later = flights.join(key(1), kAsked, 12, at(2));
  EXPECT_TRUE(flights.asks(later)) << "another flight";
  EXPECT_EQ(flights.leave(second, at(3)), std::nullopt);
  EXPECT_EQ(flights.in_the_air(), 1u);
  flights.leave(later, at(4));
}

TEST(SingleFlight, WhoAsksIsFollowedByTheLongestWaiting) {
  SingleFlight flights;
  const auto first = flights.join(key(1), kAsked, 10, at(0));
  const auto second = flights.join(key(1), kAsked, 11, at(1));
  const auto third = flights.join(key(1), kAsked, 12, at(2));
  EXPECT_EQ(flights.leave(second, at(3)), std::nullopt) << "one who waits may go";
  EXPECT_EQ(flights.leave(first, at(4)), 12u);
  EXPECT_TRUE(flights.asks(third));
  EXPECT_EQ(flights.last_began(third), at(4));
  EXPECT_EQ(flights.leave(third, at(5)), std::nullopt);
  EXPECT_EQ(flights.in_the_air(), 0u);
}

TEST(SingleFlight, SeveralMayAskAndAnyOfThemMayLand) {
  SingleFlight flights;
  const auto first = flights.join(key(1), kAsked, 10, at(0));
  const auto second = flights.join(key(1), kAsked, 11, at(1));
  const auto third = flights.join(key(1), kAsked, 12, at(2));
  EXPECT_FALSE(flights.rest(first)) << "nobody else asks";
  flights.begin(second, at(3));
  EXPECT_EQ(flights.last_began(third), at(3));
  EXPECT_EQ(flights.leave(first, at(4)), std::nullopt) << "the second asks still";
  flights.begin(third, at(5));
  EXPECT_TRUE(flights.rest(second));
  EXPECT_FALSE(flights.asks(second));
  EXPECT_FALSE(flights.rest(second));
  EXPECT_EQ(land(flights, third, reply("x")), Members{11});
  flights.leave(second, at(6));
  EXPECT_EQ(flights.members(), 0u);
}

TEST(SingleFlight, AKeyThatMeetsAnotherRequestJoinsNothing) {
  SingleFlight flights;
  const auto first = flights.join(key(1), kAsked, 10, at(0));
  EXPECT_EQ(flights.join(key(1), Body::copy_of("another"), 11, at(1)), SingleFlight::kNone);
  EXPECT_NE(flights.join(key(2), Body::copy_of("another"), 12, at(1)), SingleFlight::kNone);
  EXPECT_TRUE(land(flights, first, reply("x")).empty());
}

// Against a plain book of who waits and who asks, through every order of coming and going.
TEST(SingleFlight, KeepsItsBooksThroughAnyOrder) {
  struct Booked {
    SingleFlight::Member who;
    bool asks;
  };
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    SingleFlight flights;
    std::map<uint8_t, std::vector<Booked>> book;  // of the flights in the air
    std::map<SingleFlight::Member, SingleFlight::Seat> seats;
    size_t landed_members = 0;
    for (int step = 0; step < 300; ++step) {
      const auto who = static_cast<SingleFlight::Member>(step);
      const auto k = static_cast<uint8_t>(random.below(3));
      std::vector<Booked>& flight = book[k];
      if (flight.empty() || random.chance(1, 2)) {
        seats[who] = flights.join(key(k), kAsked, who, at(step));
        ASSERT_EQ(flights.asks(seats[who]), flight.empty());
        flight.push_back({who, flight.empty()});
        continue;
      }
      const size_t i = random.below(flight.size());
      const Booked one = flight[i];
      if (!one.asks && random.chance(1, 3)) {
        flights.begin(seats[one.who], at(step));
        flight[i].asks = true;
        continue;
      }
      flight.erase(flight.begin() + static_cast<ptrdiff_t>(i));
      if (one.asks && random.chance(1, 3)) {
        const bool shared = random.chance(1, 2);
        const Members others =
            land(flights, seats[one.who], shared ? std::optional(reply("r")) : std::nullopt);
        ASSERT_EQ(others.size(), flight.size());
        for (size_t j = 0; j < others.size(); ++j) {
          ASSERT_EQ(others[j], flight[j].who);
          ASSERT_EQ(flights.answer(seats[others[j]]) != nullptr, shared);
          ASSERT_EQ(flights.leave(seats[others[j]], at(step)), std::nullopt);
          ++landed_members;
        }
        flight.clear();
        continue;
      }
      const auto next = flights.leave(seats[one.who], at(step));
      const bool none_asks =
          std::none_of(flight.begin(), flight.end(), [](const Booked& b) { return b.asks; });
      ASSERT_EQ(next.has_value(), none_asks && !flight.empty());
      if (!next) continue;
      ASSERT_EQ(*next, flight.front().who);
      flight.front().asks = true;
    }
    size_t left = 0;
    for (const auto& [k, flight] : book) left += flight.size();
    ASSERT_EQ(flights.members(), left);
    EXPECT_GT(landed_members, 0u);
  }
}

}  // namespace
}  // namespace keel::engine
