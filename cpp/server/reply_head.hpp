#pragma once
// The response headers of CONVENTIONS.md: who answered, after how many sends, at what cost, and
// what a client should do next.

#include "http/message.hpp"
#include "relay/engines.hpp"
#include "relay/events.hpp"

#include <string>
#include <string_view>

namespace keel::server {

// x-keel-* of an answer, its delays and hints, the provider's fields. `overhead` is the time that
// was ours: from the request's arrival to its first attempt, and from its last attempt's end.
void add_answer_fields(const relay::Config& config, const relay::Answer& answer, Duration overhead,
                       http::Fields& out);
// What is known of it when a stream begins: neither cost nor overhead.
void add_stream_fields(const relay::Config& config, const relay::StreamHead& head,
                       http::Fields& out);

// x-ratelimit-{limit,remaining,reset}-{requests,tokens} of the account that has least left, from
// the tenant up to the relay. Where there is one, the provider's own are taken out of `out`.
void add_limits(const relay::Engines& engines, const std::string& tenant, Instant now,
                http::Fields& out);

// Whole seconds, rounded up: a client that waits less would come too early.
std::string retry_after_text(Duration delay);

Duration overhead_of(const relay::Trace& trace, Instant came, Instant now);

}  // namespace keel::server
