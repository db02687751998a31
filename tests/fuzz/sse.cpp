// Server-sent events: any split gives the same frames, and they are those that a plain reading of
// the whole text by the standard gives.

#include "wire/sse.hpp"

#include "target.hpp"

namespace keel::wire {
namespace {

struct Event {
  std::string bytes, event, id, retry, data;
  bool has_data = false;
  bool only_comments = true;
};

std::string told(const Event& e) {
  return e.event + "|" + e.id + "|" + e.retry + "|" + e.data + "|" + (e.has_data ? "data" : "") +
         "|" + (e.only_comments ? "comments" : "") + "\n";
}

struct Framed {
  std::vector<Event> events;
  bool overflowed = false;

  std::string told() const {
    std::string out = overflowed ? "overflowed\n" : "";
    for (const Event& event : events) out += event.bytes + "|" + wire::told(event);
    return out;
  }
};

// What stands in `data` is found in `bytes` again, byte for byte.
void lines_lead_back(const SseFrame& frame) {
  size_t at = 0;
  for (const Span& line : *frame.data_lines) {
    KEEL_HOLDS(line.end() <= frame.bytes.size() && at + line.length <= frame.data.size());
    for (size_t length : {line.length, line.length / 2}) {
      Span found = frame.in_bytes({at, length});
      KEEL_HOLDS(frame.bytes.substr(found.offset, found.length) == frame.data.substr(at, length));
    }
    at += line.length + 1;
  }
  KEEL_HOLDS(at == frame.data.size() + (frame.has_data ? 1 : 0));
}

Framed framed(const fuzz::Pieces& pieces, size_t event_bytes_max) {
  SseFramer framer(event_bytes_max);
  Framed out;
  auto take = [&] {
    SseFrame frame;
    while (framer.next(frame)) {
      KEEL_HOLDS(frame.bytes.size() <= event_bytes_max);
      lines_lead_back(frame);
      out.events.push_back({std::string(frame.bytes), std::string(frame.event),
                            std::string(frame.id), std::string(frame.retry),
                            std::string(frame.data), frame.has_data, frame.only_comments});
    }
    KEEL_HOLDS(framer.buffered() <= event_bytes_max || framer.overflowed());
  };
  for (std::string_view piece : pieces) {
    framer.push(piece);
    take();
  }
  framer.end();
  take();
  out.overflowed = framer.overflowed();
  return out;
}

// The standard's reading, with nothing clever in it.
std::vector<Event> read_plainly(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<Event> out;
  Event event;
  bool any = false;
  while (!text.empty()) {
    size_t end = text.find_first_of("\r\n");
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(text.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
    if (line.empty()) {
      if (any) out.push_back(event);
      event = {};
      any = false;
      continue;
    }
    any = true;
    size_t colon = line.find(':');
    if (colon == 0) continue;
    event.only_comments = false;
    std::string name(line.substr(0, colon));
    std::string value(colon == std::string_view::npos ? "" : line.substr(colon + 1));
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "event") event.event = value;
    if (name == "id") event.id = value;
    if (name == "retry") event.retry = value;
    if (name != "data") continue;
    event.data += event.has_data ? "\n" + value : value;
    event.has_data = true;
  }
  return out;
}

void judge(std::string_view text, size_t event_bytes_max) {
  Framed whole = framed({text}, event_bytes_max);
  std::string wanted = whole.told();
  for (const fuzz::Pieces& pieces : fuzz::splits_of(text)) {
    std::string found = framed(pieces, event_bytes_max).told();
    KEEL_HOLDS(found == wanted, found + "instead of\n" + wanted);
  }
  size_t at = 0;
  for (const Event& event : whole.events) {
    at = text.find(event.bytes, at);
    KEEL_HOLDS(at != std::string_view::npos, event.bytes);
    at += event.bytes.size();
  }
  if (whole.overflowed) return;
  std::string plain, ours;
  for (const Event& event : read_plainly(text)) plain += told(event);
  for (const Event& event : whole.events) ours += told(event);
  KEEL_HOLDS(ours == plain, ours + "instead of\n" + plain);
}

}  // namespace
}  // namespace keel::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = keel::fuzz::text_of(data, size);
  keel::wire::judge(text, 48);
  keel::wire::judge(text, 1 << 20);
  return 0;
}
