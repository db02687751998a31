#pragma once
// An answer as Python holds it: with the configuration that has the names of who gave it.

#include "relay/config.hpp"
#include "relay/events.hpp"

#include <memory>
#include <string>

namespace keel::binding {

struct GivenAnswer {
  relay::Answer answer;
  std::shared_ptr<const relay::Config> config;

  const relay::TargetConfig* target() const {
    return answer.from_target ? &config->targets[answer.target] : nullptr;
  }
  std::string provider() const;  // empty: nobody answered
  std::string model() const;
  std::string text() const;  // of the first choice of a whole reply
};

}  // namespace keel::binding
