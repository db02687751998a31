#pragma once
// One call of a client: its request given to the relay, the answer brought back whole or in pieces.
// A client that leaves takes its call with it.

#include "http/responder.hpp"
#include "server/generation.hpp"
#include "server/logbook.hpp"

#include <memory>
#include <string>

namespace keel::server {

// A request that is being answered.
struct Exchange {
  http::Request& request;
  http::Responder& responder;
  std::shared_ptr<Generation> generation;  // the one it came in under
  std::string id;                          // x-request-id
  std::string tenant;
  Instant came;
};

// Gives a reply what every reply has.
http::Reply with_id(http::Reply reply, const std::string& id);

http::Task<> ask_plain(Exchange& on, relay::Request&& request, Logbook& log);
http::Task<> ask_stream(Exchange& on, relay::Request&& request, Logbook& log);

// For both: an answer that is told whole.
http::Task<> reply_whole(Exchange& on, const relay::Answer& answer);

}  // namespace keel::server
