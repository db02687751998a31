#include "wire/sse.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

struct Seen {
  std::string bytes, event, id, retry, data;
  bool has_data = false, only_comments = false;

  friend bool operator==(const Seen&, const Seen&) = default;
};

static void drain(SseFramer& framer, std::vector<Seen>& out) {
  SseFrame frame;
  while (framer.next(frame)) {
    out.push_back({std::string(frame.bytes), std::string(frame.event), std::string(frame.id),
                   std::string(frame.retry), std::string(frame.data), frame.has_data,
                   frame.only_comments});
    size_t at = 0;
    for (const Span& line : *frame.data_lines) {
      EXPECT_EQ(frame.bytes.substr(line.offset, line.length), frame.data.substr(at, line.length));
      if (line.length > 0) {
        EXPECT_EQ(frame.in_bytes({at, line.length}).offset, line.offset);
      }
      at += line.length + 1;
    }
  }
}

static std::vector<Seen> frames(const std::vector<std::string_view>& pieces, size_t most = 1000,
                                bool* overflowed = nullptr) {
  SseFramer framer(most);
  std::vector<Seen> out;
  for (std::string_view piece : pieces) {
    framer.push(piece);
    drain(framer, out);
  }
  framer.end();
  drain(framer, out);
  if (overflowed) *overflowed = framer.overflowed();
  return out;
}

static std::vector<Seen> whole(std::string_view text) {
  return frames({text});
}

TEST(Sse, NothingAndUnfinished) {
  for (const char* text : {"", "data: x", "data: x\n", "\n\n\n", "\xEF\xBB\xBF", "\xEF", "\r\n\r"})
    EXPECT_TRUE(whole(text).empty()) << text;
}

TEST(Sse, Fields) {
  auto seen = whole("event: ping\nid:7\nretry: 10\ndata:  a\ndata:b\ndata\n\n:c\n\nid\n\nx y\n\n");
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].event, "ping");
  EXPECT_EQ(seen[0].id, "7");
  EXPECT_EQ(seen[0].retry, "10");
  EXPECT_EQ(seen[0].data, " a\nb\n");
  EXPECT_TRUE(seen[0].has_data);
  EXPECT_EQ(seen[1].bytes, ":c\n\n");
  EXPECT_TRUE(seen[1].only_comments);
  EXPECT_FALSE(seen[1].has_data);
  EXPECT_EQ(seen[2].bytes, "id\n\n");
  EXPECT_FALSE(seen[2].only_comments);
  EXPECT_EQ(seen[3].bytes, "x y\n\n");
}

TEST(Sse, LineEnds) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string e = end;
    auto seen = whole("data: a" + e + "data: b" + e + e + "data: c" + e + e + e + e);
    ASSERT_EQ(seen.size(), 2u) << e;
    EXPECT_EQ(seen[0].bytes, "data: a" + e + "data: b" + e + e);
    EXPECT_EQ(seen[0].data, "a\nb");
    EXPECT_EQ(seen[1].bytes, "data: c" + e + e);
  }
}

TEST(Sse, ByteOrderMarkIsNoPartOfAnEvent) {
  auto seen = whole(
      "\xEF\xBB\xBF"
      "data: a\n\n\xEF\xBB\xBF"
      "data: b\n\n");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].bytes, "data: a\n\n");
  EXPECT_FALSE(seen[1].has_data);  // only a stream's first bytes are one
}

// A stream of CRLF waits for the LF, one of CR cannot know that there is none to wait for.
TEST(Sse, EventsAreNotKeptBackByTheirLineEnds) {
  SseFramer framer(100);
  std::vector<Seen> out;
  framer.push("data: a\r\r");
  drain(framer, out);
  ASSERT_EQ(out.size(), 1u);
  framer.push("data: b\r\r");
  drain(framer, out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].bytes, "data: b\r\r");
  SseFramer pairs(100);
  out.clear();
  pairs.push("data: a\r\n\r");
  drain(pairs, out);
  EXPECT_TRUE(out.empty());
  pairs.push("\n");
  drain(pairs, out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].bytes, "data: a\r\n\r\n");
}

TEST(Sse, CapIsTheSameForEverySplit) {
  for (const std::string& end :
       {std::string("\n\n"), std::string("\r\n\r\n"), std::string("\r\r")}) {
    for (size_t size : {49u, 50u, 51u, 80u}) {
      std::string event = "data: ";
      event.append(size - event.size() - end.size(), 'x').append(end);
      std::string text = "data: y\n\n" + event + "data: z\n\n";
      bool over = false;
      auto expected = frames({text}, 50, &over);
      EXPECT_EQ(over, size > 50);
      EXPECT_EQ(expected.size(), size > 50 ? 1u : 3u);
      for (size_t cut = 0; cut <= text.size(); ++cut) {
        bool again = false;
        std::string_view view = text;
        EXPECT_EQ(frames({view.substr(0, cut), view.substr(cut)}, 50, &again), expected);
        EXPECT_EQ(again, over);
      }
    }
  }
  bool over = false;
  EXPECT_TRUE(frames({"data: "
                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
                     20, &over)
                  .empty());
  EXPECT_TRUE(over);
  EXPECT_EQ(frames({std::string(100, '\n')}, 20, &over).size(), 0u);
  EXPECT_FALSE(over);
}

TEST(Sse, AnySplitGivesTheSameFrames) {
  Random random(11);
  const std::string_view tokens[] = {
      "data",  ":",    " ",    "\n", "\r",       "\r\n",         "x",
      "event", "\n\n", "\r\r", ": ", "data: {}", "\xEF\xBB\xBF", "id"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (uint64_t n = random.below(24); n > 0; --n) text += tokens[random.below(14)];
    bool over = false, again = false;
    auto expected = frames({text}, 20, &over);
    std::string_view rest = text;
    std::vector<std::string_view> pieces;
    while (!rest.empty()) {
      size_t size = round % 2 == 0 ? 1 : std::min<size_t>(rest.size(), 1 + random.below(6));
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(frames(pieces, 20, &again), expected) << testing::PrintToString(text);
    ASSERT_EQ(again, over);
    std::string joined;
    for (const Seen& frame : expected) joined += frame.bytes;
    ASSERT_LE(joined.size(), text.size());
  }
}

// What is looked at, counted by what is kept: a byte at a time must not copy the event each time.
TEST(Sse, ByteByByteAMegabyte) {
  std::string event = "data: " + std::string((1u << 20) - 8, 'x') + "\n\n";
  SseFramer framer(1u << 20);
  SseFrame frame;
  size_t seen = 0;
  for (char c : event) {
    framer.push({&c, 1});
    if (framer.next(frame)) ++seen;
  }
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(frame.bytes.size(), event.size());
  framer.push("");
  EXPECT_EQ(framer.buffered(), 0u);
}

}  // namespace keel::wire
