#include "base/body.hpp"

namespace keel {

size_t SplicedBody::size() const {
  size_t total = body.size();
  for (const Splice& splice : splices) total = total - splice.at.length + splice.text.size();
  return total;
}

std::string SplicedBody::flatten() const {
  std::string_view source = body.view();
  std::string out;
  out.reserve(size() + Body::kPadding);
  size_t copied = 0;
  for (const Splice& splice : splices) {
    out.append(source.substr(copied, splice.at.offset - copied));
    out.append(splice.text);
    copied = splice.at.end();
  }
  out.append(source.substr(copied));
  return out;
}

}  // namespace keel
