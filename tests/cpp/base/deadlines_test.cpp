#include "base/deadlines.hpp"

#include "base/random.hpp"

#include <map>
#include <utility>

#include <gtest/gtest.h>

namespace keel {
namespace {

TEST(Deadlines, NoneIsNever) {
  Deadlines<int> deadlines;
  int due = 0;
  EXPECT_EQ(deadlines.next(), Instant::never());
  EXPECT_FALSE(deadlines.pop_due(Instant::never(), due));
}

TEST(Deadlines, OneIsDueAtItsInstantAndNotBefore) {
  Deadlines<int> deadlines;
  deadlines.add(Instant{10}, 1);
  int due = 0;
  EXPECT_FALSE(deadlines.pop_due(Instant{9}, due));
  EXPECT_TRUE(deadlines.pop_due(Instant{10}, due));
  EXPECT_EQ(due, 1);
  EXPECT_EQ(deadlines.size(), 0u);
}

TEST(Deadlines, EqualInstantsLeaveInTheOrderTheyCame) {
  Deadlines<int> deadlines;
  for (int i = 0; i < 20; ++i) deadlines.add(Instant{5}, i);
  int due = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(deadlines.pop_due(Instant{5}, due));
    EXPECT_EQ(due, i);
  }
}

TEST(Deadlines, RemovingClearsTheHandleAndNoneIsIgnored) {
  Deadlines<int> deadlines;
  auto handle = deadlines.add(Instant{5}, 1);
  deadlines.remove(handle);
  EXPECT_EQ(handle, Deadlines<int>::kNone);
  deadlines.remove(handle);
  EXPECT_EQ(deadlines.size(), 0u);
  EXPECT_EQ(deadlines.next(), Instant::never());
}

TEST(Deadlines, AgreesWithASortedMapWhateverIsAddedRemovedAndPopped) {
  Random random(21);
  Deadlines<int> deadlines;
  std::map<std::pair<int64_t, int>, Deadlines<int>::Handle> model;
  int id = 0;
  for (int step = 0; step < 50'000; ++step) {
    uint64_t dice = random.below(10);
    if (dice < 5) {
      Instant at{static_cast<int64_t>(random.below(100))};
      model[{at.ns, id}] = deadlines.add(at, id);
      ++id;
    } else if (dice < 8 && !model.empty()) {
      auto chosen = model.begin();
      std::advance(chosen, random.below(model.size()));
      deadlines.remove(chosen->second);
      model.erase(chosen);
    } else {
      Instant now{static_cast<int64_t>(random.below(100))};
      int due = -1;
      bool expected = !model.empty() && model.begin()->first.first <= now.ns;
      ASSERT_EQ(deadlines.pop_due(now, due), expected) << "step " << step;
      if (expected) {
        ASSERT_EQ(due, model.begin()->first.second) << "step " << step;
        model.erase(model.begin());
      }
    }
    ASSERT_EQ(deadlines.size(), model.size());
    ASSERT_EQ(deadlines.next(),
              model.empty() ? Instant::never() : Instant{model.begin()->first.first});
  }
}

}  // namespace
}  // namespace keel
