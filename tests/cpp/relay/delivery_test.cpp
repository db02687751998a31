#include "relay/delivery.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

StreamEvent content(std::string text) {
  StreamEvent event;
  event.kind = StreamEvent::Kind::content;
  event.bytes = "data: " + text + "\n\n";
  event.pieces.push_back({{}, std::move(text), {}, {}});
  return event;
}

struct DeliveryTest : testing::Test {
  DeliveryTest() {
    delivery.expect_stream({}, false);
    delivery.begin(Speech::fresh);
  }
  void say(size_t bytes) {
    EXPECT_EQ(delivery.take(content(std::string(bytes, 'x')), out), Delivery::Took::passed);
  }

  Delivery delivery;
  std::vector<std::string> out;
};

TEST_F(DeliveryTest, WhatWasSaidIsKnownUpToALimit) {
  say(Delivery::kRememberedMax);
  EXPECT_TRUE(delivery.can_resume());
  EXPECT_EQ(delivery.text().size(), Delivery::kRememberedMax);
}

TEST_F(DeliveryTest, BeyondItNothingIsRememberedAndEverythingPasses) {
  say(Delivery::kRememberedMax - 1);
  for (int i = 0; i < 3; ++i) say(2);
  EXPECT_FALSE(delivery.can_resume());
  EXPECT_EQ(delivery.text(), "");
  EXPECT_EQ(out.size(), 4u);
  EXPECT_FALSE(delivery.keeps_back());
}

}  // namespace
}  // namespace keel::relay
