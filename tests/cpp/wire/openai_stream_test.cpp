#include "wire/openai_stream.hpp"

#include "base/random.hpp"
#include "wire/streams.hpp"

#include <gtest/gtest.h>

namespace keel::wire {

using Kind = StreamEvent::Kind;
using Part = Lane::Part;

static StreamEvent one(const std::string& frame, Operation operation = Operation::chat) {
  auto events = events_of(frame, operation);
  EXPECT_EQ(events.size(), 1u) << frame;
  return events.empty() ? StreamEvent{} : events[0];
}

static StreamEvent chunk(const std::string& json) {
  StreamEvent event = one("data: " + json + "\n\n");
  EXPECT_EQ(event.bytes, "data: " + json + "\n\n");
  for (const StreamEvent::Piece& piece : event.pieces) {
    EXPECT_FALSE(piece.text.empty());
    EXPECT_EQ(event.bytes[piece.at.offset], '"') << json;
    EXPECT_EQ(event.bytes[piece.at.end() - 1], '"') << json;
  }
  return event;
}

static StreamEvent delta(const std::string& members) {
  return chunk(R"({"choices":[{"index":0,"delta":{)" + members + R"(},"finish_reason":null}]})");
}

TEST(OpenAiStream, RecordedStreamsKeepTheirBytes) {
  for (const char* name : {"chat-streaming", "chat-streaming-detailed-usage"}) {
    std::string body = stream_sample(name);
    auto events = events_of(body);
    std::string bytes;
    for (const StreamEvent& event : events) bytes += event.bytes;
    EXPECT_EQ(bytes, body);
    EXPECT_EQ(events.front().kind, Kind::lifecycle);
    EXPECT_EQ(events.back().kind, Kind::done);
  }
  auto events = events_of(stream_sample("chat-streaming"));
  EXPECT_EQ(lane_text(events).substr(0, 12), "Hi there! Ho");
  EXPECT_EQ(events[events.size() - 2].kind, Kind::finish);
  const StreamEvent& first = events.front();
  EXPECT_EQ(first.bytes.substr(first.id.offset, first.id.length),
            "\"chatcmpl-C4HqHBe4xca0k0EzsCnf1t6V3YFXp\"");
  EXPECT_EQ(first.bytes.substr(first.model.offset, first.model.length),
            "\"gpt-5-nano-2025-08-07\"");
  auto usage = events_of(stream_sample("chat-streaming-detailed-usage"));
  ASSERT_EQ(usage.size(), 4u);
  EXPECT_EQ(usage[1].kind, Kind::finish);
  EXPECT_EQ(usage[2].kind, Kind::usage);
  EXPECT_EQ(usage[2].usage, (Usage{12, 0, 0, 100, 100}));
}

TEST(OpenAiStream, ProvidersOddities) {
  auto kinds = [](const char* name) {
    std::string out;
    for (const StreamEvent& event : events_of(stream_sample(name))) {
      out += "lcfueUd"[static_cast<size_t>(event.kind)];
      if (event.usage) out += '$';
      if (event.bytes.empty()) out += '-';
    }
    return out;
  };
  EXPECT_EQ(kinds("chat-streaming-with-cache"), "cf$d");
  EXPECT_EQ(kinds("chat-streaming-with-tool-calls"), "cfl$");  // its end marker has no blank line
  EXPECT_EQ(kinds("deepseek-usage-null"), "lccf$d");
  EXPECT_EQ(kinds("empty-sse-frames"), "cl-f$d");
  EXPECT_EQ(kinds("openrouter-double-finish"), "ccff$d");
  EXPECT_EQ(kinds("usage-only-final-chunk"), "cfu$d");
  EXPECT_EQ(kinds("null-finish-reason"), "lcf$d");
  EXPECT_EQ(kinds("kong-text-event-stream"), "lcf");
  EXPECT_EQ(kinds("anthropic-mismatch"), "llllul");
}

TEST(OpenAiStream, EverySplitPointGivesTheSameEvents) {
  for (const char* name : kStreamSamples) {
    std::string text = stream_sample(name);
    std::string_view view = text;
    std::string expected = told(events_of(view));
    for (size_t cut = 0; cut <= view.size(); ++cut) {
      ASSERT_EQ(told(events_of({view.substr(0, cut), view.substr(cut)})), expected) << name << cut;
    }
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
    EXPECT_EQ(told(events_of(bytes)), expected) << name;
  }
}

TEST(OpenAiStream, Lifecycle) {
  for (const char* members :
       {"", R"("role":"assistant")", R"("role":"assistant","content":"","refusal":null)",
        R"("content":null)", R"("content":[])", R"("tool_calls":[])", R"("tool_calls":null)",
        R"("tool_calls":[{"index":0,"id":"c","function":{"name":"","arguments":""}}])",
        R"("reasoning":"","reasoning_content":null)", R"("audio":null)", R"("annotations":[{}])"}) {
    EXPECT_EQ(delta(members).kind, Kind::lifecycle) << members;
  }
  for (const char* json :
       {"{}", R"({"choices":[]})", R"({"choices":null})", R"({"type":"ping"})",
        R"({"choices":[{}]})", R"({"choices":[null]})", R"({"choices":[{"finish_reason":""}]})",
        R"({"choices":[],"usage":null})", R"({"choices":[{"message":{"content":"x"}}]})",
        // Azure's first, and its annotations
        R"({"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{}]})",
        R"({"choices":[{"content_filter_offsets":{"check_offset":1},)"
        R"("finish_reason":null,"index":0}]})"}) {
    EXPECT_EQ(chunk(json).kind, Kind::lifecycle) << json;
  }
}

