#include "wire/fallbacks.hpp"

#include "wire/facts.hpp"

#include <algorithm>
#include <utility>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

constexpr std::string_view kSpace = " \t\r\n";

// Goes on after a problem, so that the cursor ends behind the value; the first is kept.
struct Names {
  Cursor& cursor;
  std::vector<std::string>& out;
  std::string problem;

  void complain(std::string text) {
    if (problem.empty()) problem = std::move(text);
  }
  void name();
  void object();
  void list(bool objects);
};

void Names::name() {
  String text;
  if (!cursor.string(text)) return;
  std::string name = text.text();
  if (std::string wrong = model_name_problem(name); !wrong.empty()) return complain(wrong);
  if (out.size() == kFallbacksMax) {
    return complain("found more than " + std::to_string(kFallbacksMax) + " names, wanted fewer");
  }
  out.push_back(std::move(name));
}

void Names::object() {
  bool named = false;
  cursor.object([&](const String& key) {
    if (!named && key.equals("model") && cursor.kind() == Kind::string) {
      named = true;
      name();
    } else {
      cursor.skip();
    }
  });
  if (!named) complain("found an object without a model, wanted its name");
}

void Names::list(bool objects) {
  Kind kind = cursor.kind();
  if (kind != Kind::array) {
    cursor.skip();
    if (kind != Kind::null) complain("found " + std::string(name_of(kind)) + ", wanted an array");
    return;
  }
  cursor.array([&](size_t) {
    Kind element = cursor.kind();
    if (element == Kind::string) return name();
    if (element == Kind::object && objects) return object();
    cursor.skip();
    complain("found " + std::string(name_of(element)) + " in the list, wanted a model's name");
  });
}

}  // namespace

std::string read_models(Cursor& cursor, std::vector<std::string>& names) {
  Names reader{cursor, names, {}};
  reader.list(false);
  return reader.problem;
}

std::string read_fallbacks(Cursor& cursor, std::vector<std::string>& names) {
  Names reader{cursor, names, {}};
  reader.list(true);
  return reader.problem;
}

std::string model_name_problem(std::string_view name) {
  bool control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (name.empty()) return "found an empty name, wanted a model or a route";
  if (control) return "found a control character in the name of a model";
  if (name.size() <= kModelBytesMax) return {};
  return "found a name of " + std::to_string(name.size()) + " bytes, wanted at most " +
         std::to_string(kModelBytesMax);
}

Span member_with_comma(std::string_view text, size_t key_at, size_t value_end, bool kept_before) {
  if (kept_before) {
    size_t comma = text.rfind(',', key_at);
    return {comma, value_end - comma};
  }
  size_t next = text.find_first_not_of(kSpace, value_end);
  bool comma = next != std::string_view::npos && text[next] == ',';
  size_t end = comma ? next + 1 : value_end;
  return {key_at, end - key_at};
}

}  // namespace keel::wire
