#pragma once
// How a handler answers: whole, as a stream, or (the mock) wrongly on purpose.

#include "base/time.hpp"
#include "http/message.hpp"
#include "http/task.hpp"

namespace keel::http {

class Connection;

class Responder {
 public:
  Responder(Connection& connection, const Request& request);

  // A whole reply. False if the client is gone.
  Task<bool> reply(const Reply& reply);
  // Likewise, with a body that stands elsewhere; it must stay there until this is over.
  Task<bool> reply(const Reply& head, std::string_view body);

  // A stream: begin flushes the head at once, and `first` with it; write returns when the bytes are
  // with the kernel (a slow reader holds the writer back), finish ends it properly. With `length`
  // the body is framed by Content-Length, and it is the caller who keeps that promise, or does not.
  Task<bool> begin(const Reply& head, std::optional<uint64_t> length = {},
                   std::string_view first = {});
  Task<bool> write(std::string_view bytes);
  Task<bool> finish();

  // Waiting. sleep ends early only if the server ends the connection.
  Task<> sleep(Duration d);
  Task<> wait_gone();
  // Until wake() is called or something comes from the client; may end without a reason.
  Task<> wait();
  void wake();
  bool gone() const;

  // Misbehaviour: nothing is announced, nothing is completed.
  void reset();  // RST
  void close();  // FIN, whatever was promised
  // After this reply the connection is closed without a word, once `idle` has passed.
  void close_silently_after(Duration idle);

  bool begun() const { return begun_; }
  bool complete() const { return complete_; }
  bool keeps_alive() const { return keep_alive_; }
  bool closes_silently() const { return closes_silently_; }
  Duration silent_idle() const { return silent_idle_; }

 private:
  Connection& connection_;
  std::string head_;
  Duration silent_idle_ = Duration::zero();
  int minor_version_;
  bool keep_alive_;
  bool bodiless_;  // HEAD
  bool chunked_ = false;
  bool begun_ = false;
  bool complete_ = false;
  bool closes_silently_ = false;
};

}  // namespace keel::http
