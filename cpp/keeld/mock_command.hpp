#pragma once

#include <string>
#include <vector>

namespace keel::keeld {

// `keeld mock ARGS`: runs the fake provider until SIGINT or SIGTERM. Gives the exit code.
int mock_command(const std::vector<std::string>& args);

}  // namespace keel::keeld
