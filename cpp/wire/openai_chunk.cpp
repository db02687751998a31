#include "wire/openai_chunk.hpp"

#include "wire/errors.hpp"
#include "wire/hints.hpp"
#include "wire/json.hpp"
#include "wire/openai_usage.hpp"

#include <string>
#include <utility>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;
using Part = Lane::Part;

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

class ChunkReader {
 public:
  ChunkReader(Operation operation, const SseFrame& frame, StreamEvent& out)
      : operation_(operation), frame_(frame), cursor_(frame.data, kReplyDepthMax), out_(out) {}

  void read();

 private:
  void member(const String& key);
  void choice(size_t position);
  void delta();
  void content(Part part);
  void content_part(Part part);
  void tool_call(size_t position);
  void tool_text();
  void groq();
  void index(int64_t& out);

  Span text(Part part);  // reads a string; gives its span and, if not empty, a piece
  Span string_span();
  void other_content();
  template <typename Member>
  void object_or_skip(Member&& member) {
    cursor_.kind() == Kind::object ? cursor_.object(member) : cursor_.skip();
  }

  void conclude();
  void fail(const ProviderError& error);

  Operation operation_;
  const SseFrame& frame_;
  Cursor cursor_;
  StreamEvent& out_;
  ProviderError error_;  // an error object, at the top or in a choice
  ProviderError flat_;   // error words without one
  Counts counts_;
  bool has_usage_ = false;
  bool has_choices_ = false;  // at least one
  bool finish_ = false;
  bool other_content_ = false;  // content that no lane can hold
  const char* nonsense_ = nullptr;
};

void unparsable(std::string message, StreamEvent& out) {
  out.kind = StreamEvent::Kind::unparsable;
  out.pieces.clear();
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
  if (nonsense_) return unparsable(std::string("an event of the stream has ") + nonsense_, out_);
  conclude();
}

