#include "relay/packed_trace.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

Trace again(const Trace& trace) {
  std::string packed = "something from before";
  pack(trace, packed);
  return unpack(packed);
}

// No member is as it begins.
Trace full() {
  Trace trace;
  trace.id = "req_1";
  trace.route = "main";
  trace.tenant = std::string("sh\0op", 5);
  trace.model_asked = std::string(5'000, 'm');
  trace.dialect = "another";
  trace.stream = true;
  trace.tokens_in_estimate = -7;
  trace.max_tokens = 100;
  trace.allowed = seconds(20);
  trace.cache = "hit";
  trace.identity = "0123";
  trace.tags = R"({"a":"b"})";
  trace.began = Instant{1};
  trace.first_token = Instant{2};
  trace.ended = Instant{3};
  trace.waited = nanoseconds(4);
  trace.say(Stage::begin, "first", Instant{5});
  trace.say(Stage::respond, "", Instant{6});
  AttemptRecord record;
  record.id = 8;
  record.target = 9;
  record.provider = "near";
  record.model = "a model";
  record.key = "label";
  record.started = Instant{10};
  record.sent = Instant{11};
  record.first_token = Instant{12};
  record.ended = Instant{13};
  record.reused_connection = true;
  record.status = 503;
  record.cls = Class::transient;
  record.billed = Billed::maybe;
  record.usage = Usage{1, 2, 3, 4, 5};
  record.held = {14};
  record.posted = {15};
  record.estimated = true;
  record.hedge = true;
  record.free = true;
  Considered known;
  known.target = 16;
  known.removed = Removed::money;
  known.place = 17;
  known.health = 0.5;
  known.until = Instant{18};
  known.estimated = NanoUsd{19};
  trace.choices = {{Instant{20}, 1, TargetIndex{16}, NanoUsd{21}, {known, Considered{}}}, Choice{}};
  trace.paused = nanoseconds(22);
  trace.attempts = {record, AttemptRecord{}, record};
  return trace;
}

TEST(PackedTrace, ComesBackAsItWas) {
  EXPECT_EQ(again(Trace{}), Trace{});
  EXPECT_EQ(again(full()), full());
}

TEST(PackedTrace, TheSameMemoryServesAgain) {
  std::string packed;
  pack(full(), packed);
  const char* where = packed.data();
  pack(Trace{}, packed);
  EXPECT_EQ(packed.data(), where);
  EXPECT_EQ(unpack(packed), Trace{});
}

}  // namespace
}  // namespace keel::relay
