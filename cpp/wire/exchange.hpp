#pragma once
// How one provider API is spoken: what to send for a request, and what its reply amounts to. One
// implementation per dialect; they are stateless, so one constant of each serves everybody.

#include "base/body.hpp"
#include "base/secret.hpp"
#include "base/vocabulary.hpp"
#include "wire/facts.hpp"
#include "wire/headers.hpp"
#include "wire/stream.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::wire {

// The head of a request. `path` goes behind the provider's base URL. The headers hold the key.
struct HttpRequest {
  std::string method;
  std::string path;
  Headers headers;
};

// What changes in the client's request for one target.
struct Retarget {
  std::string_view model;                    // the target's own name for it
  std::optional<int64_t> max_output_tokens;  // a limit to splice in, per choice
  // What bounds the output where the client named no field. A target that goes by `max_tokens` may
  // not know the newer field, so there a client's `max_completion_tokens` is renamed.
  std::string_view max_tokens_field = "max_completion_tokens";
  bool ask_usage = false;  // stream_options.include_usage: true, where the client did not say so
  // An answer that was begun elsewhere, to be gone on with; `prefill` says how the model takes it.
  std::string_view begun;
  Prefill prefill = Prefill::none;
};

// A complete reply, judged as far as its bytes go. Transport failures never come here: the driver
// knows them first. `outcome.ended` is replied or unusable.
struct Decoded {
  Outcome outcome;
  std::string model_served;
  std::string finish_reason;  // of the first choice
  std::string upstream_request_id;
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  virtual std::string_view name() const = 0;
  // An empty key sends none; nor does one that is_header_value refuses (checked at configuration).
  // The client's user agent is appended to ours.
  virtual HttpRequest head(Operation operation, const Secret& key,
                           std::string_view client_user_agent) const = 0;
  // A free call that shows whether the provider and the key are alive (SEMANTICS A12).
  virtual HttpRequest probe(const Secret& key) const = 0;
  virtual SplicedBody encode(const Body& request, const Facts& facts, const Retarget& to) const = 0;
  virtual Decoded decode_reply(Operation operation, int status, const Headers& headers,
                               const Body& reply, int64_t unix_now_ns) const = 0;
  // Reads a 2xx that is an event stream.
  virtual std::unique_ptr<StreamReader> stream_reader(Operation operation) const = 0;
  // A complete 2xx where a stream was asked for (some proxies of local models), as the stream it
  // ought to have been: the same texts, ids and counts. One error or unparsable event, without
  // bytes, if it is no usable answer.
  virtual std::vector<StreamEvent> events_of_plain(Operation operation,
                                                   const Body& reply) const = 0;
  // The text of a usable reply's first choice; empty if it has none (tool calls only).
  virtual std::string text_of(const Body& reply) const = 0;
};

// "openai"; nullptr for a name nobody speaks here.
const Dialect* dialect_named(std::string_view name);

// Counts beyond this in one reply are nonsense, and nonsense counts as no usage at all.
inline constexpr int64_t kUsageTokensMax = 100'000'000;

// The client's bytes with what `to` names replaced or added, and our own members cut out; a value
// that is already as wanted is left alone.
SplicedBody retarget(const Body& request, const Facts& facts, const Retarget& to);

}  // namespace keel::wire
