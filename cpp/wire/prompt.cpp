#include "wire/prompt.hpp"

#include <algorithm>

namespace keel::wire {

using json::Kind;
using json::String;

void PromptReader::messages() {
  cursor_.array([this](size_t index) {
    ++messages_;
    message(index == 0);
  });
}

void PromptReader::message(bool first) {
  found_.ends_in_assistant = false;
  if (cursor_.kind() != Kind::object) return measure(weight_);
  members([&](const String& key) {
    if (key.equals("content")) {
      content(first);
    } else if (key.equals("role") && cursor_.kind() == Kind::string) {
      String role;
      if (!cursor_.string(role)) return;
      weight_.bytes += static_cast<int64_t>(role.text_size()) + 2;
      found_.ends_in_assistant = role.equals("assistant");
    } else if (key.equals("audio")) {  // an earlier spoken reply, by id
      opaques_ += is_set() ? 1 : 0;
    } else {
      measure(weight_);
    }
  });
}

void PromptReader::content(bool first) {
  if (cursor_.kind() == Kind::string) {
    String text;
    if (!cursor_.string(text)) return;
    weight_.bytes += static_cast<int64_t>(text.text_size());
    if (first) found_.first_text = cursor_.span_of(text);
  } else if (cursor_.kind() == Kind::array) {
    cursor_.array([this](size_t) { part(); });
  } else {
    measure(weight_);
  }
}

void PromptReader::part() {
  if (cursor_.kind() != Kind::object) return measure(weight_);
  members([this](const String& key) {
    if (key.equals("image_url") || key.equals("image") || key.equals("input_image")) {
      ++images_;
      found_.images = true;
      pass_over();
    } else if (key.equals("input_audio")) {
      audio();
    } else if (key.equals("file") || key.equals("document") || key.equals("input_file") ||
               key.equals("video") || key.equals("video_url") || key.equals("audio_url")) {
      document();
    } else {
      measure(weight_);
    }
  });
}

void PromptReader::audio() {
  Weight weight;
  measure(weight);
  ++audios_;
  audio_characters_ += weight.bytes;
  found_.audio = true;
}

void PromptReader::document() {
  ++opaques_;
  if (cursor_.kind() != Kind::object) return pass_over();
  members([this](const String& key) {
    if (key.equals("file_id")) {
      found_.side_effects |= is_set();
    } else {
      pass_over();
    }
  });
}

void PromptReader::input() {
  if (cursor_.kind() == Kind::string) {
    size_t begin = cursor_.offset();
    one_input();
    found_.inputs = 1;
    found_.first_text = {begin, cursor_.offset() - begin};
    return;
  }
  ++inputs_;
  cursor_.array([this](size_t) {
    Kind kind = cursor_.kind();
    found_.inputs += kind == Kind::string || kind == Kind::array ? 1 : 0;
    if (kind == Kind::array) {
      cursor_.array([this](size_t) { one_input(); });
      ++inputs_;
    } else {
      one_input();
    }
  });
  found_.inputs = std::max<int64_t>(found_.inputs, 1);  // a list of tokens is one
}

// A text, or one token of an input that comes as tokens.
void PromptReader::one_input() {
  String text;
  std::string_view token;
  switch (cursor_.kind()) {
    case Kind::string:
      if (!cursor_.string(text)) return;
      weight_.bytes += static_cast<int64_t>(text.text_size());
      ++inputs_;
      return;
    case Kind::number:
      if (cursor_.number(token)) ++tokens_;
      return;
    default:
      measure(weight_);
  }
}

void PromptReader::tools() {
  if (cursor_.kind() != Kind::array) return measure(weight_);
  cursor_.array([this](size_t) { tool(); });
}

void PromptReader::tool() {
  ++tools_;
  found_.tools = true;
  if (cursor_.kind() != Kind::object) return measure(weight_);
  weight_.marks += 2;
  members([this](const String& key) {
    weight_.bytes += static_cast<int64_t>(key.text_size()) + 2;
    weight_.marks += 2;
    if (key.equals("type") && cursor_.kind() == Kind::string) {
      String type;
      if (!cursor_.string(type)) return;
      weight_.bytes += static_cast<int64_t>(type.text_size()) + 2;
      // Any other type is a tool that the provider runs: web_search, code_interpreter, mcp ...
      if (!type.equals("function") && !type.equals("custom")) found_.side_effects = true;
    } else {
      measure(weight_);
    }
  });
}

void PromptReader::functions() {
  if (cursor_.kind() != Kind::array) return measure(weight_);
  cursor_.array([this](size_t) {
    ++tools_;
    found_.tools = true;
    measure(weight_);
  });
}

void PromptReader::measure(Weight& weight) {
  String text;
  std::string_view number;
  switch (cursor_.kind()) {
    case Kind::object:
      weight.marks += 2;
      return members([&](const String& key) {
        weight.bytes += static_cast<int64_t>(key.text_size()) + 2;
        weight.marks += 2;
        measure(weight);
      });
    case Kind::array:
      weight.marks += 2;
      cursor_.array([&](size_t) {
        ++weight.marks;
        measure(weight);
      });
      return;
    case Kind::string:
      if (cursor_.string(text)) weight.bytes += static_cast<int64_t>(text.text_size()) + 2;
      return;
    case Kind::number:
      if (cursor_.number(number)) weight.bytes += static_cast<int64_t>(number.size());
      return;
    default:
      weight.bytes += 5;  // true, false or null
      cursor_.skip();
  }
}

void PromptReader::pass_over() {
  Weight ignored;
  measure(ignored);
}

bool PromptReader::is_set() {
  bool value = true;
  if (cursor_.kind() == Kind::boolean) {
    cursor_.boolean(value);
    return value;
  }
  bool given = cursor_.kind() != Kind::null;
  pass_over();
  return given;
}

bool PromptReader::string_is(std::string_view wanted) {
  if (cursor_.kind() != Kind::string) {
    pass_over();
    return false;
  }
  String text;
  return cursor_.string(text) && text.equals(wanted);
}

int64_t PromptReader::tokens_bound() const {
  namespace b = bound;
  // Behind each mark a template may put white space: one more token.
  return b::kPerRequest + weight_.bytes + 2 * weight_.marks + tokens_ + messages_ * b::kPerMessage +
         inputs_ * b::kPerInput + tools_ * b::kPerTool + (tools_ > 0 ? b::kToolsPreamble : 0) +
         images_ * b::kPerImage + audios_ * b::kPerAudio +
         audio_characters_ / b::kAudioCharactersPerToken + opaques_ * b::kPerOpaque;
}

// A picture or a page or two of a document is about a thousand tokens; a second of audio, some
// 30,000 characters of base64 (between MP3 and WAV), 10 to 32.
int64_t PromptReader::tokens_estimate() const {
  return (weight_.bytes + weight_.marks) / 4 + tokens_ + messages_ * 4 +
         (images_ + opaques_) * 1000 + audio_characters_ / 1000 + 1;
}

}  // namespace keel::wire
