#include "relay/traces.hpp"

#include "relay/driven.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::relay {
namespace {

using nlohmann::json;

Trace trace(std::string id, std::string tenant = "") {
  Trace out;
  out.id = std::move(id);
  out.tenant = std::move(tenant);
  return out;
}

TEST(Traces, TheOldestLeavesFirst) {
  Traces traces(3);
  EXPECT_EQ(traces.find("1", ""), nullptr);
  for (int i = 1; i <= 5; ++i) traces.keep(trace(std::to_string(i)));
  EXPECT_EQ(traces.size(), 3u);
  EXPECT_EQ(traces.find("1", ""), nullptr);
  EXPECT_EQ(traces.find("2", ""), nullptr);
  for (const char* id : {"3", "4", "5"}) {
    ASSERT_TRUE(traces.find(id, "")) << id;
    EXPECT_EQ(traces.find(id, "")->id, id);
  }
}

TEST(Traces, NoneAndOne) {
  Traces none(0);
  none.keep(trace("1"));
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.find("1", ""), nullptr);
  Traces one(1);
  one.keep(trace("1"));
  one.keep(trace("1"));
  one.keep(trace("2"));
  EXPECT_EQ(one.find("1", ""), nullptr);
  EXPECT_TRUE(one.find("2", ""));
}

TEST(Traces, EachIsForTheTenantWhoseItWas) {
  Traces traces(10);
  traces.keep(trace("same", "shop"));
  traces.keep(trace("same", "mill"));
  EXPECT_EQ(traces.find("same", "shop")->tenant, "shop");
  EXPECT_EQ(traces.find("same", "mill")->tenant, "mill");
  EXPECT_EQ(traces.find("same", ""), nullptr);
  EXPECT_EQ(traces.find("same", "sho"), nullptr);
}

TEST(Traces, OfEqualNamesTheLaterIsFoundUntilItLeaves) {
  Traces traces(3);
  Trace first = trace("same"), second = trace("same");
  second.route = "the second's";
  traces.keep(first);
  traces.keep(second);
  EXPECT_EQ(*traces.find("same", ""), second);
  traces.keep(trace("a"));
  traces.keep(trace("b"));  // the first leaves; the name is the second's
  EXPECT_EQ(*traces.find("same", ""), second);
  traces.keep(trace("c"));
  EXPECT_EQ(traces.find("same", ""), nullptr);
  for (int i = 0; i < 1'000; ++i) traces.keep(trace(std::to_string(i % 2)));
  EXPECT_EQ(traces.size(), 3u);
  EXPECT_TRUE(traces.find("0", "") && traces.find("1", ""));
}

TEST(Traces, AnAnsweredCallIsFoundAndAnOpenOneIsNot) {
  Config config = small_config();
  config.traces_kept = 2;
  Driven driven(config);
  driven.ask("main", "shop");
  EXPECT_EQ(driven.relay().find_trace("request-1", "shop"), nullptr);
  driven.succeed();
  EXPECT_EQ(*driven.relay().find_trace("request-1", "shop"), *driven.answer->trace);
  EXPECT_EQ(driven.relay().find_trace("request-1"), nullptr);
  driven.ask("nobody-knows-it");  // refused is answered too
  EXPECT_TRUE(driven.relay().find_trace("request-2"));
  driven.ask();
  driven.cancel();
  EXPECT_TRUE(driven.relay().find_trace("request-3"));
  EXPECT_EQ(driven.relay().find_trace("request-1", "shop"), nullptr);
}

TEST(TraceJson, EveryLineAndAttemptWithItsTimes) {
  Driven driven;
  driven.now = driven.now + seconds(100);
  driven.ask("main", "shop");
  driven.fail(404, "no \"such\" model\n", ErrorCode::not_found);
  driven.succeed({.in = 20, .out = 10}, milliseconds(1'234));
  const json said = json::parse(driven.answer->trace->to_json());
  EXPECT_EQ(said["id"], "request-1");
  EXPECT_EQ(said["tenant"], "shop");
  EXPECT_EQ(said["route"], "main");
  EXPECT_EQ(said["cache"], nullptr);
  EXPECT_EQ(said["ttft_ms"], nullptr);
  EXPECT_EQ(said["total_ms"], 400 + 1'234);
  ASSERT_EQ(said["lines"].size(), driven.answer->trace->lines.size());
  EXPECT_EQ(said["lines"][0]["stage"], "begin");
  EXPECT_EQ(said["lines"][0]["at_ms"], 0);
  EXPECT_EQ(said["lines"].back()["stage"], "respond");
  EXPECT_EQ(said["lines"].back()["at_ms"], 1'634);
  ASSERT_EQ(said["attempts"].size(), 2u);
  EXPECT_EQ(said["attempts"][0]["class"], "key_model_denied");
  EXPECT_EQ(said["attempts"][1]["started_ms"], 400);
  EXPECT_EQ(said["attempts"][1]["tokens"]["out"], 10);
}

TEST(TraceJson, AnEmptyTraceAndAStreams) {
  Trace trace;
  EXPECT_TRUE(json::parse(trace.to_json())["lines"].empty());
  EXPECT_TRUE(json::parse(trace.to_json())["attempts"].empty());
  trace.began = Instant{} + seconds(5);
  trace.first_token = trace.began + milliseconds(700);
  AttemptRecord record;
  record.started = trace.began + milliseconds(200);
  record.first_token = trace.first_token;
  record.ended = record.started - seconds(1);  // the clock stepped back
  trace.attempts.push_back(record);
  const json said = json::parse(trace.to_json());
  EXPECT_EQ(said["ttft_ms"], 700);
  EXPECT_EQ(said["attempts"][0]["ttft_ms"], 500);
  EXPECT_EQ(said["attempts"][0]["total_ms"], 0);
}

}  // namespace
}  // namespace keel::relay
