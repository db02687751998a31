#include "net/spliced_reader.hpp"

#include <algorithm>
#include <cstring>

namespace keel::net {

std::string_view SplicedReader::piece() const {
  if (in_splice_) return source_.splices[splice_].text;
  size_t from = splice_ == 0 ? 0 : source_.splices[splice_ - 1].at.end();
  size_t to =
      splice_ < source_.splices.size() ? source_.splices[splice_].at.offset : source_.body.size();
  return source_.body.view().substr(from, to - from);
}

void SplicedReader::advance() {
  done_ = 0;
  if (in_splice_) ++splice_;
  in_splice_ = !in_splice_;
}

size_t SplicedReader::read(char* out, size_t room) {
  size_t copied = 0;
  while (copied < room) {
    std::string_view rest = piece().substr(done_);
    if (rest.empty()) {
      if (!in_splice_ && splice_ == source_.splices.size()) break;
      advance();
      continue;
    }
    size_t n = std::min(rest.size(), room - copied);
    std::memcpy(out + copied, rest.data(), n);
    done_ += n;
    copied += n;
  }
  return copied;
}

}  // namespace keel::net
