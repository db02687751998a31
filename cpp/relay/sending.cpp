#include "relay/sending.hpp"

#include "relay/call.hpp"
#include "relay/engines.hpp"
#include "wire/exchange.hpp"

namespace keel::relay {

Send send_of(const Engines& engines, const Call& call) {
  const Attempt& attempt = *call.attempt;
  const wire::Facts& facts = call.request.facts;
  const ProviderConfig& provider = engines.provider_of(attempt.target);
  const ModelConfig& model = engines.model_of(attempt.target);
  Send send{.call = call.request.call, .attempt = attempt.id, .target = attempt.target};
  if (!provider.keys.empty()) send.key = attempt.key->key;
  send.operation = facts.operation;
  send.stream = facts.stream;
  send.forward = call.request.forward;
  send.max_output_tokens = attempt.clamped;
  if (call.request.body.empty()) return send;
  wire::Retarget to{.model = model.name, .max_output_tokens = attempt.clamped};
  to.max_tokens_field = provider.max_tokens_field;
  to.ask_usage = facts.stream && provider.stream_options;
  if (call.resuming == Resume::continuation) {
    to.begun = call.delivery.text();
    to.prefill = model.prefill;
  }
  send.body = wire::retarget(call.request.body, facts, to);
  return send;
}

}  // namespace keel::relay
