// Chunked request bodies: any split decodes alike, and a body that was accepted is the one that a
// second, plainer reading of the same bytes gives.

#include "http/chunked.hpp"

#include "target.hpp"

namespace keel::http {
namespace {

struct Decoded {
  BodyRule rule = BodyRule::more;
  std::string body;
  size_t used = 0;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(const fuzz::Pieces& pieces, uint64_t limit) {
  ChunkedBody body(limit);
  Decoded out;
  for (std::string_view piece : pieces) {
    size_t used = 0;
    out.rule = body.feed(piece, out.body, used);
    KEEL_HOLDS(used <= piece.size());
    out.used += used;
    if (out.rule != BodyRule::more) break;
    KEEL_HOLDS(used == piece.size());
  }
  return out;
}

// Only of what was accepted: sizes, data and line ends are where RFC 9112 7.1 has them.
std::string read_plainly(std::string_view text) {
  std::string out;
  for (;;) {
    size_t line = text.find("\r\n");
    KEEL_HOLDS(line != std::string_view::npos && line > 0);
    std::string digits(text.substr(0, std::min(line, text.find(';'))));
    KEEL_HOLDS(digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos, digits);
    size_t size = std::strtoull(digits.c_str(), nullptr, 16);
    text.remove_prefix(line + 2);
    KEEL_HOLDS(text.size() >= size + 2 && text.substr(size, 2) == "\r\n");
    out.append(text.substr(0, size));
    text.remove_prefix(size + 2);
    if (size == 0) break;
  }
  KEEL_HOLDS(text.empty());
  return out;
}

void judge(std::string_view text, uint64_t limit) {
  Decoded whole = decode({text}, limit);
  for (const fuzz::Pieces& pieces : fuzz::splits_of(text)) {
    Decoded other = decode(pieces, limit);
    KEEL_HOLDS(other == whole, std::string(name_of(other.rule)) + " after " +
                                   std::to_string(other.used) + ", whole " +
                                   std::string(name_of(whole.rule)) + " after " +
                                   std::to_string(whole.used));
  }
  KEEL_HOLDS(whole.body.size() <= limit);
  if (whole.rule == BodyRule::done) {
    KEEL_HOLDS(read_plainly(text.substr(0, whole.used)) == whole.body);
  } else if (whole.rule != BodyRule::more) {
    KEEL_HOLDS(status_of(whole.rule) >= 400 && name_of(whole.rule) != "unknown");
  }
}

}  // namespace
}  // namespace keel::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = keel::fuzz::text_of(data, size);
  keel::http::judge(text, 20);
  keel::http::judge(text, 64u << 20);
  return 0;
}
