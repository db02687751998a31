#include "io/line_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keel::io {

namespace {

// What others write to the file is found out by asking, which costs a system call: so often until
// it is full.
constexpr int64_t kChecks = 1024;

int open_for_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

}  // namespace

Result<LineFile> LineFile::open(std::string path, int64_t max_bytes) {
  const int fd = open_for_append(path);
  if (fd < 0) return Error{"unwritable", path, std::string("cannot be opened: ") + strerror(errno)};
  return LineFile(std::move(path), fd, max_bytes);
}

LineFile::LineFile(LineFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      max_bytes_(other.max_bytes_),
      size_(other.size_),
      unchecked_(other.unchecked_),
      missing_(other.missing_) {}

LineFile::~LineFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::string> LineFile::append(std::string_view line) {
  std::string text;
  text.reserve(line.size() + 1);
  text.append(line).append("\n");
  return append_all(text);
}

std::optional<std::string> LineFile::append_all(std::string_view lines) {
  if (lines.empty()) return std::nullopt;
  rotate();
  if (!write_whole(lines)) {
    const int why = errno;
    const int64_t before = missing_;
    missing_ += std::count(lines.begin(), lines.end(), '\n');
    if (before > 0) return std::nullopt;
    return path_ + " stopped: " + strerror(why);
  }
  if (missing_ == 0) return std::nullopt;
  return path_ + " goes on; " + std::to_string(std::exchange(missing_, 0)) + " lines are missing";
}

// One write, so that processes sharing a file do not tear each other's lines; what a full disk took
// of it is taken back.
bool LineFile::write_whole(std::string_view text) {
  ssize_t done;
  do {
    done = ::write(fd_, text.data(), text.size());
  } while (done < 0 && errno == EINTR);
  if (done == static_cast<ssize_t>(text.size())) {
    size_ += done, unchecked_ += done;
    return true;
  }
  if (done > 0) {
    struct stat now {};
    if (::fstat(fd_, &now) == 0 && ::ftruncate(fd_, now.st_size - done) == 0) errno = ENOSPC;
  }
  return false;
}

void LineFile::read_size() {
  struct stat now {};
  if (::fstat(fd_, &now) == 0) size_ = now.st_size;
  unchecked_ = 0;
}

// Another process may have rotated the file already: then only follow it.
void LineFile::rotate() {
  if (size_ < max_bytes_ && unchecked_ < max_bytes_ / kChecks) return;
  read_size();
  struct stat mine {
  }, named{};
  if (size_ < max_bytes_ || ::fstat(fd_, &mine) != 0) return;
  const bool still_named = ::stat(path_.c_str(), &named) == 0 && named.st_ino == mine.st_ino &&
                           named.st_dev == mine.st_dev;
  if (still_named) ::rename(path_.c_str(), (path_ + ".1").c_str());
  const int fd = open_for_append(path_);
  if (fd < 0) return;  // the old one is better than none
  ::close(fd_);
  fd_ = fd;
  read_size();
}

}  // namespace keel::io
