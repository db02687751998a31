#pragma once
// Reads streamed answers of OpenAI's dialect, with the oddities of those who speak it.

#include "wire/sse.hpp"
#include "wire/stream.hpp"

#include <string_view>
#include <vector>

namespace keel::wire {

class OpenAiStreamReader final : public StreamReader {
 public:
  explicit OpenAiStreamReader(Operation operation) : operation_(operation) {}

  void feed(std::string_view bytes, std::vector<StreamEvent>& out) override;
  void end(std::vector<StreamEvent>& out) override;

 private:
  void take_events(std::vector<StreamEvent>& out);

  Operation operation_;
  SseFramer framer_{kStreamEventBytesMax};
  bool over_ = false;      // the end marker came, or something unparsable
  bool finished_ = false;  // a finish_reason came
};

}  // namespace keel::wire
