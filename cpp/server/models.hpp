#pragma once
// GET /v1/models in OpenAI's list shape: what may stand in a request's `model`.

#include "relay/config.hpp"

#include <string>

namespace keel::server {

std::string models_body(const relay::Config& config, int64_t created_unix_s);

}  // namespace keel::server