TEST(OpenAiStream, CommentsAndEmptyFrames) {
  for (const char* text : {": OPENROUTER PROCESSING\n\n", ": keep-alive\n\n", ":\r\n\r\n"}) {
    EXPECT_EQ(one(text).kind, Kind::lifecycle);
    EXPECT_EQ(one(text).bytes, text);
  }
  for (const char* text : {"data:\n\n", "data: \n\n", "data\n\n", "data:  \r\n\r\n",
                           "event: ping\n\n", "id: 1\n\n", "retry: 3000\n\n", ": x\nevent: y\n\n",
                           ": x\ndata:\n\n", ": \xFF\n\n", "\xFF\n\n", "data:\ndata:\n\n"}) {
    EXPECT_EQ(one(text).kind, Kind::lifecycle) << text;
    EXPECT_EQ(one(text).bytes, "") << text;
  }
  StreamEvent mixed = one(": a\ndata: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
  EXPECT_EQ(mixed.kind, Kind::content);
  EXPECT_EQ(mixed.bytes.substr(mixed.pieces[0].at.offset, 3), "\"x\"");
  EXPECT_EQ(one("event: ping\ndata: {\"type\": \"ping\"}\n\n").kind, Kind::lifecycle);
}

TEST(OpenAiStream, ContentInItsLanes) {
  struct Case {
    const char* members;
    Part part;
    int tool;
    const char* text;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"("content":"h\u00e9")", Part::text, 0, "h\u00e9"},
           {R"("role":"assistant","content":"x")", Part::text, 0, "x"},
           {R"("reasoning_content":"r")", Part::reasoning, 0, "r"},
           {R"("reasoning":"r")", Part::reasoning, 0, "r"},
           {R"("reasoning":"r","reasoning_content":"r","content":"")", Part::reasoning, 0, "r"},
           {R"("refusal":"no")", Part::refusal, 0, "no"},
           {R"("tool_calls":[{"index":3,"function":{"arguments":"{"}}])", Part::tool_arguments, 3,
            "{"},
           {R"("tool_calls":[{"function":{"name":"f","arguments":""},"index":1}])", Part::tool_name,
            1, "f"},
           {R"("tool_calls":[{"function":{"name":"f"},"index":null}])", Part::tool_name, 0, "f"},
           {R"("tool_calls":[{},{"function":{"name":"f"}}])", Part::tool_name, 1, "f"},
           {R"("tool_calls":[{"index":0,"custom":{"input":"x"}}])", Part::tool_arguments, 0, "x"},
           {R"("function_call":{"name":"f"})", Part::tool_name, 0, "f"},
           {R"("function_call":{"arguments":"{}"})", Part::tool_arguments, 0, "{}"},
           {R"("content":[{"type":"text","text":"m"}])", Part::text, 0, "m"},
           {R"("content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]}])",
            Part::reasoning, 0, "t"},
           {R"("con\u0074ent":"x")", Part::text, 0, "x"},
       }) {
    StreamEvent event = delta(c.members);
    EXPECT_EQ(event.kind, Kind::content) << c.members;
    ASSERT_EQ(event.pieces.size(), 1u) << c.members;
    Lane lane{0, c.part, static_cast<uint16_t>(c.tool)};
    EXPECT_EQ(event.pieces[0].lane, lane) << c.members;
    EXPECT_EQ(event.pieces[0].text, c.text);
  }
  StreamEvent both = delta(R"("reasoning":"a","content":"b","reasoning_content":"c")");
  ASSERT_EQ(both.pieces.size(), 3u);
  EXPECT_TRUE(both.pieces[0].beside.empty());
  // What no lane can hold is content all the same.
  for (const char* members :
       {R"("audio":{"id":"a","data":"AA=="})", R"("images":[{"image_url":{"url":"x"}}])",
        R"("tool_calls":[{"function":{"arguments":{"a":1}}}])"}) {
    EXPECT_EQ(delta(members).kind, Kind::content) << members;
    EXPECT_TRUE(delta(members).pieces.empty()) << members;
  }
}

