#include "wire/openai_chunk.hpp"

#include "wire/errors.hpp"
#include "wire/hints.hpp"
#include "wire/json.hpp"
#include "wire/openai_choice.hpp"
#include "wire/openai_usage.hpp"

#include <string>
#include <utility>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

void read_error(ProviderError error, StreamEvent& out) {
  error.present = true;
  out.kind = StreamEvent::Kind::error;
  out.ends.clear();
  out.outcome.ended = Ended::unusable;
  out.outcome.status = 200;
  take_words(error, out.outcome);
  if (out.outcome.message.empty()) out.outcome.message = "the stream holds an error";
  out.outcome.hint = read_hint({}, error.retry_after, 0);
}

class ChunkReader {
 public:
  ChunkReader(Operation operation, const SseFrame& frame, StreamEvent& out)
      : operation_(operation), frame_(frame), cursor_(frame.data, kReplyDepthMax), out_(out) {}

  void read();

 private:
  void member(const String& key);
  void groq();
  void conclude();

  Operation operation_;
  const SseFrame& frame_;
  Cursor cursor_;
  StreamEvent& out_;
  ChoiceReader choices_{operation_, frame_, cursor_, out_};
  ProviderError error_;  // an error object, at the top
  ProviderError flat_;   // error words without one
  Counts counts_;
  bool has_usage_ = false;
};

void unparsable(std::string message, StreamEvent& out) {
  out.kind = StreamEvent::Kind::unparsable;
  out.pieces.clear();
  out.ends.clear();
  out.usage.reset();
  out.outcome.ended = Ended::unusable;
  out.outcome.status = 200;
  out.outcome.message = std::move(message);
}

void ChunkReader::read() {
  cursor_.object([this](const String& key) { member(key); });
  if (!cursor_.finish()) {
    return unparsable("an event of the stream is not JSON: " + cursor_.problem(), out_);
  }
  if (const char* nonsense = choices_.found().nonsense) {
    return unparsable(std::string("an event of the stream has ") + nonsense, out_);
  }
  conclude();
}

void ChunkReader::member(const String& key) {
  if (key.equals("choices")) {
    if (cursor_.kind() != Kind::array) {
      cursor_.skip();
      return;
    }
    cursor_.array([this](size_t position) { choices_.read(position); });
  } else if (key.equals("id")) {
    out_.id = string_span(cursor_, frame_);
  } else if (key.equals("model")) {
    out_.model = string_span(cursor_, frame_);
  } else if (key.equals("usage") && cursor_.kind() == Kind::object) {
    has_usage_ = true;
    counts_ = read_counts(cursor_);
  } else if (key.equals("error")) {
    read_error_value(cursor_, error_);
  } else if (key.equals("x_groq")) {
    groq();
  } else {
    read_flat_error_member(cursor_, key, flat_);
  }
}

// Groq's usage, of before it took stream_options, and its errors.
void ChunkReader::groq() {
  if (cursor_.kind() != Kind::object) {
    cursor_.skip();
    return;
  }
  cursor_.object([this](const String& key) {
    if (key.equals("usage") && cursor_.kind() == Kind::object && !has_usage_) {
      has_usage_ = true;
      counts_ = read_counts(cursor_);
    } else if (key.equals("error")) {
      read_error_value(cursor_, error_);
    } else {
      cursor_.skip();
    }
  });
}

void ChunkReader::conclude() {
  const ChoicesFound& choices = choices_.found();
  bool flat = !choices.any && !has_usage_ && (!flat_.message.empty() || !flat_.code.empty());
  if (error_.present) return read_error(std::move(error_), out_);
  if (choices.error.present) return read_error(choices.error, out_);
  if (flat || frame_.event == "error") return read_error(std::move(flat_), out_);
  if (has_usage_) out_.usage = counts_.usage(operation_);
  bool content = choices.other_content || !out_.pieces.empty();
  out_.kind = choices.finish               ? StreamEvent::Kind::finish
              : content                    ? StreamEvent::Kind::content
              : has_usage_ && !choices.any ? StreamEvent::Kind::usage
                                           : StreamEvent::Kind::lifecycle;
}

// Data that is no object: an error all the same, where the event's name or Gemini's list says so.
void read_other_data(const SseFrame& frame, std::string_view data, StreamEvent& out) {
  ProviderError error = read_error_body(data);
  Cursor cursor(data, kReplyDepthMax);
  if (frame.event == "error" && !error.present) {
    error.message = cut_utf8(data, kMessageBytesMax);
    error.present = true;
  }
  if (error.present) return read_error(std::move(error), out);
  Kind kind = cursor.kind();
  bool sound = cursor.skip() && cursor.finish();
  unparsable(sound ? "found " + std::string(name_of(kind)) +
                         " in an event of the stream, wanted a JSON object"
                   : "an event of the stream is not JSON: " + cursor.problem(),
             out);
}

}  // namespace

StreamEvent read_openai_event(Operation operation, const SseFrame& frame) {
  StreamEvent out;
  std::string_view data = trim(frame.data);
  bool utf8 = json::valid_utf8(frame.bytes);
  if (data.empty()) {
    // Clients parse whatever a field begins, so a frame of fields without data would end them.
    if (utf8 && frame.only_comments) out.bytes = frame.bytes;
    return out;
  }
  out.bytes = frame.bytes;
  if (!utf8) {
    unparsable("an event of the stream is not UTF-8", out);
  } else if (data == "[DONE]") {
    out.kind = StreamEvent::Kind::done;
  } else if (data[0] == '{') {
    ChunkReader(operation, frame, out).read();
  } else {
    read_other_data(frame, data, out);
  }
  return out;
}

}  // namespace keel::wire
