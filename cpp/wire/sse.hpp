#pragma once
// Server-sent events (WHATWG HTML, "Server-sent events"), taken apart as they come: whole events
// with their own bytes. Lines end in LF, CRLF or CR; the bytes may be split anywhere and the frames
// are the same.

#include "base/body.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keel::wire {

// One event. The views hold until the next push().
struct SseFrame {
  std::string_view bytes;  // with its blank line; without a byte order mark
  std::string_view event;  // the last `event:` field; empty if there is none
  std::string_view id;     // likewise
  std::string_view retry;  // likewise, not looked into
  std::string_view data;   // all `data:` fields, joined by LF
  bool has_data = false;
  bool only_comments = false;                     // no field at all
  const std::vector<Span>* data_lines = nullptr;  // of each field's value in `bytes`

  // Where a range of `data` that lies within one line is found in `bytes`.
  Span in_bytes(Span of_data) const;
};

// Takes time linear in the bytes, however they are split, and holds one unfinished event.
class SseFramer {
 public:
  // An event of more than `event_bytes_max`, finished or not, is the end: see overflowed().
  explicit SseFramer(size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  void push(std::string_view bytes);
  // No byte follows: what only waited for the second half of a CRLF is complete.
  void end() { ended_ = true; }
  // False when no whole event is left. Blank lines on their own are no event.
  bool next(SseFrame& out);
  bool overflowed() const { return overflowed_; }
  size_t buffered() const { return buffer_.size() - begin_; }

 private:
  enum class LineEnd : unsigned char { unknown, lf, crlf, cr };

  bool skip_byte_order_mark();
  bool end_line(size_t& next_line, bool& blank);
  void read_line(std::string_view line);
  void hand_out(size_t end, SseFrame& out);
  void start_event(size_t at);

  size_t event_bytes_max_;
  std::string buffer_;
  size_t begin_ = 0;  // of the unfinished event; every offset below counts from here
  size_t line_ = 0;   // where its unfinished line begins
  size_t scan_ = 0;   // up to where that line was looked at
  LineEnd last_end_ = LineEnd::unknown;
  bool after_cr_ = false;  // an LF at `line_` belongs to the CR before it
  bool at_start_ = true;   // of the stream
  bool ended_ = false;
  bool overflowed_ = false;
  bool has_comment_ = false;
  bool has_field_ = false;
  Span event_, id_, retry_;
  std::vector<Span> data_;
  std::vector<Span> handed_lines_;
  std::string joined_;
};

}  // namespace keel::wire