TEST(OpenAiStream, Choices) {
  StreamEvent event = chunk(
      R"({"choices":[{"delta":{"content":"b"},"index":1},{"delta":{"content":"a"}},
          {"index":0,"delta":{"tool_calls":[{"index":2,"function":{"name":"f"}}]}}]})");
  EXPECT_EQ(event.kind, Kind::unparsable);  // the line break ends the data
  event = chunk(R"({"choices":[{"delta":{"content":"b"},"index":4},)"
                R"({"delta":{"content":"a"}},)"
                R"({"index":0,"delta":{"tool_calls":[{"index":2,"function":{"name":"f"}}]}}]})");
  ASSERT_EQ(event.pieces.size(), 3u);
  EXPECT_EQ(event.pieces[0].lane, (Lane{4, Part::text, 0}));
  EXPECT_EQ(event.pieces[1].lane, (Lane{1, Part::text, 0}));
  EXPECT_EQ(event.pieces[2].lane, (Lane{0, Part::tool_name, 2}));
  for (const char* index : {"-1", "1.5", "1024", "\"0\"", "{}", "1e99"}) {
    EXPECT_EQ(chunk(std::string(R"({"choices":[{"index":)") + index + "}]}").kind, Kind::unparsable)
        << index;
  }
}

TEST(OpenAiStream, SaysWhichChoicesEnd) {
  EXPECT_EQ(chunk(R"({"choices":[{"index":0,"finish_reason":null}]})").ends.size(), 0u);
  EXPECT_EQ(chunk(R"({"choices":[{"finish_reason":"stop"}]})").ends, std::vector<uint16_t>{0});
  const auto two = chunk(R"({"choices":[{"finish_reason":"stop","index":3},{"index":1},)"
                         R"({"index":2,"delta":{},"finish_reason":"length"}]})");
  EXPECT_EQ(two.ends, (std::vector<uint16_t>{3, 2}));
  EXPECT_TRUE(chunk(R"({"choices":[{"finish_reason":"error"}]})").ends.empty());
  EXPECT_TRUE(chunk(R"({"choices":[{"finish_reason":"stop"}]}})").ends.empty());
}

