#pragma once
// Decoder of chunked request bodies, fed with any split of the bytes. Strict where bodies are used
// to smuggle: line endings are CRLF, sizes plain hex, trailers refused (SEMANTICS T1).
// Not Beast's: 1.81 merges trailers into the headers, and its debug build aborts when the last
// chunk `0 CRLF CRLF` arrives byte by byte.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keel::http {

enum class BodyRule : uint8_t {
  more,       // fed bytes were taken, the body goes on
  done,       // complete; bytes behind it were left alone
  too_large,  // over the limit
  bad_chunk,  // a size, extension or line ending that is not as RFC 9112 7.1 has it
  trailer,    // a field behind the last chunk
};

std::string_view name_of(BodyRule rule);
int status_of(BodyRule rule);  // 413 for too_large, else 400

class ChunkedBody {
 public:
  explicit ChunkedBody(uint64_t limit) : limit_(limit) {}

  // Takes what it can of `input` (the count goes to `used`) and appends data to `out`.
  BodyRule feed(std::string_view input, std::string& out, size_t& used);

 private:
  enum class State : uint8_t { size, extension, size_lf, data, data_cr, data_lf, end_cr, end_lf };
  static constexpr size_t kMaxLine = 256;

  BodyRule on_byte(char c);

  uint64_t limit_;
  uint64_t total_ = 0;
  uint64_t left_ = 0;  // size being read, then bytes left of this chunk
  size_t line_ = 0;    // bytes of the size line so far
  State state_ = State::size;
};

}  // namespace keel::http
