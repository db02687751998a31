#pragma once
// The lines of the request log and of the structured log: JSON, one object per line, without its
// newline. They hold names, numbers and labels; no secret, and no word of a prompt or a reply.
// Whoever drives the relay writes them somewhere.

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "relay/trace.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace keel::relay {

// The request log's line (CONVENTIONS, "Request log", v 1). `trace` is the answer's own;
// `began_unix_ns` is the wall clock at the request's arrival. What does not apply is null.
std::string request_log_line(const Answer& answer, const Trace& trace, int64_t began_unix_ns);

// 128 bits in hex over tenant, operation, model asked for and canonical request: equal for requests
// that ask the same. Empty if the request has no canonical form. `canonical` is used if it is
// there.
std::string log_identity(const Request& request, const Body& canonical);

// The client's tags, an object of strings (wire/tags): of its head, its `metadata` and its `user`.
std::string log_tags(const Request& request);

// How loud a notice is: log it if this is at least the configured level.
LogLevel level_of(Notice::Kind kind);
std::string_view name_of(LogLevel level);
// {"v":1,"time":...,"level":...,"event":...,"subject":...,"text":...}
std::string notice_line(const Notice& notice, LogLevel level, int64_t unix_ns);

}  // namespace keel::relay
