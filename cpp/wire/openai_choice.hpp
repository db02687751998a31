#pragma once
// The choices in one event of a stream, read where its reader has come to.

#include "base/stream.hpp"
#include "wire/errors.hpp"
#include "wire/json.hpp"
#include "wire/sse.hpp"

#include <cstddef>
#include <cstdint>

namespace keel::wire {

// Indices of choices and tool calls beyond this are nonsense.
inline constexpr int64_t kStreamIndexMax = 1023;

// What stands in choices beside pieces.
struct ChoicesFound {
  bool any = false;
  bool finish = false;
  bool other_content = false;  // content that no lane can hold
  ProviderError error;
  const char* nonsense = nullptr;  // what it has that cannot be
};

class ChoiceReader {
 public:
  // Pieces, and whether content was filtered, go to `out`.
  ChoiceReader(Operation operation, const SseFrame& frame, json::Cursor& cursor, StreamEvent& out)
      : operation_(operation), frame_(frame), cursor_(cursor), out_(out) {}

  void read(size_t position);  // one choice, whatever it is
  const ChoicesFound& found() const { return found_; }

 private:
  using Part = Lane::Part;

  void delta();
  void same_reasoning_twice(Span one, Span two);
  void content(Part part);
  void content_part(Part part);
  void tool_call(size_t position);
  void tool_text();
  void index(int64_t& out);
  Span text(Part part);  // reads a string; gives its span and, if not empty, a piece
  void other_content();
  template <typename Member>
  void object_or_skip(Member&& member) {
    cursor_.kind() == json::Kind::object ? cursor_.object(member) : cursor_.skip();
  }

  Operation operation_;
  const SseFrame& frame_;
  json::Cursor& cursor_;
  StreamEvent& out_;
  ChoicesFound found_;
};

// Reads a value; where it lies in the frame's bytes if it is a string, else nothing.
Span string_span(json::Cursor& cursor, const SseFrame& frame);

}  // namespace keel::wire
