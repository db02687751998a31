#include "config/document.hpp"

#include <algorithm>
#include <exception>
#include <sstream>

#include <yaml-cpp/eventhandler.h>

namespace keel::relay {

namespace {

constexpr size_t kMaxBytes = 4 << 20;

int line_at(std::string_view text, size_t at) {
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

// The length of the UTF-8 character at `at`, 0 if there is none.
size_t utf8_length(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  uint8_t first = static_cast<uint8_t>(byte(at));
  if (first < 0x80) return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  uint8_t second = static_cast<uint8_t>(byte(at + 1));
  if (first == 0xE0 && second < 0xA0) return 0;   // overlong
  if (first == 0xED && second >= 0xA0) return 0;  // a surrogate
  if (first == 0xF0 && second < 0x90) return 0;   // overlong
  if (first == 0xF4 && second >= 0x90) return 0;  // beyond Unicode
  return length;
}

// yaml-cpp takes byte 4 for the end of the file and replaces what is not UTF-8, both silently.
std::optional<Problem> unreadable(std::string_view text) {
  if (text.size() > kMaxBytes)
    return Problem{0, "", "found more than 4 MiB, wanted a configuration"};
  for (size_t at = 0; at < text.size();) {
    auto byte = static_cast<uint8_t>(text[at]);
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') {
      return Problem{line_at(text, at), "",
                     "found a control character (byte " + std::to_string(byte) + "), wanted text"};
    }
    size_t length = utf8_length(text, at);
    if (length == 0) return Problem{line_at(text, at), "", "found bytes that are not UTF-8"};
    at += length;
  }
  return std::nullopt;
}

std::optional<uint32_t> unicode_escape(std::string_view text, size_t at) {
  if (text.substr(at, 2) != "\\u" || at + 6 > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (char c : text.substr(at + 2, 4)) {
    uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                            : 16;
    if (digit == 16) return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

// JSON writes characters beyond U+FFFF as two \u escapes; YAML wants one \U of eight digits.
std::string joined_surrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    auto high = unicode_escape(text, at);
    auto low = high ? unicode_escape(text, at + 6) : std::nullopt;
    if (low && *high >= 0xD800 && *high < 0xDC00 && *low >= 0xDC00 && *low < 0xE000) {
      constexpr char kHex[] = "0123456789abcdef";
      uint32_t code = 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
      out += "\\U";
      for (int shift = 28; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 15];
      at += 12;
    } else {
      out += text.substr(at, 2);  // the escaped character too: it may be a backslash
      at += 2;
    }
  }
  return out;
}

bool looks_like_json(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

// Only notes where documents begin.
class Beginnings final : public YAML::EventHandler {
 public:
  std::vector<YAML::Mark> marks;

  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Nothing if the text is one document. Where a document begins with what none can begin with (a
// comma), yaml-cpp finds an empty one there, and another, without end: so only two are asked for.
std::optional<Problem> not_one_document(const std::string& text) {
  std::istringstream input(text);
  YAML::Parser parser(input);
  Beginnings beginnings;
  if (!parser.HandleNextDocument(beginnings)) {
    return Problem{0, "", "found nothing, wanted a configuration"};
  }
  if (!parser.HandleNextDocument(beginnings)) return std::nullopt;
  const YAML::Mark& second = beginnings.marks.back();
  if (second.pos == beginnings.marks.front().pos) {
    return Problem{second.line + 1, "", "not valid YAML: no value begins like this"};
  }
  return Problem{second.line + 1, "", "found a second document, wanted one"};
}

}  // namespace

std::optional<YAML::Node> parse_document(std::string_view text, std::vector<Problem>& problems) {
  if (auto problem = unreadable(text)) {
    problems.push_back(*problem);
    return std::nullopt;
  }
  try {
    std::string input = looks_like_json(text) ? joined_surrogates(text) : std::string(text);
    if (auto problem = not_one_document(input)) {
      problems.push_back(*problem);
      return std::nullopt;
    }
    YAML::Node document = YAML::Load(input);
    if (!document.IsNull()) return document;
    problems.push_back({0, "", "found nothing, wanted a configuration"});
  } catch (const YAML::Exception& e) {
    // Some messages end in a word of the file, which may be a key that lost its quotes.
    std::string message = e.msg.substr(0, e.msg.find(':'));
    problems.push_back({std::max(0, e.mark.line + 1), "", "not valid YAML: " + message});
  } catch (const std::exception&) {
    problems.push_back({0, "", "not valid YAML"});
  }
  return std::nullopt;
}

}  // namespace keel::relay
