#pragma once
// Immutable counted bytes. A request is a Body plus splices, so an attempt at another model copies
// nothing and every byte outside the splices stays the client's own.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel {

class Body {
 public:
  // Readable bytes guaranteed behind the end, so that simdjson may look without copying.
  static constexpr size_t kPadding = 64;

  Body() = default;
  static Body copy_of(std::string_view text) {
    std::string owned;
    owned.reserve(text.size() + kPadding);
    owned.append(text);
    return Body(std::move(owned));
  }
  // Takes the string over; copies only if its capacity leaves no room for the padding.
  static Body take(std::string&& text) {
    text.reserve(text.size() + kPadding);
    return Body(std::move(text));
  }

  std::string_view view() const { return text_ ? std::string_view(*text_) : std::string_view(); }
  size_t size() const { return text_ ? text_->size() : 0; }
  bool empty() const { return size() == 0; }
  explicit operator bool() const { return text_ != nullptr; }

 private:
  explicit Body(std::string&& text) : text_(std::make_shared<const std::string>(std::move(text))) {}

  std::shared_ptr<const std::string> text_;
};

// A half-open range of bytes in a body.
struct Span {
  size_t offset = 0;
  size_t length = 0;

  bool empty() const { return length == 0; }
  size_t end() const { return offset + length; }
};

// Replace `at` by `text`; an empty range inserts.
struct Splice {
  Span at;
  std::string text;
};

struct SplicedBody {
  Body body;
  std::vector<Splice> splices;  // ascending by offset, not overlapping

  size_t size() const;
  std::string flatten() const;
};

}  // namespace keel
