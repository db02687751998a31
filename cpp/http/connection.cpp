#include "http/connection.hpp"

#include "http/responder.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

#include <boost/asio/write.hpp>

namespace keel::http {

namespace {

// Most connections wait most of the time: what they hold meanwhile counts.
constexpr size_t kFirstInbox = 2048;
// How much is read, and for how long, of what a client sends that was refused.
constexpr size_t kDrainBytes = 64u << 20;
constexpr Duration kDrainTime = seconds(3);

std::string_view code_of(int status) {
  return status == 413 ? "request_too_large" : "invalid_request";
}

}  // namespace

std::string origin_of(const Socket& socket) {
  error_code ec;
  const auto address = socket.remote_endpoint(ec).address();
  if (ec || address.is_v4()) return address.to_string();
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  auto bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), uint8_t{0});
  return asio::ip::address_v6(bytes).to_string();
}

Connection::Connection(std::shared_ptr<Floor> floor, Socket socket)
    : floor_(std::move(floor)),
      socket_(std::move(socket)),
      wake_(floor_->loop.get_executor()),
      pause_(floor_->loop.get_executor()),
      capacity_(std::min(kFirstInbox, floor_->options.limits.head_bytes)),
      inbox_(new char[capacity_]) {
  peer_.id = floor_->next_id++;
  error_code ec;
  const auto remote = socket_.remote_endpoint(ec);
  if (!ec) peer_.address = remote.address().to_string();
  socket_.non_blocking(true, ec);
  if (floor_->options.tls) tls_.emplace(socket_, *floor_->options.tls);
  floor_->connections.insert(this);
  origin_ = origin_of(socket_);
  ++floor_->connections_from[origin_];
}

Connection::~Connection() {
  floor_->connections.erase(this);
  auto from = floor_->connections_from.find(origin_);
  if (--from->second == 0) floor_->connections_from.erase(from);
}

Task<> Connection::run() {
  deadline_ = io::now() + floor_->options.limits.head_time;
  bool open = !tls_ || co_await handshake();
  while (open) {
    Request request;
    request.peer = &peer_;
    open = co_await read_request(request) && co_await serve(request);
  }
  if (!ended_) co_await finish();
  floor_->handler.on_disconnect(peer_);
}

Task<bool> Connection::handshake() {
  auto [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::server, use_task);
  co_return !ec && !ended_;
}

Task<bool> Connection::read_request(Request& request) {
  const Limits& limits = floor_->options.limits;
  if (peer_.requests > 0) deadline_ = io::now() + limits.idle_time;
  idle_ = true;
  if (inbox().empty() && !co_await more()) co_return false;
  idle_ = false;
  ++peer_.requests;
  Admission admission = floor_->handler.on_first_byte(peer_);
  if (admission != Admission::keep) {
    end(admission == Admission::reset);
    co_return false;
  }
  deadline_ = io::now() + limits.head_time;
  if (!co_await read_head(request)) co_return false;
  const std::optional<Reply> refusal = floor_->handler.turn_away(request);
  if (refusal) {
    co_await send_away(*refusal, request.head.method() == "HEAD");
    co_return false;
  }
  floor_->handler.on_head(request);
  bool whole = co_await read_body(request);
  if (!whole) floor_->handler.on_abandoned(request);
  deadline_ = Instant::never();
  co_return whole;
}

Task<bool> Connection::read_head(Request& request) {
  HeadScan scan(floor_->options.limits.head_bytes);
  HeadRule rule = scan.scan(inbox());
  while (rule == HeadRule::incomplete) {
    if (!co_await more()) co_return false;
    rule = scan.scan(inbox());
  }
  if (rule != HeadRule::ok) {
    co_await refuse(status_of(rule), name_of(rule));
    co_return false;
  }
  request.head = scan.take(inbox());
  consume(scan.size());
  co_return true;
}

