#pragma once
// The strict reader of a raw request head (SEMANTICS T1). One scan decides, each refusal has a rule
// with a name, and what it accepts is already split into fields: no second, laxer parser ever sees
// the bytes. Resumable: feed it all bytes received so far, it goes on at the line it stopped at.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keel::http {

enum class HeadRule : uint8_t {
  ok,
  incomplete,        // wait for more bytes
  too_large,         // over the limit before the blank line
  too_many_fields,   // over kMaxFields
  bare_line_ending,  // CR without LF, or LF without CR
  bad_request_line,  // not `METHOD SP target SP HTTP/1.x`
  bad_target,        // not origin form: a path or `*`, visible ASCII
  bad_version,       // not HTTP/1.0 or HTTP/1.1
  folded_line,       // obs-fold: a line that begins with white space
  space_before_colon,
  bad_field_name,   // empty or not a token
  bad_field_value,  // NUL or another control character
  no_host,
  repeated_host,
  bad_host,                 // not a host with an optional port
  repeated_content_length,  // also when equal
  bad_content_length,       // not plain digits
  bad_transfer_encoding,    // anything but exactly `chunked`, once
  length_and_encoding,      // Content-Length beside Transfer-Encoding
  encoding_in_http_1_0,
};

std::string_view name_of(HeadRule rule);
// 431 for a head that is too large, 505 for a version, else 400.
int status_of(HeadRule rule);

enum class Framing : uint8_t { none, length, chunked };

// A complete, accepted head. Owns its bytes.
class Head {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  std::string_view method() const { return at(method_); }
  std::string_view target() const { return at(target_); }
  std::string_view path() const;   // the target up to `?`
  std::string_view query() const;  // behind `?`, empty if none
  int minor_version() const { return minor_version_; }
  Framing framing() const { return framing_; }
  uint64_t content_length() const { return content_length_; }
  bool keep_alive() const { return keep_alive_; }
  bool expects_continue() const { return expects_continue_; }

  size_t field_count() const { return fields_.size(); }
  Field field(size_t i) const { return {at(fields_[i].name), at(fields_[i].value)}; }
  // The first field of that name, in any case; empty if there is none.
  std::string_view value_of(std::string_view name) const;

 private:
  friend class HeadScan;
  // 16 bits suffice: no head is larger than 64 KiB.
  struct Part {
    uint16_t at = 0;
    uint16_t size = 0;
  };
  struct FieldParts {
    Part name;
    Part value;
  };
  std::string_view at(Part part) const {
    return std::string_view(text_).substr(part.at, part.size);
  }

  std::string text_;
  Part method_, target_;
  std::vector<FieldParts> fields_;
  uint64_t content_length_ = 0;
  int minor_version_ = 1;
  Framing framing_ = Framing::none;
  bool keep_alive_ = true;
  bool expects_continue_ = false;
};

class HeadScan {
 public:
  static constexpr size_t kMaxFields = 128;
  static constexpr size_t kDefaultLimit = 16 * 1024;

  explicit HeadScan(size_t limit = kDefaultLimit);

  // `received`: every byte from the request's first on. Call again with more after `incomplete`.
  HeadRule scan(std::string_view received);
  // After ok: bytes the head takes, its blank line included.
  size_t size() const { return line_; }
  // After ok: the head, with a copy of its bytes.
  Head take(std::string_view received);

 private:
  HeadRule on_line(std::string_view line);
  HeadRule on_request_line(std::string_view line);
  HeadRule on_field(std::string_view line);
  HeadRule on_known_field(std::string_view name, std::string_view value);
  HeadRule on_end();
  Head::Part part(std::string_view piece) const;

  size_t limit_;
  size_t line_ = 0;  // offset of the first byte not yet judged
  const char* begin_ = nullptr;
  Head head_;
  int hosts_ = 0;
  int lengths_ = 0;
  int encodings_ = 0;
  bool started_ = false;
};

// Case-insensitive comparison of ASCII text.
bool same_word(std::string_view a, std::string_view b);

}  // namespace keel::http
