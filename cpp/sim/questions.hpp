#pragma once
// An arrival as the request a relay takes. Nobody's words: where a cache could keep the answer, or
// a stream be gone on with, the body is a few bytes that hold the question's identity, so that
// equal questions have equal canonical forms; the sizes are told by the facts.

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/workload.hpp"

#include <string>
#include <unordered_map>

namespace keel::sim {

class Questions {
 public:
  explicit Questions(const relay::Config& config);

  relay::Request make(const Arrival& arrival, CallId call);

 private:
  struct Form {  // of a model's questions, plain or streamed
    std::string text;
    wire::Facts facts;
    size_t identity_at = 0;  // 17 bytes
  };
  const Form& form_of(const std::string& model, bool stream);

  bool caches_ = false;  // some route does
  std::unordered_map<std::string, Form> plain_, streamed_;
};

}  // namespace keel::sim
