// The strict reader of request heads (SEMANTICS T1): any split is judged like the whole, and what
// is accepted says the same when it is written down again, framing above all.

#include "http/head.hpp"

#include "target.hpp"

namespace keel::http {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Bytes move between reads, as a growing buffer's do.
void any_split_is_judged_alike(std::string_view text, size_t limit, HeadRule wanted) {
  for (const fuzz::Pieces& pieces : fuzz::splits_of(text)) {
    HeadScan scan(limit);
    HeadRule rule = HeadRule::incomplete;
    std::string received;
    for (std::string_view piece : pieces) {
      received = received + std::string(piece);
      rule = scan.scan(received);
      if (rule != HeadRule::incomplete) break;
    }
    KEEL_HOLDS(rule == wanted,
               std::string(name_of(rule)) + " instead of " + std::string(name_of(wanted)));
  }
}

void lines_are_clean(std::string_view bytes) {
  KEEL_HOLDS(bytes.find("\r\n\r\n") == bytes.size() - 4);
  for (size_t i = 0; i < bytes.size(); ++i) {
    KEEL_HOLDS(bytes[i] != '\0');
    if (bytes[i] == '\r') KEEL_HOLDS(bytes[i + 1] == '\n');
    if (bytes[i] == '\n') KEEL_HOLDS(bytes[i - 1] == '\r');
  }
}

// Counted again from the fields alone.
void framing_is_what_the_fields_say(const Head& head) {
  int hosts = 0, lengths = 0, encodings = 0;
  for (size_t i = 0; i < head.field_count(); ++i) {
    auto [name, value] = head.field(i);
    std::string known = lower(name);
    KEEL_HOLDS(!name.empty() && name.find_first_of(" \t:\r\n") == std::string_view::npos);
    KEEL_HOLDS(value.find_first_of("\r\n") == std::string_view::npos);
    if (known == "host") ++hosts;
    if (known == "content-length") {
      ++lengths;
      KEEL_HOLDS(
          std::to_string(head.content_length()) ==
          std::string(value.substr(std::min(value.find_first_not_of('0'), value.size() - 1))));
    }
    if (known == "transfer-encoding") {
      ++encodings;
      KEEL_HOLDS(lower(value) == "chunked");
    }
  }
  KEEL_HOLDS(hosts == 1 && lengths + encodings <= 1);
  KEEL_HOLDS(encodings == 0 || head.minor_version() == 1);
  Framing framing = encodings                    ? Framing::chunked
                    : head.content_length() == 0 ? Framing::none
                                                 : Framing::length;
  KEEL_HOLDS(head.framing() == framing);
}

std::string written(const Head& head) {
  std::string out(head.method());
  out.append(" ").append(head.target()).append(" HTTP/1.");
  out.append(std::to_string(head.minor_version())).append("\r\n");
  for (size_t i = 0; i < head.field_count(); ++i) {
    out.append(head.field(i).name).append(": ").append(head.field(i).value).append("\r\n");
  }
  return out + "\r\n";
}

void says_the_same_when_written(const Head& head) {
  std::string again = written(head);
  HeadScan scan(UINT16_MAX);
  HeadRule rule = scan.scan(again);
  KEEL_HOLDS(rule == HeadRule::ok, again + std::string(name_of(rule)));
  KEEL_HOLDS(scan.size() == again.size());
  Head same = scan.take(again);
  KEEL_HOLDS(written(same) == again, again);
  KEEL_HOLDS(same.framing() == head.framing());
  KEEL_HOLDS(same.content_length() == head.content_length());
  KEEL_HOLDS(same.keep_alive() == head.keep_alive());
  KEEL_HOLDS(same.expects_continue() == head.expects_continue());
}

void judge(std::string_view text, size_t limit) {
  HeadScan scan(limit);
  HeadRule rule = scan.scan(text);
  KEEL_HOLDS(name_of(rule) != "unknown" && status_of(rule) >= 400);
  any_split_is_judged_alike(text, limit, rule);
  if (rule == HeadRule::incomplete) KEEL_HOLDS(text.size() < limit);
  if (rule != HeadRule::ok) return;
  KEEL_HOLDS(scan.size() <= text.size() && scan.size() <= limit);
  lines_are_clean(text.substr(0, scan.size()));
  Head head = scan.take(text);
  KEEL_HOLDS(head.field_count() <= HeadScan::kMaxFields);
  std::string_view target = head.target();
  KEEL_HOLDS(target == std::string(head.path()) + (target.find('?') == std::string_view::npos
                                                       ? ""
                                                       : "?" + std::string(head.query())));
  framing_is_what_the_fields_say(head);
  says_the_same_when_written(head);
}

}  // namespace
}  // namespace keel::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = keel::fuzz::text_of(data, size);
  keel::http::judge(text, 64);
  keel::http::judge(text, keel::http::HeadScan::kDefaultLimit);
  return 0;
}
