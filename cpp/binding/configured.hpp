#pragma once
// A configuration as Python holds it: with where it came from, for messages and explanations.

#include "config/reader.hpp"

#include <memory>

namespace keel::binding {

struct Configured {
  std::shared_ptr<const relay::Loaded> loaded;

  std::shared_ptr<const relay::Config> config() const { return {loaded, &loaded->config}; }
};

}  // namespace keel::binding
