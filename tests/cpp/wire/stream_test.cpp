#include "wire/stream.hpp"

#include "base/random.hpp"
#include "wire/json.hpp"
#include "wire/streams.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

static StreamEvent event_of(const std::string& json) {
  auto events = events_of("data: " + json + "\n\n");
  EXPECT_EQ(events.size(), 1u) << json;
  return events.empty() ? StreamEvent{} : events[0];
}

TEST(Restyle, NothingAsked) {
  for (const char* name : kStreamSamples) {
    for (const StreamEvent& event : events_of(stream_sample(name))) {
      EXPECT_EQ(restyle(event, "", "", {}), event.bytes);
      EXPECT_EQ(restyle(event, "", "", std::vector<size_t>(event.pieces.size(), 0)), event.bytes);
    }
  }
}

TEST(Restyle, FirstIdAndModelStay) {
  StreamEvent event =
      event_of(R"({"id": "b\u0062", "choices":[{"delta":{"content":"x"}}], "model":"other" })");
  EXPECT_EQ(restyle(event, R"("a")", R"("m/\"1")", {}),
            "data: {\"id\": \"a\", \"choices\":[{\"delta\":{\"content\":\"x\"}}], "
            "\"model\":\"m/\\\"1\" }\n\n");
  EXPECT_EQ(restyle(event_of(R"({"choices":[{"delta":{"content":"x"}}]})"), R"("a")", R"("m")", {}),
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
  EXPECT_EQ(restyle(event_of(R"({"id":null,"model":1,"choices":[]})"), R"("a")", R"("m")", {}),
            "data: {\"id\":null,\"model\":1,\"choices\":[]}\n\n");
}

TEST(Restyle, GivenTextIsCutAndTheRestKeepsItsSpelling) {
  StreamEvent event =
      event_of(R"({"choices":[{"delta":{"content":"a\n\u00e9\ud83d\ude00\"z\/"}}]})");
  ASSERT_EQ(event.pieces.size(), 1u);
  EXPECT_EQ(event.pieces[0].text, "a\n\u00e9\U0001F600\"z/");
  auto rest = [&](size_t skip) {
    std::string text = restyle(event, "", "", {skip});
    constexpr std::string_view head = "data: {\"choices\":[{\"delta\":{\"content\":";
    EXPECT_EQ(text.substr(0, head.size()), head);
    return text.substr(head.size(), text.size() - head.size() - 6);
  };
  EXPECT_EQ(rest(1), R"("\n\u00e9\ud83d\ude00\"z\/")");
  EXPECT_EQ(rest(2), R"("\u00e9\ud83d\ude00\"z\/")");
  EXPECT_EQ(rest(3), R"("\ud83d\ude00\"z\/")");  // within a character: the whole of it goes
  EXPECT_EQ(rest(4), R"("\ud83d\ude00\"z\/")");
  for (size_t within : {5u, 6u, 7u, 8u}) EXPECT_EQ(rest(within), R"("\"z\/")");
  EXPECT_EQ(rest(9), R"("z\/")");
  EXPECT_EQ(rest(11), R"("")");
  EXPECT_EQ(rest(1000), R"("")");
}

TEST(Restyle, HalvesOfAPairStayWhatTheyAre) {
  StreamEvent event = event_of(R"({"choices":[{"delta":{"content":"ab\ud83d"}}]})");
  EXPECT_EQ(event.pieces[0].text, "ab\uFFFD");
  EXPECT_EQ(restyle(event, "", "", {2}),
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n");
}

TEST(Restyle, WhatStandsBesideATextGoesWithIt) {
  StreamEvent tool = event_of(R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_2",)"
                              R"("function":{"name":"f","arguments":"{\"a\":1}"}}]}}]})");
  ASSERT_EQ(tool.pieces.size(), 2u);
  EXPECT_EQ(
      restyle(tool, "", "", {1, 2}),
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"\",\"function\":{"
      "\"name\":\"\",\"arguments\":\"a\\\":1}\"}}]}}]}\n\n");
  EXPECT_EQ(restyle(tool, "", "", {0, 0}), tool.bytes);
  StreamEvent thought =
      event_of(R"({"choices":[{"delta":{"reasoning":"abc","reasoning_content":"ab\u0063"}}]})");
  ASSERT_EQ(thought.pieces.size(), 1u);
  EXPECT_EQ(restyle(thought, "", "", {1}),
            "data: {\"choices\":[{\"delta\":{\"reasoning\":\"bc\",\"reasoning_content\":\"b"
            "\\u0063\"}}]}\n\n");
}

TEST(Restyle, SeveralLinesOfData) {
  auto events = events_of(
      "data: {\"id\":\"x\",\r\ndata:\"choices\":[{\r\ndata: \"delta\":\r\n"
      "data: {\"content\":\"abc\"}}]}\r\n\r\n");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(restyle(events[0], "\"y\"", "", {2}),
            "data: {\"id\":\"y\",\r\ndata:\"choices\":[{\r\ndata: \"delta\":\r\n"
            "data: {\"content\":\"c\"}}]}\r\n\r\n");
}

// Random texts, spelt at random, cut anywhere: what is left reads as the rest.
TEST(Restyle, RandomCutsReadBackAsTheRest) {
  Random random(7);
  const char* spelt[] = {"a",          "\\n",     "\\u00e9", "\u00e9", "\\ud83d\\ude00",
                         "\U0001F600", "\\u0000", "\\\\",    "\\\"",   "\u20ac",
                         "\\/",        "\\udc00"};
  for (int round = 0; round < 5000; ++round) {
    auto literal = [&] {
      std::string out;
      for (uint64_t n = 1 + random.below(8); n > 0; --n) out += spelt[random.below(12)];
      return out;
    };
    StreamEvent event =
        event_of(R"({"id":"i","choices":[{"delta":{"content":")" + literal() + R"(","refusal":")" +
                 literal() + R"(","tool_calls":[{"id":"t","function":{"name":")" + literal() +
                 R"("}}]}}],"model":"m"})");
    ASSERT_EQ(event.pieces.size(), 3u);
    std::vector<size_t> skip;
    for (const auto& piece : event.pieces) skip.push_back(random.below(piece.text.size() + 2));
    auto again = events_of(restyle(event, "\"j\"", "\"n\"", skip));
    ASSERT_EQ(again.size(), 1u);
    ASSERT_NE(again[0].kind, StreamEvent::Kind::unparsable) << again[0].outcome.message;
    for (size_t i = 0; i < 3; ++i) {
      const std::string& text = event.pieces[i].text;
      size_t at = std::min(skip[i], text.size());
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
      ASSERT_EQ(lane_text(again, event.pieces[i].lane), text.substr(at));
    }
  }
}

TEST(Restyle, EndMarkerIsReadAsOne) {
  auto events = events_of(end_marker());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, StreamEvent::Kind::done);
  EXPECT_EQ(events[0].bytes, end_marker());
}

}  // namespace keel::wire