TEST(OpenAiStream, Finish) {
  for (const char* reason : {"stop", "length", "tool_calls", "model_length", "weird"}) {
    StreamEvent event =
        chunk(R"({"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":")" +
              std::string(reason) +
              R"("}],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}})");
    EXPECT_EQ(event.kind, Kind::finish);
    EXPECT_EQ(event.pieces.size(), 1u);
    EXPECT_EQ(event.usage, (Usage{5, 0, 0, 3, 0}));
    EXPECT_FALSE(event.content_filtered);
  }
  StreamEvent filtered =
      chunk(R"({"choices":[{"delta":{},"finish_reason":"content_filter"}],"usage":{}})");
  EXPECT_EQ(filtered.kind, Kind::finish);
  EXPECT_TRUE(filtered.content_filtered);
  EXPECT_EQ(filtered.usage, std::nullopt);
}

TEST(OpenAiStream, UsageOnlyWhenItIsTheWhole) {
  constexpr const char* counts = R"("usage":{"prompt_tokens":5,"completion_tokens":3}})";
  EXPECT_EQ(chunk(R"({"choices":[],)" + std::string(counts)).kind, Kind::usage);
  EXPECT_EQ(chunk(R"({"choices":[],)" + std::string(counts)).usage, (Usage{5, 0, 0, 3, 0}));
  EXPECT_EQ(chunk(std::string("{") + counts).kind, Kind::usage);
  StreamEvent nonsense = chunk(R"({"choices":[],"usage":{"prompt_tokens":-1}})");
  EXPECT_EQ(nonsense.kind, Kind::usage);
  EXPECT_EQ(nonsense.usage, std::nullopt);
  // xAI counts on with every event; only behind the end it is what will be billed.
  std::string growing = R"({"choices":[{"delta":{"content":"x"}}],)" + std::string(counts);
  EXPECT_EQ(chunk(growing).usage, std::nullopt);
  auto events =
      events_of("data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: " + growing + "\n\n");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_TRUE(events[1].usage.has_value());
  StreamEvent groq =
      chunk(R"({"choices":[{"delta":{},"finish_reason":"stop"}],)"
            R"("x_groq":{"id":"r","usage":{)"
            R"("queue_time":0.1,"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}})");
  EXPECT_EQ(groq.usage, (Usage{7, 0, 0, 2, 0}));
  EXPECT_TRUE(chunk(R"({"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":2}},)"
                    R"("choices":[{"finish_reason":"stop"}],"usage":null})")
                  .usage.has_value());
  EXPECT_EQ(chunk(R"({"choices":[{"delta":{"role":"assistant"}}],"x_groq":{"id":"r"}})").kind,
            Kind::lifecycle);
}

