#pragma once
// One strict forward look over JSON text (RFC 8259): no document, no allocation, every value as the
// bytes it was written in. Chosen over simdjson's on-demand parser because requests need exact
// number text (22-digit seeds), keys compared by meaning, byte spans for splicing and every skipped
// byte checked; and small stream events need no padding or index. simdjson still validates UTF-8.

#include "base/body.hpp"
#include "wire/json_text.hpp"

#include <cstdint>
#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

namespace keel::wire::json {

enum class Kind : uint8_t { bad, object, array, string, number, boolean, null };
std::string_view name_of(Kind kind);

// Every reader consumes exactly one value and returns false on failure. A failure sticks: the
// cursor then stands at the end, kind() is bad, and problem() says what was wrong where.
class Cursor {
 public:
  Cursor(std::string_view text, int depth_max) : text_(text), depth_max_(depth_max) {}

  Kind kind();  // of the value ahead
  size_t offset() const { return pos_; }

  // member(const String& key) and element(size_t index) must consume the value they stand at.
  template <typename Member>
  bool object(Member&& member) {
    if (!enter('{', "an object")) return false;
    String key;
    for (bool first = true; next_member(first, key); first = false) member(key);
    return !failed();
  }
  template <typename Element>
  bool array(Element&& element) {
    if (!enter('[', "an array")) return false;
    for (size_t index = 0; next_element(index == 0); ++index) element(index);
    return !failed();
  }
  bool string(String& out);
  bool number(std::string_view& out);
  bool boolean(bool& out);
  bool null();
  bool skip();    // any value, checked all the same
  bool finish();  // only white space is left

  bool failed() const { return failure_ != nullptr; }
  std::string problem() const;          // "byte 17: ':' wanted"
  Span span_of(const String& s) const;  // with its quotes

 private:
  void skip_space();
  bool enter(char bracket, const char* wanted);
  bool next_member(bool first, String& key);
  bool next_element(bool first);
  bool literal(std::string_view word);
  bool fail(const char* wanted);

  std::string_view text_;
  size_t pos_ = 0;
  int depth_ = 0;
  int depth_max_;
  const char* failure_ = nullptr;
  size_t failure_at_ = 0;
};

// Finds a key that stands twice in one object, however it is spelt. Objects nest: open() at an
// object's start, add() its keys, close() with open()'s mark at its end.
class RepeatedKeys {
 public:
  size_t open() const { return keys_.size(); }
  void add(const String& key);
  bool close(size_t mark);                           // true if a key was repeated
  std::string_view found() const { return found_; }  // the latest

 private:
  std::vector<std::string_view> keys_;
  std::forward_list<std::string> decoded_;  // what keys with escapes mean
  std::string found_;
};

}  // namespace keel::wire::json