void ChunkReader::member(const String& key) {
  if (key.equals("choices")) {
    if (cursor_.kind() != Kind::array) {
      cursor_.skip();
      return;
    }
    cursor_.array([this](size_t position) { choice(position); });
  } else if (key.equals("id")) {
    out_.id = string_span();
  } else if (key.equals("model")) {
    out_.model = string_span();
  } else if (key.equals("usage")) {
    has_usage_ |= cursor_.kind() == Kind::object;
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
  object_or_skip([this](const String& key) {
    if (key.equals("usage") && !has_usage_) {
      has_usage_ = cursor_.kind() == Kind::object;
      counts_ = read_counts(cursor_);
    } else if (key.equals("error")) {
      read_error_value(cursor_, error_);
    } else {
      cursor_.skip();
    }
  });
}

void ChunkReader::choice(size_t position) {
  has_choices_ = true;
  size_t first = out_.pieces.size();
  auto number = static_cast<int64_t>(position);
  bool chat = operation_ == Operation::chat;
  object_or_skip([&](const String& key) {
    if (key.equals("index")) {
      index(number);
    } else if (chat && key.equals("delta")) {
      delta();
    } else if (!chat && key.equals("text")) {
      text(Part::text);
    } else if (key.equals("finish_reason") && cursor_.kind() == Kind::string) {
      String reason;
      cursor_.string(reason);
      finish_ |= !reason.raw.empty();
      out_.content_filtered |= reason.equals("content_filter");
      error_.present |= reason.equals("error");  // OpenRouter: the model failed midway
    } else if (key.equals("error")) {
      read_error_value(cursor_, error_);
    } else {
      cursor_.skip();
    }
  });
  if (number > kStreamIndexMax) nonsense_ = "a choice beyond any index";
  for (size_t i = first; i < out_.pieces.size(); ++i) {
    out_.pieces[i].lane.choice = static_cast<uint16_t>(number);
  }
}

void ChunkReader::delta() {
  Span reasonings[2];
  int known = 0;
  object_or_skip([&](const String& key) {
    if (key.equals("content")) {
      content(Part::text);
    } else if (key.equals("reasoning_content") || key.equals("reasoning")) {
      Span at = text(Part::reasoning);
      if (!at.empty() && known < 2) reasonings[known++] = at;
    } else if (key.equals("refusal")) {
      text(Part::refusal);
    } else if (key.equals("tool_calls") && cursor_.kind() == Kind::array) {
      cursor_.array([this](size_t position) { tool_call(position); });
    } else if (key.equals("function_call")) {
      tool_text();
    } else if (key.equals("audio") || key.equals("images")) {
      other_content();
    } else {
      cursor_.skip();
    }
  });
  if (known < 2) return;
  // vLLM sends the same text under the old name and the new.
  auto piece_at = [this](Span at) {
    size_t i = out_.pieces.size();
    while (out_.pieces[i - 1].at.offset != at.offset) --i;
    return i - 1;
  };
  size_t one = piece_at(reasonings[0]), two = piece_at(reasonings[1]);
  if (out_.pieces[one].text != out_.pieces[two].text) return;
  out_.pieces[one].beside = out_.pieces[two].at;
  out_.pieces.erase(out_.pieces.begin() + static_cast<std::ptrdiff_t>(two));
}

// A string, or a list of parts (Mistral's reasoning models).
void ChunkReader::content(Part part) {
  if (cursor_.kind() == Kind::array) {
    cursor_.array([this, part](size_t) { content_part(part); });
  } else {
    text(part);
  }
}

void ChunkReader::content_part(Part part) {
  if (cursor_.kind() != Kind::object) {
    text(part);
    return;
  }
  cursor_.object([&](const String& key) {
    if (key.equals("text")) {
      text(part);
    } else if (key.equals("thinking")) {
      content(Part::reasoning);
    } else if (key.equals("image_url")) {
      other_content();
    } else {
      cursor_.skip();
    }
  });
}

void ChunkReader::tool_call(size_t position) {
  size_t first = out_.pieces.size();
  auto number = static_cast<int64_t>(position);  // where there is none (Gemini)
  Span id;
  object_or_skip([&](const String& key) {
    if (key.equals("index")) {
      index(number);
    } else if (key.equals("id")) {
      id = string_span();
    } else if (key.equals("function") || key.equals("custom")) {
      tool_text();
    } else {
      cursor_.skip();
    }
  });
  if (number > kStreamIndexMax) nonsense_ = "a tool call beyond any index";
  for (size_t i = first; i < out_.pieces.size(); ++i) {
    out_.pieces[i].lane.tool = static_cast<uint16_t>(number);
    out_.pieces[i].beside = id;
  }
}

void ChunkReader::tool_text() {
  object_or_skip([this](const String& key) {
    if (key.equals("name")) {
      text(Part::tool_name);
    } else if (key.equals("arguments") || key.equals("input")) {
      cursor_.kind() == Kind::object ? other_content()
                                     : static_cast<void>(text(Part::tool_arguments));
    } else {
      cursor_.skip();
    }
  });
}

void ChunkReader::index(int64_t& out) {
  if (cursor_.kind() == Kind::null) {
    cursor_.skip();
    return;
  }
  std::string_view number;
  std::optional<int64_t> value;
  if (cursor_.kind() == Kind::number && cursor_.number(number)) {
    std::optional<json::Decimal> decimal = json::decimal_of(number);
    if (decimal) value = decimal->integer();
  } else {
    cursor_.skip();
  }
  if (value && *value >= 0 && *value <= kStreamIndexMax) {
    out = *value;
  } else {
    nonsense_ = "an index that is none";
  }
}

Span ChunkReader::text(Part part) {
  String string;
  if (cursor_.kind() != Kind::string) {
    cursor_.skip();
    return {};
  }
  if (!cursor_.string(string) || string.raw.empty()) return {};
  StreamEvent::Piece& piece = out_.pieces.emplace_back();
  piece.lane.part = part;
  piece.text = string.text();
  piece.at = frame_.in_bytes(cursor_.span_of(string));
  return piece.at;
}

Span ChunkReader::string_span() {
  String string;
  if (cursor_.kind() == Kind::string && cursor_.string(string)) {
    return frame_.in_bytes(cursor_.span_of(string));
  }
  cursor_.skip();
  return {};
}

void ChunkReader::other_content() {
  other_content_ |= cursor_.kind() != Kind::null;
  cursor_.skip();
}

void ChunkReader::conclude() {
  bool flat = !has_choices_ && !has_usage_ && (!flat_.message.empty() || !flat_.code.empty());
  if (error_.present || flat || frame_.event == "error") {
    return fail(error_.present ? error_ : flat_);
  }
  if (has_usage_) out_.usage = counts_.usage(operation_);
  out_.kind = finish_                                  ? StreamEvent::Kind::finish
              : other_content_ || !out_.pieces.empty() ? StreamEvent::Kind::content
              : has_usage_ && !has_choices_            ? StreamEvent::Kind::usage
                                                       : StreamEvent::Kind::lifecycle;
}

void read_error(ProviderError error, StreamEvent& out) {
  error.present = true;
  out.kind = StreamEvent::Kind::error;
  out.outcome.ended = Ended::unusable;
  out.outcome.status = 200;
  take_words(error, out.outcome);
  if (out.outcome.message.empty()) out.outcome.message = "the stream holds an error";
  out.outcome.hint = read_hint({}, error.retry_after, 0);
}

void ChunkReader::fail(const ProviderError& error) {
  read_error(error, out_);
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
