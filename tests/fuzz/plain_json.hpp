#pragma once
// Is this text JSON (RFC 8259)? A second opinion that shares nothing with the reader under test.

#include <cstddef>
#include <string_view>

namespace keel::fuzz {

class PlainJson {
 public:
  explicit PlainJson(std::string_view text) : text_(text) {}

  bool read() { return value(0) && (blanks(), text_.empty()); }

 private:
  static constexpr int kDepth = 200;

  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void blanks() {
    size_t n = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(n == std::string_view::npos ? text_.size() : n);
  }
  bool digits() {
    size_t n = text_.find_first_not_of("0123456789");
    n = n == std::string_view::npos ? text_.size() : n;
    text_.remove_prefix(n);
    return n > 0;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }
  bool string() {
    if (!take('"')) return false;
    while (!text_.empty() && text_[0] != '"') {
      if (static_cast<unsigned char>(text_[0]) < 0x20) return false;
      if (!take('\\')) {
        text_.remove_prefix(1);
      } else if (take('u')) {
        if (text_.substr(0, 4).find_first_not_of("0123456789abcdefABCDEF") != text_.npos ||
            text_.size() < 4) {
          return false;
        }
        text_.remove_prefix(4);
      } else {
        if (text_.empty() || std::string_view("\"\\/bfnrt").find(text_[0]) == text_.npos) {
          return false;
        }
        text_.remove_prefix(1);
      }
    }
    return take('"');
  }
  bool member(int depth) {
    blanks();
    if (!string()) return false;
    blanks();
    return take(':') && value(depth);
  }
  template <typename Item>
  bool list(char end, Item&& item) {
    blanks();
    if (take(end)) return true;
    do {
      if (!item()) return false;
      blanks();
    } while (take(','));
    return take(end);
  }
  bool value(int depth) {
    if (depth > kDepth) return false;
    blanks();
    if (take('{')) return list('}', [&] { return member(depth + 1); });
    if (take('[')) return list(']', [&] { return value(depth + 1); });
    if (text_.starts_with('"')) return string();
    return take("true") || take("false") || take("null") || number();
  }

  std::string_view text_;
};

inline bool is_json(std::string_view text) {
  return PlainJson(text).read();
}

}  // namespace keel::fuzz
