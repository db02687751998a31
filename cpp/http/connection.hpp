#pragma once
// One accepted connection: reads requests one after the other (pipelined ones wait their turn),
// lets the handler answer, ends. Not for handlers; they see a Responder.

#include "http/chunked.hpp"
#include "http/server.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <boost/asio/ssl/stream.hpp>

namespace keel::http {

class Connection;

// Whom a limit per address counts together: an IPv4 address, or the /64 of an IPv6 address, which
// one client has to itself.
std::string origin_of(const Socket& socket);

// What the connections of a server share. They may outlive the Server object, not the loop.
struct Floor {
  asio::io_context& loop;
  Handler& handler;
  Options options;
  std::unordered_set<Connection*> connections;
  std::unordered_map<std::string, size_t> connections_from;  // by origin_of()
  uint64_t next_id = 1;
  std::string date;
  bool draining = false;
  bool stopped = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Floor> floor, Socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Task<> run();  // the caller keeps the connection alive
  // The server's tick: ends the connection if the time of its stage is over.
  void check_deadline(Instant now);
  void end(bool reset);

  // Writes all of the pieces as one; false if the connection is gone.
  Task<bool> write(std::string_view a, std::string_view b = {}, std::string_view c = {});
  // Waits until `d` is over or the connection was ended from our side.
  Task<> pause(Duration d);
  // Waits until the client is gone or the connection was ended.
  Task<> wait_gone();
  // Waits until wake() is called or something comes from the client; may end without a reason.
  Task<> wait();
  void wake() { wake_.cancel(); }
  bool idle() const { return idle_; }
  bool gone() const { return ended_ || input_ended_; }
  bool ended() const { return ended_; }
  const Floor& floor() const { return *floor_; }

 private:
  using Tls = asio::ssl::stream<Socket&>;

  Task<bool> handshake();
  Task<bool> read_request(Request& request);
  Task<bool> read_head(Request& request);
  Task<bool> read_body(Request& request);
  Task<bool> read_chunked_body(Request& request);
  Task<bool> serve(Request& request);
  Task<> refuse(int status, std::string_view rule);
  Task<> send_away(const Reply& reply, bool bodiless);
  Task<> finish();

  // The inbox: one read is outstanding at most, also while a handler works, so a client's leaving
  // is noticed; a full inbox stops reading.
  Task<bool> more();
  void arm_read();
  void on_read(const error_code& ec, size_t n);
  void make_room();
  std::string_view inbox() const { return {inbox_.get() + begin_, end_ - begin_}; }
  void consume(size_t n) { begin_ += n; }

  std::shared_ptr<Floor> floor_;
  Socket socket_;
  std::optional<Tls> tls_;
  Timer wake_;  // an event: armed for ever, cancelled to wake the reader
  Timer pause_;
  Peer peer_;
  std::string origin_;
  Instant deadline_ = Instant::never();
  size_t capacity_;  // grows with what comes, up to the limit of a head
  std::unique_ptr<char[]> inbox_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool reading_ = false;
  bool filled_ = false;       // by the last read
  bool idle_ = true;          // no request has begun
  bool input_ended_ = false;  // EOF or an error: the client is gone
  bool ended_ = false;        // by us
};

}  // namespace keel::http
