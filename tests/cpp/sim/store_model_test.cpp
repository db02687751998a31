#include "sim/store_model.hpp"

#include <gtest/gtest.h>

namespace keel::sim {
namespace {

engine::LeaseAsk ask(engine::HolderId holder) {
  return {.holder = holder, .account = "a", .window = 0, .number = 1, .wanted = {10}};
}

StoreModel store(StoreNetwork network) {
  StoreModel out(network, 0, 1);
  out.authority().open_account({"a", {1'000'000}, engine::BudgetWindow::minute});
  return out;
}

int deliveries(StoreModel& store) {
  int out = 0;
  while (store.next_at() != Instant::never()) out += store.step(store.next_at()) ? 1 : 0;
  return out;
}

TEST(StoreModel, AnswersThereAndBack) {
  StoreModel s = store({.slow_per_mille = 0, .lost_per_mille = 0, .doubled_per_mille = 0});
  s.ask(3, ask(1), Instant{});
  EXPECT_GE(s.next_at(), Instant{} + milliseconds(1));
  EXPECT_FALSE(s.step(s.next_at()));
  auto delivery = s.step(s.next_at());
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->instance, 3u);
  EXPECT_EQ(delivery->grant.granted, NanoUsd{10});
  EXPECT_EQ(s.next_at(), Instant::never());
}

TEST(StoreModel, LosesAndDoubles) {
  StoreModel lossy = store({.lost_per_mille = 1000});
  lossy.ask(0, ask(1), Instant{});
  EXPECT_EQ(deliveries(lossy), 0);
  EXPECT_EQ(lossy.counts().lost, 1u);
  StoreModel twice = store({.lost_per_mille = 0, .doubled_per_mille = 1000});
  twice.ask(0, ask(1), Instant{});
  EXPECT_EQ(deliveries(twice), 4);
  EXPECT_EQ(twice.authority().totals("a", 0).taken, NanoUsd{10}) << "the same, four times";
}

TEST(StoreModel, CutsOffInBothDirections) {
  StoreModel s = store({.slow_per_mille = 0, .lost_per_mille = 0, .doubled_per_mille = 0});
  s.cut_off(0, Instant{} + seconds(10));
  s.ask(0, ask(1), Instant{});
  EXPECT_EQ(deliveries(s), 0) << "nothing left";
  s.ask(1, ask(2), Instant{});
  EXPECT_EQ(deliveries(s), 1) << "another one";
  s.ask(0, ask(1), Instant{} + seconds(10));
  s.step(s.next_at());
  s.cut_off(0, Instant{} + seconds(20));
  EXPECT_EQ(deliveries(s), 0) << "granted, and nobody heard of it";
  EXPECT_EQ(s.authority().totals("a", 0).taken, NanoUsd{20});
  s.calm();
  s.ask(0, ask(1), Instant{} + seconds(12));
  EXPECT_EQ(deliveries(s), 1);
  EXPECT_EQ(s.authority().totals("a", 0).taken, NanoUsd{20});
}

}  // namespace
}  // namespace keel::sim
