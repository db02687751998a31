#pragma once
// A log of lines on disk: appended whole, rotated by size. A disk that refuses stops the log and
// nobody else; the log goes on by itself when the disk takes lines again.

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel::io {

class LineFile {
 public:
  static constexpr int64_t kMaxBytes = 64 << 20;

  // Creates the file if need be, readable by its owner and group. Beyond `max_bytes` it becomes
  // `path`.1 (replacing the one before) and a new one begins. Error code "unwritable".
  static Result<LineFile> open(std::string path, int64_t max_bytes = kMaxBytes);
  ~LineFile();
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&&) = delete;

  // Writes the line and its end, or nothing of it. What comes back is for the operator, once per
  // change: the log has stopped (and why), or goes on (and how many lines are missing).
  std::optional<std::string> append(std::string_view line);
  // The same for several lines, each with its end: in one write, all of them or none.
  std::optional<std::string> append_all(std::string_view lines);

 private:
  LineFile(std::string path, int fd, int64_t max_bytes)
      : path_(std::move(path)), fd_(fd), max_bytes_(max_bytes) {
    read_size();
  }
  bool write_whole(std::string_view text);
  void read_size();
  void rotate();

  std::string path_;
  int fd_ = -1;
  int64_t max_bytes_;
  int64_t size_ = 0;       // as far as is known: others may write to the file
  int64_t unchecked_ = 0;  // written since that was looked at
  int64_t missing_ = 0;    // lines not written since the log stopped
};

}  // namespace keel::io
