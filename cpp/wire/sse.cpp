#include "wire/sse.hpp"

#include <algorithm>

namespace keel::wire {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kKeptBytesMax = 64 * 1024;  // of an empty buffer: idle streams must stay small

}  // namespace

Span SseFrame::in_bytes(Span of_data) const {
  size_t offset = of_data.offset;
  for (const Span& line : *data_lines) {
    if (offset <= line.length) return {line.offset + offset, of_data.length};
    offset -= line.length + 1;
  }
  return {};
}

void SseFramer::push(std::string_view bytes) {
  if (overflowed_) return;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kKeptBytesMax) std::string().swap(buffer_);
  }
  buffer_.append(bytes);
}

bool SseFramer::next(SseFrame& out) {
  if (overflowed_ || !skip_byte_order_mark()) return false;
  size_t next_line = 0;
  bool blank = false;
  while (end_line(next_line, blank)) {
    if (!blank) {
      read_line(std::string_view(buffer_).substr(begin_ + line_, scan_ - line_));
      line_ = scan_ = next_line;
      continue;
    }
    if (next_line > event_bytes_max_) break;
    if (has_comment_ || has_field_) {
      hand_out(next_line, out);
      return true;
    }
    start_event(next_line);
  }
  if (std::max(buffered(), next_line) > event_bytes_max_) {
    overflowed_ = true;
    std::string().swap(buffer_);
    begin_ = 0;
  }
  return false;
}

// False while it could still become one.
bool SseFramer::skip_byte_order_mark() {
  if (!at_start_) return true;
  std::string_view head = std::string_view(buffer_).substr(begin_, kByteOrderMark.size());
  if (head == kByteOrderMark) {
    begin_ += head.size();
  } else if (kByteOrderMark.starts_with(head) && !ended_) {
    return false;
  }
  at_start_ = false;
  return true;
}

// Finds the end of the line at `line_`: it ends at `scan_`, and `next_line` begins behind its end
// of line. An event that ends in CR waits for the LF that may follow, unless the line before ended
// in CR alone: then the stream has no LF, and waiting would keep every event back for the next.
bool SseFramer::end_line(size_t& next_line, bool& blank) {
  std::string_view text = std::string_view(buffer_).substr(begin_);
  if (after_cr_ && line_ < text.size()) {
    after_cr_ = false;
    if (text[line_] == '\n') {
      last_end_ = LineEnd::crlf;
      scan_ = ++line_;
    }
  }
  while (scan_ < text.size() && text[scan_] != '\n' && text[scan_] != '\r') ++scan_;
  next_line = scan_ + 1;
  if (scan_ >= text.size()) {
    next_line = 0;
    return false;
  }
  blank = scan_ == line_;
  if (text[scan_] == '\n') {
    last_end_ = LineEnd::lf;
    return true;
  }
  if (!blank || last_end_ == LineEnd::cr) {
    last_end_ = LineEnd::cr;
    after_cr_ = true;
    return true;
  }
  if (next_line < text.size()) {
    last_end_ = text[next_line] == '\n' ? LineEnd::crlf : LineEnd::cr;
    if (text[next_line] == '\n') ++next_line;
    return true;
  }
  next_line = 0;
  if (ended_) next_line = scan_ + 1;
  return ended_;
}

void SseFramer::read_line(std::string_view line) {
  size_t colon = line.find(':');
  if (colon == 0) {
    has_comment_ = true;
    return;
  }
  has_field_ = true;
  std::string_view name = line.substr(0, colon);
  size_t begin = std::min(line.size(), colon == std::string_view::npos ? colon : colon + 1);
  if (begin < line.size() && line[begin] == ' ') ++begin;
  Span value{line_ + begin, line.size() - begin};
  if (name == "data") {
    data_.push_back(value);
  } else if (name == "event") {
    event_ = value;
  } else if (name == "id") {
    id_ = value;
  } else if (name == "retry") {
    retry_ = value;
  }
}

void SseFramer::hand_out(size_t end, SseFrame& out) {
  std::string_view bytes = std::string_view(buffer_).substr(begin_, end);
  auto at = [bytes](Span span) { return bytes.substr(span.offset, span.length); };
  handed_lines_.swap(data_);
  data_.clear();
  out.bytes = bytes;
  out.event = at(event_);
  out.id = at(id_);
  out.retry = at(retry_);
  out.has_data = !handed_lines_.empty();
  out.only_comments = !has_field_;
  out.data_lines = &handed_lines_;
  out.data = out.has_data ? at(handed_lines_[0]) : std::string_view();
  if (handed_lines_.size() > 1) {
    joined_.clear();
    for (const Span& line : handed_lines_) {
      if (&line != &handed_lines_[0]) joined_.push_back('\n');
      joined_.append(at(line));
    }
    out.data = joined_;
  }
  start_event(end);
}

void SseFramer::start_event(size_t at) {
  begin_ += at;
  line_ = scan_ = 0;
  has_comment_ = has_field_ = false;
  event_ = id_ = retry_ = {};
}

}  // namespace keel::wire
