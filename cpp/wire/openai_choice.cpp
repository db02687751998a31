#include "wire/openai_choice.hpp"

#include <optional>
#include <string_view>

namespace keel::wire {

using json::Cursor;
using json::Kind;
using json::String;

void ChoiceReader::read(size_t position) {
  found_.any = true;
  size_t first = out_.pieces.size();
  auto number = static_cast<int64_t>(position);
  bool chat = operation_ == Operation::chat;
  bool finish = false;
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
      finish = !reason.raw.empty();
      out_.content_filtered |= reason.equals("content_filter");
      found_.error.present |= reason.equals("error");  // OpenRouter: the model failed midway
    } else if (key.equals("error")) {
      read_error_value(cursor_, found_.error);
    } else {
      cursor_.skip();
    }
  });
  if (number > kStreamIndexMax) found_.nonsense = "a choice beyond any index";
  found_.finish |= finish;
  if (finish) out_.ends.push_back(static_cast<uint16_t>(number));
  for (size_t i = first; i < out_.pieces.size(); ++i) {
    out_.pieces[i].lane.choice = static_cast<uint16_t>(number);
  }
}

void ChoiceReader::delta() {
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
  if (known == 2) same_reasoning_twice(reasonings[0], reasonings[1]);
}

// vLLM sends the same text under the old name and the new.
void ChoiceReader::same_reasoning_twice(Span first, Span second) {
  auto piece_at = [this](Span at) {
    size_t i = out_.pieces.size();
    while (out_.pieces[i - 1].at.offset != at.offset) --i;
    return i - 1;
  };
  size_t one = piece_at(first), two = piece_at(second);
  if (out_.pieces[one].text != out_.pieces[two].text) return;
  out_.pieces[one].beside = out_.pieces[two].at;
  out_.pieces.erase(out_.pieces.begin() + static_cast<std::ptrdiff_t>(two));
}

// A string, or a list of parts (Mistral's reasoning models).
void ChoiceReader::content(Part part) {
  if (cursor_.kind() == Kind::array) {
    cursor_.array([this, part](size_t) { content_part(part); });
  } else {
    text(part);
  }
}

void ChoiceReader::content_part(Part part) {
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

void ChoiceReader::tool_call(size_t position) {
  size_t first = out_.pieces.size();
  auto number = static_cast<int64_t>(position);  // where there is none (Gemini)
  Span id;
  object_or_skip([&](const String& key) {
    if (key.equals("index")) {
      index(number);
    } else if (key.equals("id")) {
      id = string_span(cursor_, frame_);
    } else if (key.equals("function") || key.equals("custom")) {
      tool_text();
    } else {
      cursor_.skip();
    }
  });
  if (number > kStreamIndexMax) found_.nonsense = "a tool call beyond any index";
  for (size_t i = first; i < out_.pieces.size(); ++i) {
    out_.pieces[i].lane.tool = static_cast<uint16_t>(number);
    out_.pieces[i].beside = id;
  }
}

void ChoiceReader::tool_text() {
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

void ChoiceReader::index(int64_t& out) {
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
    found_.nonsense = "an index that is none";
  }
}

Span ChoiceReader::text(Part part) {
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

void ChoiceReader::other_content() {
  found_.other_content |= cursor_.kind() != Kind::null;
  cursor_.skip();
}

Span string_span(Cursor& cursor, const SseFrame& frame) {
  String string;
  if (cursor.kind() == Kind::string && cursor.string(string)) {
    return frame.in_bytes(cursor.span_of(string));
  }
  cursor.skip();
  return {};
}

}  // namespace keel::wire