Task<bool> Connection::read_body(Request& request) {
  const Limits& limits = floor_->options.limits;
  const Head& head = request.head;
  if (head.framing() == Framing::none) co_return true;
  if (head.content_length() > limits.body_bytes) {
    co_await refuse(413, name_of(BodyRule::too_large));
    co_return false;
  }
  if (head.expects_continue() && inbox().empty()) {
    if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  }
  deadline_ = io::now() + limits.body_time;
  if (head.framing() == Framing::chunked) co_return co_await read_chunked_body(request);
  size_t wanted = static_cast<size_t>(head.content_length());
  request.body.reserve(std::min<size_t>(wanted, 1 << 20) + 64);  // a look-ahead of parsers
  for (;;) {
    size_t n = std::min(inbox().size(), wanted - request.body.size());
    request.body.append(inbox().substr(0, n));
    consume(n);
    deadline_ =
        deadline_ + nanoseconds(static_cast<int64_t>(n * 1'000'000'000 / limits.body_min_rate));
    if (request.body.size() == wanted) co_return true;
    if (!co_await more()) co_return false;
  }
}

Task<bool> Connection::read_chunked_body(Request& request) {
  const Limits& limits = floor_->options.limits;
  ChunkedBody chunks(limits.body_bytes);
  for (;;) {
    size_t used = 0;
    size_t before = request.body.size();
    BodyRule rule = chunks.feed(inbox(), request.body, used);
    consume(used);
    if (rule == BodyRule::done) co_return true;
    if (rule != BodyRule::more) {
      co_await refuse(status_of(rule), name_of(rule));
      co_return false;
    }
    size_t grown = request.body.size() - before;
    deadline_ =
        deadline_ + nanoseconds(static_cast<int64_t>(grown * 1'000'000'000 / limits.body_min_rate));
    if (!co_await more()) co_return false;
  }
}

Task<bool> Connection::serve(Request& request) {
  Responder responder(*this, request);
  bool failed = false;
  try {
    co_await floor_->handler.on_request(request, responder);
  } catch (const std::exception&) {
    failed = true;
  }
  if (!ended_ && !responder.begun()) {
    failed = true;
    co_await refuse(500, "handler_failed");
  }
  if (ended_ || failed || !responder.complete()) {
    if (responder.begun() && !responder.complete()) end(false);  // a cut stays visible as a cut
    co_return false;
  }
  if (responder.closes_silently()) {
    co_await pause(responder.silent_idle());
    end(false);
  }
  co_return !ended_ && responder.keeps_alive() && !floor_->stopped;
}

Task<> Connection::refuse(int status, std::string_view rule) {
  const Reply reply(status, R"({"error":{"message":"request refused: )" + std::string(rule) +
                                R"(","type":"invalid_request_error","param":null,"code":")" +
                                std::string(code_of(status)) + R"("}})");
  co_await send_away(reply, false);
}

// A reply, then a close that lets it arrive: unread input would turn the close into a reset and
// could take the reply with it.
Task<> Connection::send_away(const Reply& reply, bool bodiless) {
  std::string head;
  write_head(reply, {reply.body.size(), false, 1}, floor_->date, head);
  std::string_view body = bodiless ? std::string_view() : std::string_view(reply.body);
  if (!co_await write(head, body)) co_return;
  if (!tls_) {
    error_code ec;
    socket_.shutdown(asio::socket_base::shutdown_send, ec);
  }
  deadline_ = io::now() + kDrainTime;
  for (size_t drained = 0; drained < kDrainBytes;) {
    drained += inbox().size();
    consume(inbox().size());
    if (!co_await more()) break;
  }
}

Task<> Connection::finish() {
  if (tls_ && !input_ended_) {
    deadline_ = io::now() + seconds(1);
    co_await tls_->async_shutdown(use_task);
  }
  end(false);
}

void Connection::check_deadline(Instant now) {
  if (now >= deadline_) end(false);
}

void Connection::end(bool reset) {
  if (ended_) return;
  ended_ = true;
  error_code ec;
  if (reset) socket_.set_option(asio::socket_base::linger(true, 0), ec);
  socket_.close(ec);
  wake_.cancel();
  pause_.cancel();
}

Task<bool> Connection::write(std::string_view a, std::string_view b, std::string_view c) {
  if (ended_) co_return false;
  std::array<asio::const_buffer, 3> pieces{asio::buffer(a), asio::buffer(b), asio::buffer(c)};
  size_t left = a.size() + b.size() + c.size();
  error_code ec;
  if (!tls_) {  // mostly the kernel takes it all, and nobody has to wait
    size_t n = socket_.write_some(pieces, ec);
    if (ec == asio::error::would_block) ec = {};
    if (ec) end(false);
    if (ec || n == left) co_return !ec;
    left -= n;
    for (asio::const_buffer& piece : pieces) {
      const size_t cut = std::min(n, piece.size());
      piece += cut;
      n -= cut;
    }
  }
  const Instant stage_deadline = deadline_;
  deadline_ = io::now() + floor_->options.limits.write_time +
              seconds(static_cast<int64_t>(left) / (16 * 1024));
  if (tls_) {
    ec = std::get<0>(co_await asio::async_write(*tls_, pieces, use_task));
  } else {
    ec = std::get<0>(co_await asio::async_write(socket_, pieces, use_task));
  }
  deadline_ = stage_deadline;
  if (ec) end(false);
  co_return !ec;
}

Task<> Connection::pause(Duration d) {
  if (ended_ || d <= Duration::zero()) co_return;
  pause_.expires_after(std::chrono::nanoseconds(d.ns));
  co_await pause_.async_wait(use_task);
}

Task<> Connection::wait_gone() {
  while (!gone()) {
    arm_read();
    wake_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await wake_.async_wait(use_task);
  }
}

Task<> Connection::wait() {
  arm_read();
  wake_.expires_at(std::chrono::steady_clock::time_point::max());
  co_await wake_.async_wait(use_task);
}

Task<bool> Connection::more() {
  const size_t had = inbox().size();
  while (inbox().size() == had && !gone()) {
    arm_read();
    wake_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await wake_.async_wait(use_task);
  }
  co_return !ended_ && inbox().size() > had;
}

void Connection::arm_read() {
  if (reading_ || gone()) return;
  make_room();
  if (end_ == capacity_) return;
  reading_ = true;
  auto room = asio::buffer(inbox_.get() + end_, capacity_ - end_);
  auto done = [self = shared_from_this()](const error_code& ec, size_t n) { self->on_read(ec, n); };
  if (tls_) {
    tls_->async_read_some(room, std::move(done));
  } else {
    socket_.async_read_some(room, std::move(done));
  }
}

void Connection::make_room() {
  if (filled_ && capacity_ < floor_->options.limits.head_bytes) {
    capacity_ = std::min(capacity_ * 4, floor_->options.limits.head_bytes);
    std::unique_ptr<char[]> larger(new char[capacity_]);
    std::memcpy(larger.get(), inbox_.get() + begin_, end_ - begin_);
    inbox_ = std::move(larger);
  } else if (begin_ > 0) {
    std::memmove(inbox_.get(), inbox_.get() + begin_, end_ - begin_);
  }
  filled_ = false;
  end_ -= begin_;
  begin_ = 0;
}

void Connection::on_read(const error_code& ec, size_t n) {
  reading_ = false;
  end_ += n;
  filled_ = end_ == capacity_;
  if (ec) input_ended_ = true;
  wake_.cancel();
}

}  // namespace keel::http
