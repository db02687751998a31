#pragma once
// Carries one behaviour out: the waits, the bytes, and what goes wrong with them.

#include "http/responder.hpp"
#include "mock/reply.hpp"

#include <functional>
#include <string>

namespace keel::mock {

struct Exchange {
  const Prompt& prompt;
  const Behaviour& behaviour;
  Endpoint on = Endpoint::chat;
  ReplyNames names;
  http::Fields fields;         // sent with every head
  Duration latency;            // before the first byte
  Completion completion;       // empty for embeddings
  std::function<void()> bill;  // the tokens are made now
  bool delivered = false;      // out
};

http::Task<> answer(Exchange& exchange, http::Responder& responder);

// What the tally calls an answer: its HTTP status, or the name of its fault.
std::string status_of(const Behaviour& behaviour);

}  // namespace keel::mock
