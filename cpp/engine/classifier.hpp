#pragma once
// What an outcome means: the table of SEMANTICS A2 as one pure function. Named provider codes
// override the status, other codes do not.

#include "base/vocabulary.hpp"

namespace keel::engine {

struct ClassifierSettings {
  bool bills_errors = false;  // the provider entry says that it bills error replies
};

Verdict classify(const Outcome& outcome, const ClassifierSettings& settings = {});

}  // namespace keel::engine
