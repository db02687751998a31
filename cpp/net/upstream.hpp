#pragma once
// Sends one HTTP exchange and says how it ended. An interface, so that another client than libcurl
// may take the hot path without the driver noticing.

#include "base/body.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keel::net {

using ExchangeId = uint64_t;
using Headers = std::vector<std::pair<std::string, std::string>>;

// What may come back, at most; more makes the exchange broken. Heads of 1xx replies and trailers
// count towards the head.
struct ReplyLimits {
  size_t body_bytes = 64u << 20;
  size_t head_bytes = 16u << 10;
  size_t head_fields = 128;
};

struct HttpRequest {
  enum class Method : uint8_t { get, post };

  Method method = Method::post;
  std::shared_ptr<const Endpoint> endpoint;
  std::string path;  // behind the endpoint's prefix, from its '/'
  Headers headers;   // what they hold is checked (a line break would add a header), not printed
  SplicedBody body;  // read as it is sent, never copied whole; none with get
  ReplyLimits limits;
  bool ask_at_head = false;  // on_head says how the reply's body is to come; else whole
};

enum class TransportEnd : uint8_t {
  not_sent,  // no byte of the request left
  broken,    // bytes left, and no complete reply came that is within the limits
  complete,  // a head and the whole of its body came
};

struct HttpReply {
  TransportEnd end = TransportEnd::not_sent;
  int status = 0;    // 0: no complete head came
  Headers headers;   // names in lower case, in order; no trailers
  std::string body;  // empty if it came in pieces
  bool reused_connection = false;
  Duration first_byte;  // from start() to the reply's first byte; zero: none came
  std::string error;    // what failed and where, unless complete; never a secret
};

enum class BodyWay : uint8_t {
  whole,   // collected, in HttpReply::body
  pieces,  // by on_bytes as it comes; nothing of it is kept
};

// Told on the loop's thread, never from inside start(), pause() or abort(), all of which it may
// call; of an exchange that it aborts nothing more is told.
class UpstreamListener {
 public:
  virtual ~UpstreamListener() = default;
  // From here on bytes of the request leave: the end will be broken or complete.
  virtual void on_sent(ExchangeId exchange) = 0;
  // The final head of a reply whose request asked for it, once, before anything of its body.
  virtual BodyWay on_head(ExchangeId exchange, int status, const Headers& headers) = 0;
  // The next bytes of a body in pieces, never none, within the wake-up that read them.
  virtual void on_bytes(ExchangeId exchange, std::string&& bytes) = 0;
  // The end, once, unless aborted before.
  virtual void on_end(ExchangeId exchange, HttpReply&& reply) = 0;
};

// Belongs to the loop's thread.
class Upstream {
 public:
  virtual ~Upstream() = default;
  virtual void start(ExchangeId exchange, HttpRequest request, Instant now) = 0;
  // Stops reading the reply's body, or goes on. What was read before is still told, one more
  // libcurl buffer at most is read, and the end waits with the rest. An id that is not under way is
  // ignored, as is what does not change anything.
  virtual void pause(ExchangeId exchange, bool on) = 0;
  // Closes its connection at once and forgets it; an id that is not under way is ignored.
  virtual void abort(ExchangeId exchange) = 0;
};

}  // namespace keel::net
