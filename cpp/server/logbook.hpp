#pragma once
// What the gateway says: JSON lines on standard error by level, and the request log.

#include "io/line_file.hpp"
#include "relay/config.hpp"
#include "relay/events.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::server {

// {"v":1,"time":...,"level":...,"event":...,...}: `more` are members as JSON.
std::string log_line(relay::LogLevel level, std::string_view event, int64_t unix_ns,
                     const std::vector<std::pair<std::string, std::string>>& more);

class Logbook {
 public:
  using Members = std::vector<std::pair<std::string, std::string>>;  // values are JSON
  // Runs what it is given soon, after what is under way.
  using Later = std::function<void(std::function<void()>)>;

  // Lines of answered requests are written `later`, those that came until then together. All of
  // them at the latest when this is destroyed.
  explicit Logbook(Later later) : later_(std::move(later)) {}
  ~Logbook() { write_requests(); }
  Logbook(const Logbook&) = delete;
  Logbook& operator=(const Logbook&) = delete;

  void set_level(relay::LogLevel level) { level_ = level; }
  bool shows(relay::LogLevel level) const {
    return level_ != relay::LogLevel::off && level >= level_;
  }

  void say(relay::LogLevel level, std::string_view event, std::string_view text);
  void say(relay::LogLevel level, std::string_view event, const Members& more);
  void notice(const relay::Notice& notice);

  // Where requests are logged from now on; empty: nowhere. The problem, if it cannot be.
  std::optional<std::string> log_requests_to(const std::string& path);
  // A line for an answered request; also on standard error at level debug.
  void answered(const relay::Answer& answer, int64_t began_unix_ns);

 private:
  void write_requests();

  Later later_;
  relay::LogLevel level_ = relay::LogLevel::info;
  std::string path_;
  std::optional<io::LineFile> requests_;
  std::string lines_;     // for it, each with its end
  bool writing_ = false;  // they will be, later
};

}  // namespace keel::server
