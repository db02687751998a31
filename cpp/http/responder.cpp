#include "http/responder.hpp"

#include "http/connection.hpp"

#include <array>
#include <charconv>

namespace keel::http {

Responder::Responder(Connection& connection, const Request& request)
    : connection_(connection),
      minor_version_(request.head.minor_version()),
      keep_alive_(request.head.keep_alive()),
      bodiless_(request.head.method() == "HEAD") {}

Task<bool> Responder::reply(const Reply& reply) {
  begun_ = complete_ = true;
  head_.clear();
  write_head(reply, {reply.body.size(), keep_alive_, minor_version_}, connection_.floor().date,
             head_);
  std::string_view body = bodiless_ ? std::string_view() : std::string_view(reply.body);
  co_return co_await connection_.write(head_, body);
}

Task<bool> Responder::begin(const Reply& head, std::optional<uint64_t> length) {
  begun_ = true;
  chunked_ = !length && minor_version_ == 1;
  if (!length && !chunked_) keep_alive_ = false;  // HTTP/1.0: the end is the close
  head_.clear();
  write_head(head, {length, keep_alive_, minor_version_}, connection_.floor().date, head_);
  co_return co_await connection_.write(head_);
}

Task<bool> Responder::write(std::string_view bytes) {
  if (bytes.empty() || bodiless_) co_return !connection_.ended();
  if (!chunked_) co_return co_await connection_.write(bytes);
  std::array<char, 20> size;
  auto end = std::to_chars(size.data(), size.data() + 16, bytes.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  std::string_view line(size.data(), static_cast<size_t>(end - size.data()));
  co_return co_await connection_.write(line, bytes, "\r\n");
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
