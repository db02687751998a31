#pragma once
// The server side of HTTP/1.1: accepts, reads strictly, hands each request to a handler, keeps the
// limits. One thread: everything here belongs to the thread that runs the loop.

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/message.hpp"
#include "http/task.hpp"
#include "io/tls.hpp"

#include <memory>
#include <optional>
#include <string>

namespace keel::http {

class Responder;

// What to do with a connection or a request at its first sign.
enum class Admission : uint8_t { keep, close, reset };

class Handler {
 public:
  virtual ~Handler() = default;
  // Answers a complete request. A handler that returns without an answer is answered for with 500.
  virtual Task<> on_request(Request& request, Responder& responder) = 0;
  // A connection was accepted (before TLS).
  virtual Admission on_connect() { return Admission::keep; }
  // The first byte of a request came.
  virtual Admission on_first_byte(Peer&) { return Admission::keep; }
  // A head was complete and accepted. A reply ends the request before its body is read, and the
  // connection with it; nothing else is called about it.
  virtual std::optional<Reply> turn_away(const Request&) { return std::nullopt; }
  // A head was complete and not turned away; the body may not have come yet, and may never.
  virtual void on_head(Request&) {}
  // The request given to on_head will not reach on_request: its body was refused or never came.
  virtual void on_abandoned(Request&) {}
  virtual void on_disconnect(const Peer&) {}
};

struct Limits {
  size_t head_bytes = HeadScan::kDefaultLimit;
  uint64_t body_bytes = 32u << 20;
  size_t connections = 4096;
  // Of one IPv4 address or IPv6 /64; 0: as many as there may be.
  size_t connections_per_address = 0;
  Duration head_time = seconds(10);   // from a request's first byte (or accept) to its blank line
  Duration idle_time = seconds(75);   // between two requests of a connection
  Duration body_time = seconds(10);   // for the body, plus a second per body_min_rate bytes come
  uint64_t body_min_rate = 1024;      // bytes per second
  Duration write_time = seconds(60);  // for one write, plus a second per 16 KiB
};

struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 0;   // 0 picks a free one, kept for the server's life
  io::TlsContext tls;  // none: plain text
  Limits limits;
};

struct Floor;

class Server {
 public:
  // `loop` and `handler` must outlive every connection: run the loop to its end after stop().
  Server(asio::io_context& loop, Handler& handler, Options options);
  ~Server();

  // Binds and accepts; also after close_listener(). Error code `cannot_listen`.
  Result<uint16_t> listen();
  // New connections are refused by the kernel from here on; open ones live.
  void close_listener();
  // Takes in whoever has connected by now, closes the listener, and lets each connection end behind
  // its next reply. Idle ones stay, in case a request is on its way: see drop_idle().
  void drain();
  // Ends every connection that is between two requests.
  void drop_idle();
  bool listening() const { return acceptor_ != nullptr; }
  // Ends every open connection, with RST or FIN.
  void drop_connections(bool reset);
  // Both, and the clock tick: the loop runs empty.
  void stop();
  size_t connections() const;

 private:
  std::shared_ptr<Floor> floor_;
  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<Timer> tick_;
};

}  // namespace keel::http
