#include "server/logbook.hpp"

#include "io/clock.hpp"
#include "relay/log.hpp"
#include "wire/json_text.hpp"

#include <unistd.h>

namespace keel::server {

namespace {

// One write per line, so that lines of several processes do not mix. A reader that is gone costs
// the line and nothing else.
void write_line(std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n <= 0) return;
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string log_line(relay::LogLevel level, std::string_view event, int64_t unix_ns,
                     const std::vector<std::pair<std::string, std::string>>& more) {
  std::string line = R"({"v":1,"time":)" + std::to_string(unix_ns) + R"(,"level":)" +
                     wire::json_quote(relay::name_of(level)) + R"(,"event":)" +
                     wire::json_quote(event);
  for (const auto& [name, value] : more) line += "," + wire::json_quote(name) + ":" + value;
  return line + "}";
}

void Logbook::say(relay::LogLevel level, std::string_view event, std::string_view text) {
  say(level, event, {{"text", wire::json_quote(text)}});
}

void Logbook::say(relay::LogLevel level, std::string_view event, const Members& more) {
  if (shows(level)) write_line(log_line(level, event, io::wall_unix_ns(), more));
}

void Logbook::notice(const relay::Notice& notice) {
  const relay::LogLevel level = relay::level_of(notice.kind);
  if (shows(level)) write_line(relay::notice_line(notice, level, io::wall_unix_ns()));
}

std::optional<std::string> Logbook::log_requests_to(const std::string& path) {
  if (path == path_) return std::nullopt;
  write_requests();
  if (path.empty()) {
    requests_.reset();
  } else {
    auto file = io::LineFile::open(path);
    if (!file) return file.error().text();
    requests_.reset();
    requests_.emplace(std::move(*file));
  }
  path_ = path;
  return std::nullopt;
}

void Logbook::answered(const relay::Answer& answer, int64_t began_unix_ns) {
  const bool shown = shows(relay::LogLevel::debug);
  if (!answer.trace || (!requests_ && !shown)) return;
  std::string line = relay::request_log_line(answer, *answer.trace, began_unix_ns);
  if (requests_) {
    lines_.append(line).append("\n");
    if (!std::exchange(writing_, true)) later_([this] { write_requests(); });
  }
  if (shown) write_line(std::move(line));
}

void Logbook::write_requests() {
  writing_ = false;
  if (!requests_ || lines_.empty()) return;
  const auto complaint = requests_->append_all(lines_);
  lines_.clear();
  if (complaint) say(relay::LogLevel::error, "request_log", "request log " + *complaint);
}

}  // namespace keel::server
