#pragma once
// `keeld serve CONFIG`: the gateway, until a signal ends it.

#include <string>
#include <vector>

namespace keel::keeld {

int serve_command(const std::vector<std::string>& args);

}  // namespace keel::keeld
