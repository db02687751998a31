#include "http/responder.hpp"

#include "http/connection.hpp"

#include <charconv>

namespace keel::http {

namespace {

size_t chunk_line(char (&line)[20], size_t size) {
  char* end = std::to_chars(line, line + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return static_cast<size_t>(end - line);
}

}  // namespace

Responder::Responder(Connection& connection, const Request& request)
    : connection_(connection),
      minor_version_(request.head.minor_version()),
      keep_alive_(request.head.keep_alive()),
      bodiless_(request.head.method() == "HEAD") {}

Task<bool> Responder::reply(const Reply& reply) {
  co_return co_await this->reply(reply, reply.body);
}

Task<bool> Responder::reply(const Reply& head, std::string_view body) {
  begun_ = complete_ = true;
  keep_alive_ &= !connection_.floor().draining;
  head_.clear();
  write_head(head, {body.size(), keep_alive_, minor_version_}, connection_.floor().date, head_);
  co_return co_await connection_.write(head_, bodiless_ ? std::string_view() : body);
}

Task<bool> Responder::begin(const Reply& head, std::optional<uint64_t> length,
                            std::string_view first) {
  begun_ = true;
  keep_alive_ &= !connection_.floor().draining;
  chunked_ = !length && minor_version_ == 1;
  if (!length && !chunked_) keep_alive_ = false;  // HTTP/1.0: the end is the close
  head_.clear();
  write_head(head, {length, keep_alive_, minor_version_}, connection_.floor().date, head_);
  if (first.empty() || bodiless_) co_return co_await connection_.write(head_);
  if (!chunked_) co_return co_await connection_.write(head_, first);
  char line[20];
  head_.append(line, chunk_line(line, first.size()));
  co_return co_await connection_.write(head_, first, "\r\n");
}

Task<bool> Responder::write(std::string_view bytes) {
  if (bytes.empty() || bodiless_) co_return !connection_.ended();
  if (!chunked_) co_return co_await connection_.write(bytes);
  char line[20];
  co_return co_await connection_.write({line, chunk_line(line, bytes.size())}, bytes, "\r\n");
}

Task<bool> Responder::finish() {
  complete_ = true;
  if (!chunked_ || bodiless_) {
    if (minor_version_ == 0) connection_.end(false);
    co_return true;
  }
  co_return co_await connection_.write("0\r\n\r\n");
}

Task<> Responder::sleep(Duration d) {
  co_await connection_.pause(d);
}
Task<> Responder::wait_gone() {
  co_await connection_.wait_gone();
}
Task<> Responder::wait() {
  co_await connection_.wait();
}
void Responder::wake() {
  connection_.wake();
}
bool Responder::gone() const {
  return connection_.gone();
}
void Responder::reset() {
  connection_.end(true);
}
void Responder::close() {
  connection_.end(false);
}

void Responder::close_silently_after(Duration idle) {
  closes_silently_ = true;
  silent_idle_ = idle;
}

}  // namespace keel::http
