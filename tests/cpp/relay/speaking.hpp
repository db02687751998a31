#pragma once
// One short stream of OpenAI's for tests that care little what is said, and a driver whose calls
// are answered with it, frame by frame.

#include "relay/driven.hpp"
#include "wire/exchange.hpp"

#include <string>
#include <vector>

namespace keel::relay {

inline std::string spoken_frame(const std::string& delta, const char* finish = "null") {
  return R"(data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,)"
         R"("delta":)" +
         delta + R"(,"finish_reason":)" + finish + "}]}\n\n";
}

inline const std::vector<std::string> kSpoken = {
    spoken_frame(R"({"role":"assistant","content":""})"), spoken_frame(R"({"content":"To be"})"),
    spoken_frame("{}", "\"stop\""),
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":10,"
    "\"total_tokens\":30}}\n\n",
    "data: [DONE]\n\n"};
// What a caller gets of it who has not asked for the usage.
inline const std::string kSpokenWhole = kSpoken[0] + kSpoken[1] + kSpoken[2] + kSpoken[4];

inline Request spoken_to() {
  return Driven::with_body(
      R"({"model":"main","stream":true,"messages":[{"role":"user","content":"hi"}]})");
}

template <typename Base>
class Speaking : public Base {
 public:
  using Base::Base;

  CallId come_streaming() { return this->come(spoken_to()); }
  // The frames from one to before another.
  void say(CallId call, size_t from, size_t to) {
    const AttemptId id = this->asked.at(call).back();
    auto reader = wire::dialect_named("openai")->stream_reader(Operation::chat);
    this->feed(Sent{id});
    for (size_t i = from; i < to; ++i) {
      std::vector<StreamEvent> events;
      reader->feed(kSpoken[i], events);
      for (StreamEvent& event : events)
        this->feed(Streamed{.attempt = id, .event = std::move(event)});
    }
    this->wait(Duration::zero());
  }
  void close(CallId call, Ended how = Ended::replied) {
    Outcome outcome;
    outcome.ended = how;
    outcome.status = 200;
    this->feed(Finished{.attempt = this->asked.at(call).back(), .outcome = outcome});
    this->wait(Duration::zero());
  }
};

}  // namespace keel::relay