TEST(OpenAiStream, Errors) {
  struct Case {
    const char* frame;
    ErrorCode code;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"(data: {"error":{"message":"slow","type":"rate_limit_error","code":"x"}})",
            ErrorCode::rate_limited, "slow"},
           {R"(data: {"error":"text"})", ErrorCode::none, "text"},
           {R"(data: {"error":{"code":503}})", ErrorCode::server_error,
            "the stream holds an error"},
           {R"(data: {"id":"gen","error":{"code":502,"message":"gone"},)"
            R"("choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]})",
            ErrorCode::server_error, "gone"},
           {R"(data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}]})",
            ErrorCode::none, "the stream holds an error"},
           {R"(data: {"choices":[{"error":{"message":"m","code":"server_error"}}]})",
            ErrorCode::server_error, "m"},
           {R"(data: {"object":"error","message":"vllm","type":"BadRequestError","code":400})",
            ErrorCode::invalid_request, "vllm"},
           {R"(data: [{"error":{"code":429,"message":"g","status":"RESOURCE_EXHAUSTED"}}])",
            ErrorCode::rate_limited, "g"},
           {"event: error\ndata: {\"message\":\"m\"}", ErrorCode::none, "m"},
           {"event: error\ndata: {}", ErrorCode::none, "the stream holds an error"},
           {"event: error\ndata: gone away", ErrorCode::none, "gone away"},
           {R"(data: {"type":"error","error":{"type":"overloaded_error","message":"o"}})",
            ErrorCode::overloaded, "o"},
           {R"(data: {"x_groq":{"error":{"message":"over","code":"x"}}})", ErrorCode::none, "over"},
       }) {
    StreamEvent event = one(std::string(c.frame) + "\n\n");
    EXPECT_EQ(event.kind, Kind::error) << c.frame;
    EXPECT_EQ(event.outcome.ended, Ended::unusable);
    EXPECT_EQ(event.outcome.status, 200);
    EXPECT_EQ(event.outcome.code, c.code) << c.frame;
    EXPECT_EQ(event.outcome.message, c.message) << c.frame;
  }
  EXPECT_EQ(one("data: {\"error\":null,\"choices\":[]}\n\n").kind, Kind::lifecycle);
  StreamEvent gemini =
      one(R"(data: {"error":{"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"2.5s"}]}})"
          "\n\n");
  EXPECT_EQ(gemini.outcome.hint.after, milliseconds(2500));
}

TEST(OpenAiStream, UnparsableEndsIt) {
  struct Case {
    std::string data;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"{\"a\":", "an event of the stream is not JSON: byte 5: a value wanted"},
           {"hello", "an event of the stream is not JSON: byte 0: a value wanted"},
           {"{} x", "an event of the stream is not JSON: byte 3: the end wanted"},
           {"null", "found null in an event of the stream, wanted a JSON object"},
           {"[1]", "found an array in an event of the stream, wanted a JSON object"},
           {"\"x\"", "found a string in an event of the stream, wanted a JSON object"},
           {"{\"a\":\"\xFF\"}", "an event of the stream is not UTF-8"},
           {"[DONE", "an event of the stream is not JSON: byte 1: a value wanted"},
       }) {
    std::string frame = "data: " + c.data + "\n\n";
    auto events = events_of(frame + "data: {}\n\ndata: [DONE]\n\n");
    ASSERT_EQ(events.size(), 1u) << c.data;
    EXPECT_EQ(events[0].kind, Kind::unparsable);
    EXPECT_EQ(events[0].outcome.ended, Ended::unusable);
    EXPECT_EQ(events[0].outcome.message, c.message);
    EXPECT_EQ(events[0].bytes, frame);
  }
  std::string deep(70, '[');
  EXPECT_EQ(one("data: {\"a\":" + deep + "\n\n").kind, Kind::unparsable);
}

TEST(OpenAiStream, AnEventBeyondTheCap) {
  std::string text = R"(data: {"choices":[{"delta":{"content":")";
  std::string tail = "\"}}]}\n\n";
  std::string fits =
      text + std::string(kStreamEventBytesMax - text.size() - tail.size(), 'x') + tail;
  EXPECT_EQ(one(fits).kind, Kind::content);
  fits.insert(text.size(), 1, 'x');
  StreamEvent over = one(fits);
  EXPECT_EQ(over.kind, Kind::unparsable);
  EXPECT_EQ(over.outcome.message, "an event of the stream is longer than 1048576 bytes");
  auto reader = dialect_named("openai")->stream_reader(Operation::chat);
  std::vector<StreamEvent> events;
  for (int i = 0; i < 40; ++i) reader->feed(std::string(64 * 1024, 'x'), events);
  reader->end(events);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::unparsable);
}

