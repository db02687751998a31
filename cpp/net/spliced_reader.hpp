#pragma once
// Reads a spliced body from front to end, so that a request is sent without ever being copied
// whole.

#include "base/body.hpp"

#include <cstddef>

namespace keel::net {

class SplicedReader {
 public:
  SplicedReader() = default;
  explicit SplicedReader(SplicedBody source) : source_(std::move(source)) {}

  // Copies up to `room` bytes to `out`; 0 at the end.
  size_t read(char* out, size_t room);

 private:
  // The piece that is next: text of the body before a splice, the splice, ..., the body's rest.
  std::string_view piece() const;
  void advance();

  SplicedBody source_;
  size_t splice_ = 0;       // splices done
  bool in_splice_ = false;  // else in the body's own text before it
  size_t done_ = 0;         // of the piece
};

}  // namespace keel::net
