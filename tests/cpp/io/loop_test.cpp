#include "io/loop.hpp"

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace keel::io {
namespace {

TEST(Loop, RunsInTheOrderPostedWhoeverPosts) {
  Loop loop;
  loop.start("loop-test");
  std::vector<int> ran;
  std::promise<void> ended;
  loop.post([&] {
    loop.post([&] { ran.push_back(1); });
    std::thread([&] { loop.post([&] { ran.push_back(2); }); }).join();
    loop.post([&] {
      ran.push_back(3);
      ended.set_value();
    });
  });
  ended.get_future().wait();
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
}

TEST(Loop, RunsEveryPostOfManyThreadsInEachOnesOrder) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5'000;
  Loop loop;
  loop.start("loop-test");
  std::vector<std::vector<int>> ran(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) loop.post([&, t, i] { ran[t].push_back(i); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::promise<void> ended;
  loop.post([&] { ended.set_value(); });
  ended.get_future().wait();
  for (const std::vector<int>& one : ran) {
    ASSERT_EQ(one.size(), size_t{kPosts});
    for (int i = 0; i < kPosts; ++i) ASSERT_EQ(one[i], i);
  }
}

TEST(Loop, DropsWhatWasNotRunAndRunsNothingBehindTheEnd) {
  auto held = std::make_shared<int>();
  std::promise<void> stopping;
  bool ran = false;
  {
    Loop loop;
    loop.start("loop-test");
    loop.post([&] {
      loop.post([&ran, held] { ran = true; });
      loop.context().stop();
      stopping.set_value();
    });
    stopping.get_future().wait();
    loop.stop();
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Loop, TakesWorkThatCannotBeCopied) {
  Loop loop;
  loop.start("loop-test");
  std::promise<int> seen;
  loop.post([&seen, value = std::make_unique<int>(7)] { seen.set_value(*value); });
  EXPECT_EQ(seen.get_future().get(), 7);
}

}  // namespace
}  // namespace keel::io