TEST(OpenAiStream, DoneIsTheEnd) {
  for (const char* done : {"data: [DONE]\n\n", "data:[DONE]\n\n", "data: [DONE] \r\n\r\n",
                           "event: done\ndata: [DONE]\n\n"}) {
    auto events = events_of(std::string(done) + "data: {}\n\nxx");
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, Kind::done);
    EXPECT_EQ(events[0].bytes, done);
  }
  EXPECT_TRUE(events_of("data: [DONE]\n").empty());
  EXPECT_TRUE(events_of("").empty());
  auto reader = dialect_named("openai")->stream_reader(Operation::chat);
  std::vector<StreamEvent> events;
  reader->end(events);
  reader->feed("data: [DONE]\n\n", events);
  EXPECT_TRUE(events.empty());
}

TEST(OpenAiStream, Completions) {
  auto text = [](const std::string& json) {
    return one("data: " + json + "\n\n", Operation::completions);
  };
  StreamEvent event = text(
      R"({"id":"cmpl-1","object":"text_completion",)"
      R"("choices":[{"text":"a","index":1,"logprobs":null,"finish_reason":null}],"model":"m"})");
  EXPECT_EQ(event.kind, Kind::content);
  ASSERT_EQ(event.pieces.size(), 1u);
  EXPECT_EQ(event.pieces[0].lane, (Lane{1, Part::text, 0}));
  EXPECT_EQ(text(R"({"choices":[{"text":""}]})").kind, Kind::lifecycle);
  EXPECT_EQ(text(R"({"choices":[{"delta":{"content":"x"}}]})").kind, Kind::lifecycle);
  EXPECT_EQ(text(R"({"choices":[{"text":"a","finish_reason":"length"}]})").kind, Kind::finish);
  EXPECT_EQ(chunk(R"({"choices":[{"text":"a"}]})").kind, Kind::lifecycle);
}

// Several lines of data join by LF; what is found in them is still found in the bytes.
TEST(OpenAiStream, DataInSeveralLines) {
  for (const std::string& end : {std::string("\n"), std::string("\r\n"), std::string("\r")}) {
    std::string frame = "data: {\"id\":" + end + ": note" + end + "data:\"x\", \"choices\" :[{" +
                        end + "data:   \"delta\":{\"content\":\"yz\"}}]" + end + "data" + end +
                        "data:}" + end + end;
    StreamEvent event = one(frame);
    EXPECT_EQ(event.kind, Kind::content) << event.outcome.message;
    EXPECT_EQ(event.bytes, frame);
    EXPECT_EQ(event.bytes.substr(event.id.offset, event.id.length), "\"x\"");
    EXPECT_EQ(event.bytes.substr(event.pieces[0].at.offset, event.pieces[0].at.length), "\"yz\"");
  }
}

// Damaged streams: no crash, spans stay inside, any split gives the same.
TEST(OpenAiStream, DamagedBytes) {
  Random random(3);
  std::vector<std::string> samples;
  for (const char* name : kStreamSamples) samples.push_back(stream_sample(name));
  for (int round = 0; round < 6000; ++round) {
    std::string text = samples[random.below(samples.size())];
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, 1 + random.below(8));
          break;
        case 2:
          text.insert(at, text.substr(random.below(text.size()), random.below(40)));
          break;
        default:
          text[at] = "\n\r:\"{}[],"[random.below(9)];
      }
    }
    auto events = events_of(text);
    std::string_view view = text;
    size_t cut = random.below(text.size());
    ASSERT_EQ(told(events_of({view.substr(0, cut), view.substr(cut)})), told(events));
    for (size_t i = 0; i < events.size(); ++i) {
      const StreamEvent& event = events[i];
      ASSERT_LE(event.id.end(), event.bytes.size());
      ASSERT_LE(event.model.end(), event.bytes.size());
      for (const auto& piece : event.pieces) ASSERT_LE(piece.at.end(), event.bytes.size());
      bool last = event.kind == Kind::done || event.kind == Kind::unparsable;
      ASSERT_TRUE(!last || i + 1 == events.size());
      restyle(event, "\"i\"", "\"m\"", std::vector<size_t>(event.pieces.size(), 1));
    }
  }
}

}  // namespace keel::wire
